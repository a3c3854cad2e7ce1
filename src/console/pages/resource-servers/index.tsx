import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { ListHint } from '../../ui/list-hint.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Table } from '../../ui/table.tsx';
import { type ShownServer, shownServers } from '../grants/shown.ts';
import { lifetime } from './lifetime.ts';

export default function ResourceServersPage() {
  const organizationId = useOrganization();
  const canWrite = useCan('resource-servers:write');
  const list = useList('/v1/resource-servers', { query: { organization_id: organizationId, limit: 50 } });
  const create = canWrite && (
    <LinkButton kind="primary" href={organizationAddress(organizationId, '/resource-servers/new')}>
      New resource server
    </LinkButton>
  );
  return (
    <Page title="Resource servers" subtitle="The APIs that tokens are for, with their scopes." actions={create}>
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Resource servers"
          rows={shownServers(list.rows)}
          rowKey={({ id }) => id}
          rowHref={({ id }) => organizationAddress(organizationId, `/resource-servers/${encodeURIComponent(id)}`)}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          empty={
            <Empty title="No resource server yet" action={create}>
              {canWrite
                ? 'Create one for each API, with its scopes. Then roles and clients can be granted them.'
                : 'An administrator with resource-servers:write can create one.'}
            </Empty>
          }
          columns={COLUMNS}
        />
      )}
      <ListHint kind="resource-servers" organizationId={organizationId} />
    </Page>
  );
}

const COLUMNS = [
  {
    key: 'identifier',
    label: 'Identifier',
    render: ({ identifier }: ShownServer) => (
      <code>
        <SafeText text={identifier} />
      </code>
    ),
  },
  { key: 'name', label: 'Name', render: ({ name }: ShownServer) => <SafeText text={name} /> },
  { key: 'scopes', label: 'Scopes', align: 'end' as const, render: ({ scopes }: ShownServer) => scopes.length },
  {
    key: 'lifetime',
    label: 'Token lifetime',
    align: 'end' as const,
    render: ({ access_token_ttl }: ShownServer) => lifetime(access_token_ttl),
  },
  { key: 'policy', label: 'More scopes', render: ({ scope_policy }: ShownServer) => scope_policy },
  { key: 'introspection', label: 'Introspection', render: ({ introspection }: ShownServer) => introspection },
  {
    key: 'owner',
    label: 'Owner',
    render: ({ organization_id }: ShownServer) =>
      organization_id === null ? <Badge>shared</Badge> : <span className="faint">organization</span>,
  },
];
