import { useState } from 'react';
import { useMaybeOrganization } from '../../api/organization.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { ListHint } from '../../ui/list-hint.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { webhookAddress } from './address.ts';
import { healthOf } from './health.ts';
import { NewWebhook } from './new-webhook.tsx';
import '../keys.css';

/** The webhooks of an organization, or those of the instance if the address has no organization. */
export default function Webhooks() {
  const organizationId = useMaybeOrganization();
  const list = useList('/v1/webhooks', { query: { organization_id: organizationId, limit: 50 } });
  const mayChange = useCan('webhooks:write');
  const [isCreating, setCreating] = useState(false);
  const create = mayChange && (
    <Button kind="primary" onClick={() => setCreating(true)}>
      New webhook
    </Button>
  );
  const whose = organizationId === undefined ? 'all organizations and of the instance' : 'this organization';
  return (
    <Page title="Webhooks" subtitle={`URLs that the events of ${whose} are sent to.`} actions={create}>
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Webhooks"
          rows={list.rows}
          rowKey={({ id }) => id}
          rowHref={({ id }) => webhookAddress(organizationId, id)}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          columns={[
            { key: 'name', label: 'Name', render: ({ name }) => <SafeText text={name} /> },
            {
              key: 'health',
              label: 'Health',
              render: (webhook) => {
                const { tone, label } = healthOf(webhook);
                return (
                  <>
                    <Status status={label} tone={tone} />
                    {webhook.failing_since !== null && (
                      <div className="faint small">
                        since <Time at={webhook.failing_since} />
                      </div>
                    )}
                  </>
                );
              },
            },
            { key: 'url', label: 'URL', render: ({ url }) => <SafeText text={url} /> },
            {
              key: 'events',
              label: 'Events',
              render: ({ events }) => (events ? `${events.length} ${events.length === 1 ? 'type' : 'types'}` : 'All'),
            },
            { key: 'created', label: 'Created', render: ({ created_at }) => <Time at={created_at} /> },
          ]}
          empty={
            <Empty title="There is no webhook yet" action={create}>
              A webhook tells your systems at once when a secret leaks or expires, a client is unused, or anything
              changes.
            </Empty>
          }
        />
      )}
      <ListHint kind="webhooks" organizationId={organizationId} />
      {isCreating && <NewWebhook organizationId={organizationId} onClose={() => setCreating(false)} />}
    </Page>
  );
}
