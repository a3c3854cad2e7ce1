import { organizationAddress } from '../../api/organization.ts';
import { useCan } from '../../api/session.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { GrantsEditor } from '../grants/grants-editor.tsx';
import { shownRoles, shownServers } from '../grants/shown.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';
import type { Draft } from './draft.ts';

interface RightsProps {
  readonly organizationId: string;
  readonly draft: Draft;
  readonly onChange: (changes: Partial<Draft>) => void;
}

/** Chooses among the roles and resource servers that exist, and leads to creating one. What was typed waits meanwhile. */
export function Rights({ organizationId, draft, onChange }: RightsProps) {
  const query = { organization_id: organizationId };
  const [canReadServers, canReadRoles] = [useCan('resource-servers:read'), useCan('roles:read')];
  const [canCreateServer, canCreateRole] = [useCan('resource-servers:write'), useCan('roles:write')];
  const servers = useCompleteList('/v1/resource-servers', { query }, { enabled: canReadServers });
  const roles = useCompleteList('/v1/roles', { query }, { enabled: canReadRoles });
  const back = `?for=new-client`;
  const problem = servers.error ?? roles.error;
  if (problem) {
    return (
      <ErrorBox
        problem={problem}
        retry={() => {
          servers.refetch();
          roles.refetch();
        }}
      />
    );
  }
  if ((servers.isLoading && servers.rows.length === 0) || (roles.isLoading && roles.rows.length === 0)) {
    return <Skeleton lines={3} />;
  }
  const creators = (
    <div className="new-client-creators">
      {canCreateServer && (
        <LinkButton size="small" href={organizationAddress(organizationId, `/resource-servers/new${back}`)}>
          New resource server
        </LinkButton>
      )}
      {canCreateRole && servers.rows.length > 0 && (
        <LinkButton size="small" href={organizationAddress(organizationId, `/roles/new${back}`)}>
          New role
        </LinkButton>
      )}
    </div>
  );
  if (servers.rows.length === 0 && roles.rows.length === 0) {
    return (
      <Empty title="There is no resource server yet" action={creators}>
        {canReadServers
          ? 'A resource server is an API that tokens are for. Create one with its scopes; you come back here, and what you typed stays.'
          : 'This session may not read resource servers. Create the client, and let an administrator grant it something.'}
      </Empty>
    );
  }
  return (
    <>
      {roles.rows.length > 0 && (
        <MultiComboboxField
          name="/roles"
          label="Roles"
          help="A role is a named set of grants. A change of the role changes all its clients."
          isRequired={false}
          placeholder="Choose roles"
          value={draft.roles}
          options={shownRoles(roles.rows).map(({ name, description }) => ({
            value: name,
            label: name,
            help: description,
          }))}
          onChange={(chosen) => onChange({ roles: chosen })}
        />
      )}
      <GrantsEditor
        value={draft.grants}
        servers={shownServers(servers.rows)}
        help="Scopes of its own, besides those of its roles."
        onChange={(grants) => onChange({ grants })}
      />
      {creators}
    </>
  );
}
