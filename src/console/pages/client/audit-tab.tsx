import { commandFor } from '../../api/command.ts';
import { useList } from '../../api/queries.ts';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import type { TabProps } from './tab.ts';

/** The audit events about a client, the newest first. */
export function AuditTab({ client: { client_id, organization_id } }: TabProps) {
  const query = { organization_id, target: client_id };
  const events = useList('/v1/audit-events', { query });
  if (events.error) return <ErrorBox problem={events.error} retry={events.refetch} />;
  return (
    <Section
      title="Audit events"
      description="Everything that administrators, the client itself and the service changed about it."
    >
      <Table
        label="Audit events of the client"
        columns={[
          { key: 'at', label: 'When', width: '9rem', render: ({ at }) => <Time at={at} /> },
          { key: 'action', label: 'Action', width: '13rem', render: ({ action }) => <code>{action}</code> },
          { key: 'actor', label: 'By', width: '12rem', render: ({ actor }) => <SafeText text={actor} /> },
          { key: 'address', label: 'From', width: '9rem', render: ({ address }) => <SafeText text={address} /> },
          {
            key: 'changes',
            label: 'Changes',
            render: ({ changes }) => <Changes changes={changes} />,
          },
        ]}
        rows={events.rows}
        rowKey={({ id }) => id}
        hasMore={events.hasMore}
        onLoadMore={events.loadMore}
        isLoading={events.isLoading}
        empty={<Empty title="No audit events">Events are kept for a year.</Empty>}
      />
      <CallHint
        call={{ method: 'get', path: `/v1/audit-events?${new URLSearchParams(query)}` }}
        command={commandFor(['audit', 'list'], { target: client_id })}
      />
    </Section>
  );
}

const SHOWN_OPEN = 4;

/** The fields that changed. Many of them, as of a new client, are folded. */
function Changes({ changes }: { readonly changes: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(changes);
  const list = (
    <ul className="client-changes">
      {entries.map(([name, value]) => (
        <li key={name}>
          <code>
            <SafeText text={`${name}: ${JSON.stringify(value)}`} />
          </code>
        </li>
      ))}
    </ul>
  );
  if (entries.length <= SHOWN_OPEN) return list;
  return (
    <details>
      <summary>{entries.length} fields</summary>
      {list}
    </details>
  );
}
