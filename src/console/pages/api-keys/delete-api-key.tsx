import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { relativeTime, useNow } from '../../ui/time.tsx';
import type { ApiKey } from './types.ts';

interface DeleteProps {
  readonly apiKey: ApiKey;
  readonly onClose: () => void;
}

/** Deletes an API key. */
export function DeleteApiKey({
  apiKey: { id, name, last_used_at },
  isOwn,
  onClose,
}: DeleteProps & { readonly isOwn: boolean }) {
  const now = useNow();
  const remove = useAction({
    method: 'delete',
    path: '/v1/api-keys/{id}',
    params: { path: { id } },
    invalidates: ['/v1/api-keys'],
    success: 'The API key was deleted.',
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Delete the API key"
      confirmName={name}
      consequences={[
        { label: 'Last used', count: last_used_at ? relativeTime(Date.parse(last_used_at), now) : 'never' },
      ]}
      action="Delete"
      run={() => remove.run()}
      isRunning={remove.isRunning}
      problem={remove.problem}
      call={{ method: 'delete', path: `/v1/api-keys/${id}` }}
      command={commandFor(['api-keys', 'delete', id])}
    >
      <p>
        Programs that use <SafeText text={name} /> are refused at once.
        {isOwn && ' It is the key of this session: you are signed out.'}
      </p>
    </ConfirmDialog>
  );
}

/** Ends the rotation of an API key: only its new value works then. */
export function DeleteSecondary({ apiKey: { id, secondary }, onClose }: DeleteProps) {
  const now = useNow();
  const remove = useAction({
    method: 'delete',
    path: '/v1/api-keys/{id}/secondary',
    params: { path: { id } },
    invalidates: ['/v1/api-keys'],
    success: 'The old value was deleted.',
    onDone: onClose,
  });
  const used = secondary?.last_used_at;
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Delete the old value, …${secondary?.hint ?? ''}`}
      consequences={[{ label: 'Last used', count: used ? relativeTime(Date.parse(used), now) : 'never' }]}
      action="Delete the old value"
      run={() => remove.run()}
      isRunning={remove.isRunning}
      problem={remove.problem}
      call={{ method: 'delete', path: `/v1/api-keys/${id}/secondary` }}
      command={commandFor(['api-keys', 'delete-secondary', id])}
    >
      <p>{secondary?.reason}</p>
    </ConfirmDialog>
  );
}
