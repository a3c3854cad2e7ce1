import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { useFormBase } from '../../api/form-base.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { toast } from '../../ui/toast.tsx';
import { GrantSummary } from '../grants/grant-summary.tsx';
import { lossesOf, removedGrants } from '../grants/holders.ts';
import { type ShownClient, type ShownRole, shownRoles } from '../grants/shown.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';
import { changedFields } from '../resource-server/server-draft.ts';
import { type RoleDraft, RoleFields } from './role-fields.tsx';

interface EditRoleProps {
  readonly role: ShownRole;
  readonly etag: string | undefined;
  readonly organizationId: string;
  /** The clients that have the role, as far as they were read; undefined if the session may not read them. */
  readonly clients: readonly ShownClient[] | undefined;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
}

/** Changes a role. If it takes something from clients, it first says what and from whom. */
export function EditRole({ organizationId, clients, hasMore, isLoading, ...current }: EditRoleProps) {
  const form = useFormBase<RoleDraft>(current.role, current.etag, isUnchanged);
  const { base: role, draft, setDraft, etag: version } = form;
  const [isAsking, setAsking] = useState(false);
  const roles = useCompleteList(
    '/v1/roles',
    { query: { organization_id: organizationId } },
    { enabled: useCan('roles:read') },
  );
  const { id } = current.role;
  const changes = changedFields(fieldsOf(role), fieldsOf(draft));
  const isChanged = Object.keys(changes).length > 0;
  const removed = removedGrants(role.grants, draft.grants);
  const losses = lossesOf(role.name, removed, clients ?? [], shownRoles(roles.rows));
  // Clients that are not read yet may lose something, too.
  const isIncomplete = hasMore || isLoading || roles.isLoading;
  const takesSomething = removed.length > 0 && (losses.length > 0 || isIncomplete || clients === undefined);
  const isRenamed = changes.name !== undefined && (clients === undefined || isIncomplete || clients.length > 0);
  const update = useAction({
    method: 'patch',
    path: '/v1/roles/{id}',
    params: { path: { id } },
    body: changes as { name?: string },
    etag: version,
    invalidates: ['/v1/roles', '/v1/clients'],
    success: 'The role was changed.',
    onDone: () => setAsking(false),
    onReload: form.reset,
  });
  const save = async () => {
    if (await update.run()) form.reset();
    // A refusal is shown in the form, not behind the question.
    setAsking(false);
  };
  const path = `/v1/roles/${encodeURIComponent(id)}`;
  const call = { method: 'patch', path, body: changes, ...(version !== undefined && { ifMatch: version }) };
  const command = fieldsCommand(['roles', 'update', id], changes, { 'if-match': version });
  const submit = () => {
    if (!isChanged) return toast.success('Nothing was changed.');
    if (takesSomething || isRenamed) return setAsking(true);
    return save();
  };
  return (
    <Form onSubmit={submit} problem={update.problem}>
      <RoleFields
        organizationId={organizationId}
        draft={draft}
        onChange={(changed) => setDraft({ ...draft, ...changed })}
      />
      <FormActions>
        <Button type="submit" kind="primary" isRunning={update.isRunning}>
          Save
        </Button>
        <Button kind="quiet" onClick={form.reset}>
          Undo my changes
        </Button>
      </FormActions>
      {isChanged && <CallHint call={call} command={command} />}
      <ConfirmDialog
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title={takesSomething ? 'Clients lose something' : 'Rename the role'}
        confirmName={role.name}
        consequences={[
          {
            label: takesSomething ? 'Clients that lose something' : 'Clients whose tokens name the role',
            count: countOfClients(clients && (takesSomething ? losses.length : clients.length), isIncomplete),
          },
        ]}
        action="Save the change"
        run={save}
        isRunning={update.isRunning}
        call={call}
        command={command}
      >
        {isRenamed && (
          <p>The claim roles of new tokens has the new name. APIs that look for the old one must change, too.</p>
        )}
        {takesSomething && (
          <>
            <p>The role no longer grants this. Clients that have it by another role or by themselves keep it.</p>
            <GrantSummary grants={removed} />
            <ul className="grants-names">
              {losses.map(({ client, lost }) => (
                <li key={client.client_id}>
                  <strong>
                    <SafeText text={client.client_name} />
                  </strong>{' '}
                  loses {lost.flatMap(({ scopes }) => scopes).join(', ') || 'its access'}
                </li>
              ))}
            </ul>
          </>
        )}
      </ConfirmDialog>
    </Form>
  );
}

function isUnchanged(draft: RoleDraft, base: RoleDraft): boolean {
  return Object.keys(changedFields(fieldsOf(base), fieldsOf(draft))).length === 0;
}

function countOfClients(count: number | undefined, hasMore: boolean): string {
  if (count === undefined) return 'unknown';
  return hasMore ? `${count} or more` : String(count);
}

/** Returns the fields as the API takes them. The order of grants and of their scopes means nothing. */
function fieldsOf({ name, description, grants }: RoleDraft): RoleDraft {
  return {
    name: name.trim(),
    description: description.trim(),
    grants: grants.map(({ resource_server, scopes }) => ({ resource_server, scopes: [...scopes].sort() })),
  };
}
