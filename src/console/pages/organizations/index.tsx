import { useState } from 'react';
import { organizationAddress } from '../../api/organization.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { ListHint } from '../../ui/list-hint.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { NewOrganization } from './new-organization.tsx';
import '../keys.css';

export default function Organizations() {
  const list = useList('/v1/organizations', { query: { limit: 50 } });
  const mayCreate = useCan('root');
  const [isCreating, setCreating] = useState(false);
  const create = mayCreate && (
    <Button kind="primary" onClick={() => setCreating(true)}>
      New organization
    </Button>
  );
  return (
    <Page title="Organizations" subtitle="The owners of clients. Each sees only its own resources." actions={create}>
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Organizations"
          rows={list.rows}
          rowKey={({ id }) => id}
          rowHref={({ id }) => organizationAddress(id)}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          columns={[
            { key: 'name', label: 'Name', render: ({ name }) => <SafeText text={name} /> },
            { key: 'status', label: 'Status', render: ({ status }) => <Status status={status ?? 'active'} /> },
            {
              key: 'profile',
              label: 'Security profile',
              render: ({ security_profile }) => (security_profile === 'strict' ? 'Strict' : 'Standard'),
            },
            { key: 'created', label: 'Created', render: ({ created_at }) => <Time at={created_at} /> },
            { key: 'id', label: 'ID', render: ({ id }) => <Id value={id} /> },
          ]}
          empty={
            <Empty title="There is no organization yet" action={create}>
              Create one for each team, product or customer whose machines get tokens.
            </Empty>
          }
        />
      )}
      <ListHint kind="organizations" />
      {isCreating && <NewOrganization onClose={() => setCreating(false)} />}
    </Page>
  );
}
