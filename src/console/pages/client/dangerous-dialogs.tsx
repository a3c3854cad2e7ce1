import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { useResource } from '../../api/queries.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import type { Client } from '../clients/words.ts';
import { clientPath } from './address.ts';

interface DialogProps {
  readonly client: Client;
  readonly onClose: () => void;
}

/** Disables a client, or enables it. */
export function StatusDialog({ client, onClose }: DialogProps) {
  const { client_id, client_name } = client;
  // As it was when the dialog was opened: a status that is read meanwhile must not turn the button into its opposite.
  const [isDisabled] = useState(client.status === 'disabled');
  const status = isDisabled ? 'active' : 'disabled';
  const body = { status } as const;
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    body,
    invalidates: ['/v1/clients'],
    success: isDisabled ? 'The client is enabled.' : 'The client is disabled.',
    onDone: onClose,
  });
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={isDisabled ? 'Enable the client' : 'Disable the client'}
      actions={
        <Button kind={isDisabled ? 'primary' : 'danger'} isRunning={action.isRunning} onClick={() => void action.run()}>
          {isDisabled ? 'Enable' : 'Disable'}
        </Button>
      }
    >
      <p>
        <SafeText text={client_name} />{' '}
        {isDisabled
          ? 'can get tokens again at once. Tokens from before it was disabled stay invalid.'
          : 'gets no tokens from now on, and the tokens that it has end for good, even if you enable it again.'}
      </p>
      {action.problem && <ErrorBox problem={action.problem} />}
      <CallHint
        call={{ method: 'patch', path: clientPath(client_id), body }}
        command={commandFor(['clients', 'update', client_id], body)}
      />
    </Dialog>
  );
}

/** Revokes all tokens of a client. Its name must be typed. */
export function RevokeDialog({ client: { client_id, client_name }, onClose }: DialogProps) {
  const quota = useResource('/v1/clients/{client_id}/quota', { path: { client_id } });
  const action = useAction({
    method: 'post',
    path: '/v1/clients/{client_id}/revoke-tokens',
    params: { path: { client_id } },
    invalidates: ['/v1/clients', '/v1/audit-events'],
    success: 'All tokens of the client are revoked.',
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Revoke all tokens"
      confirmName={client_name}
      action="Revoke all tokens"
      run={() => action.run()}
      isRunning={action.isRunning}
      problem={action.problem}
      consequences={[
        { label: 'Tokens issued since midnight (UTC)', count: quota.error ? 'unknown' : quota.data?.day.issued },
      ]}
      call={{ method: 'post', path: clientPath(client_id, '/revoke-tokens') }}
      command={commandFor(['clients', 'revoke-tokens', client_id])}
    >
      <p>
        Every token that it has so far becomes invalid. Verifiers that ask see it at once; verifiers that check offline
        only when the token expires, unless they read the revocation feed. The client can get new tokens right away: to
        stop it, disable it.
      </p>
    </ConfirmDialog>
  );
}

interface DeleteDialogProps extends DialogProps {
  readonly etag: string | undefined;
  readonly onDeleted: () => void;
}

/** Deletes a client. Its name must be typed. */
export function DeleteDialog({ client, etag, onClose, onDeleted }: DeleteDialogProps) {
  const { client_id, client_name, grants, roles } = client;
  const credentials = useResource('/v1/clients/{client_id}/credentials', { path: { client_id } });
  const quota = useResource('/v1/clients/{client_id}/quota', { path: { client_id } });
  const action = useAction({
    method: 'delete',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    etag,
    invalidates: ['/v1/clients'],
    success: 'The client is deleted.',
    onDone: onDeleted,
    onReload: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Delete the client"
      confirmName={client_name}
      action="Delete"
      run={() => action.run()}
      isRunning={action.isRunning}
      problem={action.problem}
      consequences={[
        { label: 'Credentials', count: credentials.error ? 'unknown' : credentials.data?.data.length },
        { label: 'Tokens issued since midnight (UTC)', count: quota.error ? 'unknown' : quota.data?.day.issued },
        { label: 'Own grants', count: grants.length },
        { label: 'Roles that it holds', count: roles.length },
      ]}
      call={{ method: 'delete', path: clientPath(client_id), ...(etag !== undefined && { ifMatch: etag }) }}
      command={commandFor(['clients', 'delete', client_id])}
    >
      <p>
        The machine is refused from now on, and its tokens end. This cannot be undone: a new client has another id and
        secret.
      </p>
    </ConfirmDialog>
  );
}
