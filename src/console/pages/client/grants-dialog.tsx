import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ComboboxField } from '../../ui/fields/combobox-field.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { Form } from '../../ui/form.tsx';
import { visible } from '../../ui/safe-text.tsx';
import type { Client } from '../clients/words.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';
import { clientPath } from './address.ts';
import { mergePatchOf } from './merge-patch.ts';

interface GrantsDialogProps {
  readonly client: Client;
  readonly etag: string | undefined;
  readonly onClose: () => void;
}

/** Changes the roles and own grants of a client. */
export function GrantsDialog({ client, etag, onClose }: GrantsDialogProps) {
  // What was shown when the dialog opened is what is changed, even if somebody else changes it meanwhile.
  const [before] = useState({ client, etag });
  const { client_id, organization_id } = before.client;
  const [roles, setRoles] = useState(before.client.roles);
  const [grants, setGrants] = useState(before.client.grants);
  const mayReadServers = useCan('resource-servers:read');
  const query = { organization_id };
  const servers = useCompleteList('/v1/resource-servers', { query }, { enabled: mayReadServers });
  const roleOptions = useCompleteList('/v1/roles', { query }, { enabled: useCan('roles:read') });
  const body = mergePatchOf({ roles: before.client.roles, grants: before.client.grants }, { roles, grants });
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    etag: before.etag,
    invalidates: ['/v1/clients'],
    success: 'Grants and roles are changed.',
    onDone: onClose,
    onReload: onClose,
  });
  const isChanged = Object.keys(body).length > 0;
  const save = () => (isChanged ? void action.run({ body }) : onClose());
  const setScopes = (index: number, scopes: readonly string[]) =>
    setGrants(grants.map((grant, at) => (at === index ? { ...grant, scopes } : grant)));
  return (
    <Dialog
      isOpen
      isDismissible={false}
      onClose={onClose}
      title="Change grants and roles"
      description="The next token has the new scopes. Tokens from before keep theirs until they expire."
      actions={
        <Button kind="primary" isRunning={action.isRunning} onClick={save}>
          Save
        </Button>
      }
    >
      <Form onSubmit={save} problem={action.problem}>
        <MultiComboboxField
          name="/roles"
          label="Roles"
          isRequired={false}
          help="A role grants the same scopes to all clients that hold it."
          value={roles}
          onChange={setRoles}
          options={roleOptions.rows.map(({ name, description }) => ({
            value: name,
            label: name,
            ...(description && { help: description }),
          }))}
        />
        {grants.map(({ resource_server, scopes }, index) => (
          <fieldset key={resource_server} className="client-grant" aria-label={`Grant at ${visible(resource_server)}`}>
            <ScopesField
              name={`/grants/${index}`}
              server={resource_server}
              scopes={servers.rows.find(({ identifier }) => identifier === resource_server)?.scopes ?? []}
              value={scopes}
              onChange={(chosen) => setScopes(index, chosen)}
            />
            <Button size="small" kind="quiet" onClick={() => setGrants(grants.filter((_, at) => at !== index))}>
              Remove this grant
            </Button>
          </fieldset>
        ))}
        {mayReadServers && (
          <ComboboxField
            key={grants.length}
            name="/grants"
            label="Add a grant at"
            isRequired={false}
            placeholder="A resource server"
            value=""
            onChange={(server) => {
              const isNew = server !== '' && !grants.some(({ resource_server }) => resource_server === server);
              if (isNew) setGrants([...grants, { resource_server: server, scopes: [] }]);
            }}
            options={servers.rows.map(({ identifier, name }) => ({ value: identifier, label: identifier, help: name }))}
          />
        )}
      </Form>
      {isChanged && (
        <CallHint
          call={{ method: 'patch', path: clientPath(client_id), body, ...(before.etag && { ifMatch: before.etag }) }}
          command={fieldsCommand(['clients', 'update', client_id], body, { 'if-match': before.etag })}
        />
      )}
    </Dialog>
  );
}

interface ScopesFieldProps {
  readonly name: string;
  readonly server: string;
  /** The scopes that there are. */
  readonly scopes: readonly { readonly name: string; readonly description?: string }[];
  readonly value: readonly string[];
  readonly onChange: (scopes: readonly string[]) => void;
}

function ScopesField({ name, server, scopes, value, onChange }: ScopesFieldProps) {
  return (
    <MultiComboboxField
      name={name}
      label={`Scopes at ${visible(server)}`}
      isRequired={false}
      help="Without scopes it still gets tokens for this resource server."
      value={value}
      onChange={onChange}
      options={scopes.map((scope) => ({
        value: scope.name,
        label: scope.name,
        ...(scope.description && { help: scope.description }),
      }))}
    />
  );
}
