import { Badge } from '../../ui/badge.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import type { ShownSecret } from './rotation.ts';

/** The secrets of a client with their last uses, which are read again as long as the page is open. */
export function SecretTable({
  secrets,
  newestId,
}: {
  readonly secrets: readonly ShownSecret[];
  readonly newestId: string;
}) {
  return (
    <Table
      label="Secrets"
      rows={secrets}
      rowKey={({ id }) => id}
      isLoading={false}
      empty={null}
      columns={[
        {
          key: 'secret',
          label: 'Secret',
          render: ({ id, hint }) => (
            <span className="rotate-secret">
              <code>…{hint}</code>{' '}
              <Badge tone={id === newestId ? 'accent' : 'neutral'}>{id === newestId ? 'new' : 'old'}</Badge>
            </span>
          ),
        },
        { key: 'created', label: 'Created', render: ({ created_at }) => <Time at={created_at} /> },
        { key: 'used', label: 'Last used', render: ({ last_used_at }) => <Time at={last_used_at} absent="not yet" /> },
        {
          key: 'safe',
          label: 'Safe to delete',
          render: ({ safe_to_delete }) => (
            <Badge tone={safe_to_delete ? 'good' : 'neutral'}>{safe_to_delete ? 'yes' : 'no'}</Badge>
          ),
        },
      ]}
    />
  );
}
