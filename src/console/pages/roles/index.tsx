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
import { GrantSummary } from '../grants/grant-summary.tsx';
import { shownRoles } from '../grants/shown.ts';

export default function RolesPage() {
  const organizationId = useOrganization();
  const canWrite = useCan('roles:write');
  const list = useList('/v1/roles', { query: { organization_id: organizationId, limit: 50 } });
  const create = canWrite && (
    <LinkButton kind="primary" href={organizationAddress(organizationId, '/roles/new')}>
      New role
    </LinkButton>
  );
  return (
    <Page title="Roles" subtitle="Named sets of grants, which many clients can have." actions={create}>
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Roles"
          rows={shownRoles(list.rows)}
          rowKey={({ id }) => id}
          rowHref={({ id }) => organizationAddress(organizationId, `/roles/${encodeURIComponent(id)}`)}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          empty={
            <Empty title="No role yet" action={create}>
              {canWrite
                ? 'Create one when several clients need the same scopes. A client can also have grants of its own.'
                : 'An administrator with roles:write can create one.'}
            </Empty>
          }
          columns={[
            { key: 'name', label: 'Name', render: ({ name }) => <SafeText text={name} /> },
            { key: 'description', label: 'Description', render: ({ description }) => <SafeText text={description} /> },
            { key: 'grants', label: 'Grants', render: ({ grants }) => <GrantSummary grants={grants} /> },
            {
              key: 'owner',
              label: 'Owner',
              render: ({ organization_id }) =>
                organization_id === null ? <Badge>shared</Badge> : <span className="faint">organization</span>,
            },
          ]}
        />
      )}
      <ListHint kind="roles" organizationId={organizationId} />
    </Page>
  );
}
