import { useState } from 'react';
import { useParams } from 'wouter';
import { commandFor } from '../../api/command.ts';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { useCan, useSession } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { Time } from '../../ui/time.tsx';
import { countOf, DeleteDialog } from '../grants/delete-dialog.tsx';
import { type ShownServer, shownClients, shownRoles, shownServer } from '../grants/shown.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';
import { lifetime } from '../resource-servers/lifetime.ts';
import { EditServer } from './edit-server.tsx';
import { ScopeTable } from './scope-table.tsx';
import './resource-server.css';

/** Clients that are read to tell who holds a scope. */
const CLIENTS_READ = 500;

export default function ResourceServerPage() {
  const { id = '' } = useParams<{ id: string }>();
  const organizationId = useOrganization();
  const server = useResource('/v1/resource-servers/{id}', { path: { id } });
  const list = organizationAddress(organizationId, '/resource-servers');
  if (server.error) {
    return (
      <Page title="Resource server" breadcrumbs={[{ label: 'Resource servers', href: list }]}>
        <ErrorBox problem={server.error} retry={server.refetch} />
      </Page>
    );
  }
  if (!server.data) {
    return (
      <Page title="Resource server" breadcrumbs={[{ label: 'Resource servers', href: list }]}>
        <Skeleton lines={5} />
      </Page>
    );
  }
  return <Loaded server={shownServer(server.data)} etag={server.etag} organizationId={organizationId} list={list} />;
}

interface LoadedProps {
  readonly server: ShownServer;
  readonly etag: string | undefined;
  readonly organizationId: string;
  readonly list: string;
}

function Loaded({ server, etag, organizationId, list }: LoadedProps) {
  const [isDeleting, setDeleting] = useState(false);
  const { isInstanceAdmin } = useSession();
  const isShared = server.organization_id === null;
  const canWrite = useCan('resource-servers:write') && (!isShared || isInstanceAdmin);
  const [canReadClients, canReadRoles] = [useCan('clients:read'), useCan('roles:read')];
  const query = { organization_id: organizationId };
  const clients = useCompleteList(
    '/v1/clients',
    { query: { ...query, resource_server: server.id } },
    { enabled: canReadClients, rowsMax: CLIENTS_READ },
  );
  const roles = useCompleteList('/v1/roles', { query }, { enabled: canReadRoles });
  const granting = shownRoles(roles.rows).filter(({ grants }) =>
    grants.some(({ resource_server }) => resource_server === server.identifier),
  );
  return (
    <Page
      title={server.name}
      subtitle={<Id value={server.identifier} />}
      breadcrumbs={[{ label: 'Resource servers', href: list }]}
      actions={canWrite && <Button onClick={() => setDeleting(true)}>Delete</Button>}
    >
      <KeyValue
        items={[
          { label: 'Token lifetime', value: lifetime(server.access_token_ttl) },
          { label: 'Signing algorithm', value: server.signing_alg },
          { label: 'Type header', value: server.access_token_typ },
          {
            label: 'A request for more scopes',
            value: server.scope_policy === 'exact' ? 'is refused (exact)' : 'gets the granted ones (narrow)',
          },
          { label: 'Introspection', value: server.introspection },
          {
            label: 'Accepted claims',
            value: server.accepted_claims.length > 0 ? <SafeText text={server.accepted_claims.join(', ')} /> : 'none',
          },
          { label: 'Owner', value: isShared ? <Badge>shared by all organizations</Badge> : 'this organization' },
          { label: 'Changed', value: <Time at={server.updated_at} /> },
          { label: 'Id', value: <Id value={server.id} /> },
        ]}
      />
      <Tabs
        label="Parts of the resource server"
        tabs={[
          {
            id: 'scopes',
            label: 'Scopes and who holds them',
            content: () => (
              <ScopeTable
                organizationId={organizationId}
                server={server}
                roles={canReadRoles ? granting : undefined}
                clients={canReadClients ? shownClients(clients.rows) : undefined}
                hasMore={clients.hasMore}
                isLoading={clients.isLoading || roles.isLoading}
                problem={clients.error ?? roles.error}
              />
            ),
          },
          ...(canWrite
            ? [
                {
                  id: 'settings',
                  label: 'Change',
                  content: () => <EditServer server={server} etag={etag} organizationId={organizationId} />,
                },
              ]
            : []),
        ]}
      />
      {canWrite && (
        <DeleteDialog
          isOpen={isDeleting}
          onClose={() => setDeleting(false)}
          organizationId={organizationId}
          path="/v1/resource-servers/{id}"
          id={server.id}
          name={server.identifier}
          noun="resource server"
          etag={etag}
          note="No more tokens are issued for it. Its identifier stays reserved for 25 hours. The tokens that clients have are valid until they expire."
          consequences={[
            { label: 'Scopes', count: server.scopes.length },
            ...(canReadRoles
              ? [{ label: 'Roles that grant it', count: countOf(granting, roles.hasMore, roles.isLoading) }]
              : []),
            ...(canReadClients
              ? [
                  {
                    label: 'Clients with a grant, of their own or by a role',
                    count: countOf(clients.rows, clients.hasMore, clients.isLoading),
                  },
                ]
              : []),
          ]}
          list={list}
          command={commandFor(['resource-servers', 'delete', server.id])}
        />
      )}
    </Page>
  );
}
