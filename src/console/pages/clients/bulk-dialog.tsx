import { useRef, useState } from 'react';
import { call } from '../../api/call.ts';
import { commandFor } from '../../api/command.ts';
import { ApiError } from '../../api/problem.ts';
import { invalidate } from '../../api/queries.ts';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { clientPath } from '../client/address.ts';
import { type Outcome, runBounded } from './bounded.ts';
import { NAMES_SHOWN, REQUESTS_AT_ONCE, TRIES_MAX, UNCONFIRMED_MAX, WAIT_MAX_S } from './constants.ts';

type Client = Schema<'Client'>;

interface BulkDialogProps {
  readonly clients: readonly Client[];
  readonly status: 'active' | 'disabled';
  /** @param failed the clients that were not changed, so that they stay selected */
  readonly onClose: (failed?: readonly Client[]) => void;
}

type Progress =
  | { readonly kind: 'asking' }
  | { readonly kind: 'running' | 'ended'; readonly outcomes: readonly Outcome<Client>[] };

/** Disables or enables several clients: asks, shows the progress, and says which ones failed and why. */
export function BulkDialog({ clients: chosen, status, onClose }: BulkDialogProps) {
  // Those that were chosen. The list forgets a client that no longer matches its filters.
  const [clients] = useState(chosen);
  const [progress, setProgress] = useState<Progress>({ kind: 'asking' });
  const [typed, setTyped] = useState('');
  const stop = useRef<AbortController>(undefined);
  const verb = status === 'disabled' ? 'Disable' : 'Enable';
  const count = clients.length === 1 ? '1 client' : `${clients.length} clients`;
  const outcomes = progress.kind === 'asking' ? [] : progress.outcomes;
  const failed = outcomes.flatMap((outcome) => (outcome.isDone ? [] : [outcome]));

  const mustConfirm = status === 'disabled' && clients.length > UNCONFIRMED_MAX;
  const isConfirmed = !mustConfirm || typed.trim() === String(clients.length);

  const run = async () => {
    stop.current = new AbortController();
    const done: Outcome<Client>[] = [];
    setProgress({ kind: 'running', outcomes: [] });
    const note = (outcome: Outcome<Client>) => {
      done.push(outcome);
      setProgress({ kind: 'running', outcomes: [...done] });
    };
    await runBounded(
      clients,
      REQUESTS_AT_ONCE,
      (client) => setStatus(client.client_id, status),
      note,
      stop.current.signal,
    );
    await invalidate('/v1/clients');
    setProgress({ kind: 'ended', outcomes: done });
  };
  const close = () => {
    if (progress.kind === 'running') return stop.current?.abort();
    const isDone = new Set(outcomes.flatMap(({ isDone, item }) => (isDone ? [item.client_id] : [])));
    onClose(progress.kind === 'asking' ? undefined : clients.filter(({ client_id }) => !isDone.has(client_id)));
  };

  return (
    <Dialog
      isOpen
      onClose={close}
      isDismissible={progress.kind === 'asking'}
      title={`${verb} ${count}`}
      closeLabel={{ asking: 'Cancel', running: 'Stop', ended: 'Close' }[progress.kind]}
      actions={
        progress.kind === 'ended' ? undefined : (
          <Button
            kind={status === 'disabled' ? 'danger' : 'primary'}
            isRunning={progress.kind === 'running'}
            disabled={!isConfirmed}
            onClick={() => void run()}
          >
            {verb}
          </Button>
        )
      }
    >
      {progress.kind === 'asking' && (
        <>
          <p>
            {status === 'disabled'
              ? 'They get no tokens from now on, and the tokens that they have end for good.'
              : 'They can get tokens again. Tokens from before stay invalid.'}
          </p>
          <ul className="clients-names" aria-label="Chosen clients">
            {clients.slice(0, NAMES_SHOWN).map(({ client_id, client_name }) => (
              <li key={client_id}>
                <SafeText text={client_name} />
              </li>
            ))}
            {clients.length > NAMES_SHOWN && <li>and {clients.length - NAMES_SHOWN} more</li>}
          </ul>
          {mustConfirm && (
            <TextField
              name="/confirm"
              label={`Type ${clients.length}, the number of clients, to confirm`}
              value={typed}
              onChange={setTyped}
              isCode
            />
          )}
          <CallHint
            call={{ method: 'patch', path: clientPath('CLIENT_ID'), body: { status } }}
            command={clients
              .slice(0, NAMES_SHOWN)
              .map(({ client_id }) => commandFor(['clients', 'update', client_id], { status }))
              .concat(clients.length > NAMES_SHOWN ? [`# … and ${clients.length - NAMES_SHOWN} more`] : [])
              .join('\n')}
          />
        </>
      )}
      {progress.kind !== 'asking' && (
        <>
          <progress className="clients-progress" max={clients.length} value={outcomes.length} aria-label="Progress" />
          <p role="status">{summaryOf(progress.kind, clients.length, outcomes.length, failed.length, status)}</p>
          {failed.length > 0 && (
            <ul className="clients-failed" aria-label="Failed clients">
              {failed.map(({ item, why }) => (
                <li key={item.client_id}>
                  <strong>
                    <SafeText text={item.client_name} />
                  </strong>
                  : <SafeText text={why} />
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Dialog>
  );
}

function summaryOf(kind: 'running' | 'ended', all: number, tried: number, failed: number, status: string): string {
  const verb = status === 'disabled' ? 'Disabled' : 'Enabled';
  const parts = [`${verb} ${tried - failed} of ${all}`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (kind === 'ended' && tried < all) parts.push(`${all - tried} not tried`);
  return `${parts.join(', ')}.`;
}

/** Sets the status of one client, and tries again if the service asks for it. @throws ApiError */
async function setStatus(clientId: string, status: 'active' | 'disabled'): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await call({
        method: 'patch',
        path: '/v1/clients/{client_id}',
        params: { path: { client_id: clientId } },
        body: { status },
      });
      return;
    } catch (error) {
      const { status: code, retryAfter = 1 } = error instanceof ApiError ? error.problem : { status: 0 };
      // A change of the status can be repeated: the second time it changes nothing.
      if (tries >= TRIES_MAX || ![0, 429, 503].includes(code)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(retryAfter, WAIT_MAX_S) * 1000));
    }
  }
}
