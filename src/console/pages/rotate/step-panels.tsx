import { type ReactNode, useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import type { Schema } from '../../api/types.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { Section } from '../../ui/section.tsx';
import { Time } from '../../ui/time.tsx';
import type { ShownClient } from '../grants/shown.ts';
import { canCancel, type Rotation, type ShownSecret } from './rotation.ts';
import { SecretTable } from './secret-table.tsx';

const GRACES = [
  { value: 'none', label: 'until I delete it' },
  { value: '3600', label: 'for one more hour' },
  { value: '86400', label: 'for one more day' },
  { value: '604800', label: 'for one more week' },
] as const;
type Grace = (typeof GRACES)[number]['value'];

interface PanelProps {
  readonly client: ShownClient;
  readonly address: string;
}

const pathOf = ({ client_id }: ShownClient, rest: string) =>
  `/v1/clients/${encodeURIComponent(client_id)}/secrets${rest}`;

interface CreateStepProps extends PanelProps {
  readonly rotation: Extract<Rotation, { step: 'create' }>;
  readonly onCreated: (created: Schema<'CreatedSecret'>) => void;
}

/** The first step, in which nothing has happened yet. */
export function CreateStep({ client, rotation: { current, kept }, onCreated, address }: CreateStepProps) {
  const [grace, setGrace] = useState<Grace>('none');
  const { client_id } = client;
  const body = grace === 'none' ? {} : { grace_seconds: Number(grace) };
  const rotate = useAction({
    method: 'post',
    path: '/v1/clients/{client_id}/secrets/rotate',
    params: { path: { client_id } },
    body,
    invalidates: ['/v1/clients'],
    onAnswer: (created) => onCreated(created as Schema<'CreatedSecret'>),
  });
  const submit = () => rotate.run();
  return (
    <Section
      title="Create a new secret"
      description="The new secret is shown once. The old one stays accepted, so the machine keeps working until you deploy the new one."
    >
      {current && current.leaked_at === null && (
        <p>
          The secret in use ends in <code>…{current.hint}</code>. It was created <Time at={current.created_at} /> and
          last used <Time at={current.last_used_at} />.
        </p>
      )}
      {current && current.leaked_at !== null && (
        <p className="rotate-warning">
          The secret <code>…{current.hint}</code> was reported as leaked <Time at={current.leaked_at} /> and is refused
          since then.
          {kept && (
            <>
              {' '}
              The new one replaces it. The older secret <code>…{kept.hint}</code> stays accepted.
            </>
          )}
        </p>
      )}
      <Form onSubmit={submit} problem={rotate.problem}>
        <SelectField
          name="/grace_seconds"
          label="The old secret stays accepted"
          help="With an end, a machine that you forget stops working at that time."
          value={grace}
          options={GRACES}
          onChange={setGrace}
        />
        <FormActions>
          <Button type="submit" kind="primary" isRunning={rotate.isRunning}>
            Create the new secret
          </Button>
          <LinkButton kind="quiet" href={address}>
            Back to the client
          </LinkButton>
        </FormActions>
      </Form>
      <CallHint
        call={{ method: 'post', path: pathOf(client, '/rotate'), body }}
        command={commandFor(['secrets', 'rotate', client_id], { grace: grace === 'none' ? undefined : `${grace}s` })}
      />
    </Section>
  );
}

interface ReplaceStepsProps extends PanelProps {
  readonly rotation: Extract<Rotation, { step: 'deploy' | 'watch' | 'delete' }>;
  readonly created: Schema<'CreatedSecret'> | undefined;
}

const TITLES = {
  deploy: 'Deploy the new secret',
  watch: 'Watch the old secret',
  delete: 'Delete the old secret',
} as const;

/** The steps in which both secrets are accepted. */
export function ReplaceSteps({ client, rotation: { step, current, old }, created, address }: ReplaceStepsProps) {
  const [asked, setAsked] = useState<'delete' | 'cancel'>();
  useEffect(() => {
    if (created) document.querySelector<HTMLElement>('h1')?.focus();
  }, [created]);
  return (
    <Section title={TITLES[step]}>
      {created && <SecretOnce label="New client secret" value={created.client_secret} />}
      <div aria-live="polite">
        <p>{explanation(step, created !== undefined)}</p>
      </div>
      <SecretTable secrets={[current, old]} newestId={current.id} />
      <p className="faint" aria-live="polite">
        The old secret: <SafeText text={old.reason} />
      </p>
      <div className="rotate-actions">
        <Button kind={step === 'delete' ? 'primary' : 'secondary'} onClick={() => setAsked('delete')}>
          {step === 'delete' ? 'Delete the old secret' : 'Delete the old secret now'}
        </Button>
        {canCancel(old, Date.now()) && <Button onClick={() => setAsked('cancel')}>Cancel the rotation</Button>}
        <LinkButton kind="quiet" href={address}>
          Leave, and come back later
        </LinkButton>
      </div>
      <DeleteDialog
        client={client}
        secret={old}
        isOpen={asked === 'delete'}
        onClose={() => setAsked(undefined)}
        title="Delete the old secret"
        isSafe={step === 'delete'}
        done="The old secret was deleted. The rotation is finished."
        address={address}
        consequences={[
          { label: 'Last use of the old secret', count: old.last_used_at === null ? 'never' : lastUse(old) },
          { label: 'Last use of the new secret', count: current.last_used_at === null ? 'not yet' : lastUse(current) },
        ]}
      >
        {step !== 'delete' && (
          <p>
            A program that still has the old secret is refused from then on. {old.reason}
            {current.last_used_at === null && ' The new secret was never used: the machine may not have it yet.'}
          </p>
        )}
      </DeleteDialog>
      <CancelDialog
        client={client}
        current={current}
        old={old}
        isOpen={asked === 'cancel'}
        onClose={() => setAsked(undefined)}
      />
    </Section>
  );
}

const lastUse = ({ last_used_at }: ShownSecret) =>
  last_used_at === null ? 'never' : new Date(last_used_at).toLocaleString();

function explanation(step: 'deploy' | 'watch' | 'delete', isShown: boolean): string {
  if (step === 'delete') return 'Nothing uses the old secret any more. Deleting it ends the rotation.';
  if (step === 'watch') {
    return 'The new secret is in use. This page shows when the old one was last used, to the hour, and says when it is safe to delete.';
  }
  return isShown
    ? 'Both secrets are accepted now. Give the machine the new one. This page notices when it is used.'
    : 'Both secrets are accepted now. The new one was shown when it was created. If nobody stored it, cancel the rotation and begin again.';
}

interface DeleteDialogProps {
  readonly client: ShownClient;
  readonly secret: ShownSecret;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  /** Whether it breaks no program, so that no name has to be typed. */
  readonly isSafe: boolean;
  readonly done: string;
  readonly address: string;
  readonly consequences?: readonly { readonly label: string; readonly count: string }[];
  readonly children?: ReactNode;
}

function DeleteDialog({
  client,
  secret,
  isOpen,
  onClose,
  title,
  isSafe,
  done,
  address,
  consequences = [],
  children,
}: DeleteDialogProps) {
  const [, navigate] = useLocation();
  const { client_id, client_name } = client;
  const remove = useAction({
    method: 'delete',
    path: '/v1/clients/{client_id}/secrets/{id}',
    params: { path: { client_id, id: secret.id } },
    invalidates: ['/v1/clients'],
    success: done,
    onDone: () => navigate(address),
  });
  return (
    <ConfirmDialog
      isOpen={isOpen}
      onClose={onClose}
      title={title}
      confirmName={isSafe ? undefined : client_name}
      consequences={consequences}
      action="Delete the secret"
      run={() => remove.run()}
      isRunning={remove.isRunning}
      problem={remove.problem}
      call={{ method: 'delete', path: pathOf(client, `/${secret.id}`) }}
      command={commandFor(['secrets', 'delete', client_id, secret.id])}
    >
      {children}
    </ConfirmDialog>
  );
}

interface CancelDialogProps {
  readonly client: ShownClient;
  readonly current: ShownSecret;
  readonly old: ShownSecret;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Makes the old secret the primary one again. Deleting the new one is a step of its own, which the page offers then. */
function CancelDialog({ client, current, old, isOpen, onClose }: CancelDialogProps) {
  const { client_id, client_name } = client;
  const promote = useAction({
    method: 'post',
    path: '/v1/clients/{client_id}/secrets/{id}/promote',
    params: { path: { client_id, id: old.id } },
    body: {},
    invalidates: ['/v1/clients'],
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      isOpen={isOpen}
      onClose={onClose}
      title="Cancel the rotation"
      confirmName={current.last_used_at === null ? undefined : client_name}
      action="Go back to the old secret"
      run={() => promote.run()}
      isRunning={promote.isRunning}
      problem={promote.problem}
      call={{ method: 'post', path: pathOf(client, `/${old.id}/promote`), body: {} }}
      command={commandFor(['secrets', 'promote', client_id, old.id])}
    >
      <p>
        The old secret <code>…{old.hint}</code> becomes the primary one again and no longer expires. Then the new secret{' '}
        <code>…{current.hint}</code> can be deleted.
      </p>
      {current.last_used_at !== null && (
        <p>The new secret is in use: machines that have it are refused once it is deleted.</p>
      )}
    </ConfirmDialog>
  );
}

interface CancelledProps extends PanelProps {
  readonly rotation: Extract<Rotation, { step: 'cancelled' }>;
}

/** What remains to be done after a rotation was cancelled. */
export function Cancelled({ client, rotation: { current, discarded }, address }: CancelledProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <Section
      title="Delete the new secret"
      description="The rotation was cancelled. The old secret is the primary one again."
    >
      <SecretTable secrets={[current, discarded]} newestId={discarded.id} />
      <div className="rotate-actions">
        <Button kind="primary" onClick={() => setAsking(true)}>
          Delete the new secret
        </Button>
        <Resume client={client} discarded={discarded} />
        <LinkButton kind="quiet" href={address}>
          Leave, and come back later
        </LinkButton>
      </div>
      <DeleteDialog
        client={client}
        secret={discarded}
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title="Delete the new secret"
        isSafe={discarded.last_used_at === null}
        done="The new secret was deleted. Everything is as it was before."
        address={address}
      >
        {discarded.last_used_at !== null && <p>Machines that already use the new secret are refused from then on.</p>}
      </DeleteDialog>
    </Section>
  );
}

function Resume({ client, discarded }: { readonly client: ShownClient; readonly discarded: ShownSecret }) {
  const promote = useAction({
    method: 'post',
    path: '/v1/clients/{client_id}/secrets/{id}/promote',
    params: { path: { client_id: client.client_id, id: discarded.id } },
    body: {},
    invalidates: ['/v1/clients'],
  });
  return (
    <>
      <Button isRunning={promote.isRunning} onClick={() => promote.run()}>
        Resume the rotation
      </Button>
      {promote.problem && <ErrorBox problem={promote.problem} />}
    </>
  );
}
