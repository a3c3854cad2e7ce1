import { useState } from 'react';
import { useParams } from 'wouter';
import { commandFor } from '../../api/command.ts';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { useCan, useSession } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { Time } from '../../ui/time.tsx';
import { countOf, DeleteDialog } from '../grants/delete-dialog.tsx';
import { GrantSummary } from '../grants/grant-summary.tsx';
import { type ShownRole, shownClients, shownRole } from '../grants/shown.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';
import { EditRole } from './edit-role.tsx';

/** Clients that are read to tell who loses something by a change. */
const CLIENTS_READ = 500;

export default function RolePage() {
  const { id = '' } = useParams<{ id: string }>();
  const organizationId = useOrganization();
  const role = useResource('/v1/roles/{id}', { path: { id } });
  const list = organizationAddress(organizationId, '/roles');
  if (role.error || !role.data) {
    return (
      <Page title="Role" breadcrumbs={[{ label: 'Roles', href: list }]}>
        {role.error ? <ErrorBox problem={role.error} retry={role.refetch} /> : <Skeleton lines={5} />}
      </Page>
    );
  }
  return <Loaded role={shownRole(role.data)} etag={role.etag} organizationId={organizationId} list={list} />;
}

interface LoadedProps {
  readonly role: ShownRole;
  readonly etag: string | undefined;
  readonly organizationId: string;
  readonly list: string;
}

function Loaded({ role, etag, organizationId, list }: LoadedProps) {
  const [isDeleting, setDeleting] = useState(false);
  const { isInstanceAdmin } = useSession();
  const isShared = role.organization_id === null;
  const canWrite = useCan('roles:write') && (!isShared || isInstanceAdmin);
  const canReadClients = useCan('clients:read');
  const clients = useCompleteList(
    '/v1/clients',
    { query: { organization_id: organizationId, role: role.id } },
    { enabled: canReadClients, rowsMax: CLIENTS_READ },
  );
  const holders = shownClients(clients.rows);
  return (
    <Page
      title={role.name}
      subtitle={role.description === '' ? undefined : <SafeText text={role.description} />}
      breadcrumbs={[{ label: 'Roles', href: list }]}
      actions={canWrite && <Button onClick={() => setDeleting(true)}>Delete</Button>}
    >
      <KeyValue
        items={[
          { label: 'Grants', value: <GrantSummary grants={role.grants} /> },
          { label: 'Owner', value: isShared ? <Badge>shared by all organizations</Badge> : 'this organization' },
          { label: 'Changed', value: <Time at={role.updated_at} /> },
          { label: 'Id', value: <Id value={role.id} /> },
        ]}
      />
      <Tabs
        label="Parts of the role"
        tabs={[
          ...(canReadClients
            ? [
                {
                  id: 'clients',
                  label: 'Clients that have it',
                  content: () =>
                    clients.error ? (
                      <ErrorBox problem={clients.error} retry={clients.refetch} />
                    ) : (
                      <Table
                        label="Clients that have the role"
                        rows={holders}
                        rowKey={({ client_id }) => client_id}
                        rowHref={({ client_id }) =>
                          organizationAddress(organizationId, `/clients/${encodeURIComponent(client_id)}`)
                        }
                        hasMore={clients.hasMore}
                        onLoadMore={clients.loadMore}
                        isLoading={clients.isLoading}
                        empty={
                          <Empty title="No client has this role">
                            Give it to a client on the client’s page, or when you create one.
                          </Empty>
                        }
                        columns={[
                          {
                            key: 'name',
                            label: 'Client',
                            render: ({ client_name }) => <SafeText text={client_name} />,
                          },
                          { key: 'owner', label: 'Owner', render: ({ owner }) => <SafeText text={owner} /> },
                          { key: 'status', label: 'Status', render: ({ status }) => <Status status={status} /> },
                          { key: 'used', label: 'Last used', render: ({ last_used_at }) => <Time at={last_used_at} /> },
                        ]}
                      />
                    ),
                },
              ]
            : []),
          ...(canWrite
            ? [
                {
                  id: 'settings',
                  label: 'Change',
                  content: () => (
                    <EditRole
                      role={role}
                      etag={etag}
                      organizationId={organizationId}
                      clients={canReadClients && !clients.error ? holders : undefined}
                      hasMore={clients.hasMore}
                      isLoading={clients.isLoading}
                    />
                  ),
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
          path="/v1/roles/{id}"
          id={role.id}
          name={role.name}
          noun="role"
          etag={etag}
          note="Its clients lose the scopes that nothing else grants them. The tokens that they have are valid until they expire."
          consequences={[
            { label: 'Resource servers that it grants', count: role.grants.length },
            ...(canReadClients
              ? [{ label: 'Clients that have it', count: countOf(holders, clients.hasMore, clients.isLoading) }]
              : []),
          ]}
          list={list}
          command={commandFor(['roles', 'delete', role.id])}
        />
      )}
    </Page>
  );
}
