import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { useFormBase } from '../../api/form-base.ts';
import type { Body } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { toast } from '../../ui/toast.tsx';
import { DependentList, dependentsOf } from '../grants/dependents.tsx';
import type { ShownServer } from '../grants/shown.ts';
import { changedFields, fieldsOf, type ServerDraft } from './server-draft.ts';
import { ServerFields } from './server-fields.tsx';

interface EditServerProps {
  readonly server: ShownServer;
  readonly etag: string | undefined;
  readonly organizationId: string;
}

/** Changes a resource server. If it would take a scope from somebody, it first says from whom. */
export function EditServer({ organizationId, ...current }: EditServerProps) {
  const form = useFormBase<ServerDraft>(current.server, current.etag, isUnchanged);
  const { base, draft, setDraft, etag: version } = form;
  const { id } = current.server;
  const changes = changesOf(draft, base);
  const isChanged = Object.keys(changes).length > 0;
  const update = useAction({
    method: 'patch',
    path: '/v1/resource-servers/{id}',
    params: { path: { id } },
    body: changes as Body<'/v1/resource-servers/{id}', 'patch'>,
    etag: version,
    invalidates: ['/v1/resource-servers', '/v1/roles', '/v1/clients'],
    success: 'The resource server was changed.',
    onReload: form.reset,
  });
  const save = async (params?: {
    readonly path: { readonly id: string };
    readonly query: { readonly cascade: 'true' };
  }) => {
    if (await update.run(params && { params })) form.reset();
  };
  const dependents = dependentsOf(update.problem);
  const path = `/v1/resource-servers/${encodeURIComponent(id)}`;
  const command = (more: object) =>
    fieldsCommand(['resource-servers', 'update', id], changes, { 'if-match': version, ...more });
  const kept = new Set(draft.scopes.map(({ name }) => name.trim()));
  const removed = base.scopes.map(({ name }) => name).filter((name) => !kept.has(name));
  return (
    <Form
      onSubmit={() => (isChanged ? save() : toast.success('Nothing was changed.'))}
      problem={dependents ? undefined : update.problem}
    >
      <ServerFields draft={draft} isExisting onChange={(changed) => setDraft({ ...draft, ...changed })} />
      {removed.length > 0 && (
        <p className="resource-server-warning" role="status">
          {removed.length === 1 ? 'This removes the scope ' : 'This removes the scopes '}
          {removed.map((name, index) => (
            <span key={name}>
              {index > 0 && ', '}
              <code>{name}</code>
            </span>
          ))}
          . If somebody has it, you are asked first.
        </p>
      )}
      <FormActions>
        <Button type="submit" kind="primary" isRunning={update.isRunning}>
          Save
        </Button>
        <Button kind="quiet" onClick={form.reset}>
          Undo my changes
        </Button>
      </FormActions>
      {isChanged && (
        <CallHint
          call={{ method: 'patch', path, body: changes, ...(version !== undefined && { ifMatch: version }) }}
          command={command({})}
        />
      )}
      <ConfirmDialog
        isOpen={dependents !== undefined}
        onClose={update.reset}
        title={`${dependents?.total ?? 0} would lose a scope`}
        confirmName={base.identifier}
        action={`Save, and take it from ${dependents?.total ?? 0}`}
        run={() => save({ path: { id }, query: { cascade: 'true' } })}
        isRunning={update.isRunning}
        call={{
          method: 'patch',
          path: `${path}?cascade=true`,
          body: changes,
          ...(version !== undefined && { ifMatch: version }),
        }}
        command={command({ cascade: true })}
      >
        <p>
          These are granted {removed.length === 1 ? 'the scope' : 'one of the scopes'} <code>{removed.join(', ')}</code>
          . Tokens with it stay valid until they expire. Clients that have a role lose what the role loses. Nothing has
          been changed yet.
        </p>
        {dependents && <DependentList organizationId={organizationId} dependents={dependents} />}
      </ConfirmDialog>
    </Form>
  );
}

function changesOf(draft: ServerDraft, base: ServerDraft) {
  return changedFields(fieldsOf(serverDraft(base)), fieldsOf(serverDraft(draft)));
}

function isUnchanged(draft: ServerDraft, base: ServerDraft): boolean {
  return Object.keys(changesOf(draft, base)).length === 0;
}

/** Leaves out what cannot be changed. */
function serverDraft(server: ServerDraft): ServerDraft {
  const { identifier, name, scopes, access_token_ttl, signing_alg, access_token_typ } = server;
  const { introspection, scope_policy, accepted_claims } = server;
  return {
    identifier,
    name,
    scopes,
    access_token_ttl,
    signing_alg,
    access_token_typ,
    introspection,
    scope_policy,
    accepted_claims,
  };
}
