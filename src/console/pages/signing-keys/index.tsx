import { useState } from 'react';
import { commandFor } from '../../api/command.ts';
import { useResource } from '../../api/queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { Page } from '../../ui/page.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Time, useNow } from '../../ui/time.tsx';
import { Emergency } from './emergency.tsx';
import { Rotate } from './rotate.tsx';
import { SettlingNotice } from './settling.tsx';
import { algorithmsOf, phasesOf, type SigningKey } from './timeline.ts';
import { TimelineChart } from './timeline-chart.tsx';
import './signing-keys.css';
import '../keys.css';

/** Keys change by the minute at most, but an emergency is watched. */
const REFETCH_MS = 10_000;

const STATUS_TEXTS = { next: 'Next', active: 'Signs', retiring: 'Retiring' } as const;
const STATUS_TONES = { next: 'accent', active: 'good', retiring: 'neutral' } as const;

export default function SigningKeys() {
  const found = useResource('/v1/signing-keys', {}, { refetchInterval: REFETCH_MS });
  const [open, setOpen] = useState<'rotate' | { readonly compromised: SigningKey }>();
  const [change, setChange] = useState<string>();
  const close = () => setOpen(undefined);
  const keys = found.data?.data;
  return (
    <Page
      title="Signing keys"
      subtitle="Each algorithm has a key that signs and one that is already published. Keys rotate by themselves, by age."
      actions={keys && <Button onClick={() => setOpen('rotate')}>Rotate now…</Button>}
    >
      {found.error && <ErrorBox problem={found.error} retry={found.refetch} />}
      {!keys && !found.error && <Skeleton lines={8} />}
      {change !== undefined && <SettlingNotice changeId={change} onDone={found.refetch} />}
      {keys &&
        algorithmsOf(keys).map((alg) => (
          <Section key={alg} title={alg}>
            <TimelineChart alg={alg} keys={keys.filter((key) => key.alg === alg)} />
            <KeyTable
              keys={keys.filter((key) => key.alg === alg)}
              onCompromised={(key) => setOpen({ compromised: key })}
            />
          </Section>
        ))}
      <CallHint call={{ method: 'get', path: '/v1/signing-keys' }} command={commandFor(['keys', 'list'])} />
      {open === 'rotate' && keys && <Rotate keys={keys} onClose={close} />}
      {typeof open === 'object' && keys && (
        <Emergency
          signingKey={open.compromised}
          keys={keys}
          onClose={close}
          onAccepted={(id) => {
            close();
            setChange(id);
          }}
        />
      )}
    </Page>
  );
}

interface KeyTableProps {
  readonly keys: readonly SigningKey[];
  readonly onCompromised: (key: SigningKey) => void;
}

function KeyTable({ keys, onCompromised }: KeyTableProps) {
  return (
    <div className="table-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls, so the keyboard must reach it. */}
      <section className="table-scroll" aria-label={`${keys[0]?.alg} keys`} tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Status</th>
              <th scope="col">Published</th>
              <th scope="col">Signs from</th>
              <th scope="col">Retired</th>
              <th scope="col">Leaves the JWKS</th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => {
              const removal = phasesOf(key).find(({ name }) => name === 'retires')?.to;
              return (
                <tr key={key.kid}>
                  <td className="keys-kid">
                    <Id value={key.kid} />
                  </td>
                  <td>
                    <Badge tone={STATUS_TONES[key.status]}>{STATUS_TEXTS[key.status]}</Badge>
                  </td>
                  <td>
                    <Time at={key.created_at} />
                  </td>
                  <td>
                    <SignsFrom signingKey={key} />
                  </td>
                  <td>
                    <Time at={key.retired_at} absent="—" />
                  </td>
                  <td>
                    {removal === undefined ? (
                      <span className="faint">—</span>
                    ) : (
                      <Time at={new Date(removal).toISOString()} />
                    )}
                  </td>
                  <td>
                    <Button
                      kind="quiet"
                      size="small"
                      aria-label={`The key ${key.kid} is compromised`}
                      onClick={() => onCompromised(key)}
                    >
                      Compromised…
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </div>
  );
}

/** When a key signs: a next one at the next rotation, and not before every verifier has it. */
function SignsFrom({ signingKey: { status, signs_from, activated_at } }: { readonly signingKey: SigningKey }) {
  const now = useNow();
  if (status === 'next' && Date.parse(signs_from) <= now) return 'the next rotation';
  if (status === 'next') {
    return (
      <>
        a rotation, <Time at={signs_from} /> at the earliest
      </>
    );
  }
  return <Time at={activated_at !== null && activated_at > signs_from ? activated_at : signs_from} />;
}
