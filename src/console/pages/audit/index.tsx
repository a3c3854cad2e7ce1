import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { commandFor } from '../../api/command.ts';
import { useMaybeOrganization } from '../../api/organization.ts';
import { useList } from '../../api/queries.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { EventDialog } from './event-dialog.tsx';
import { ExportDialog } from './export-dialog.tsx';
import { FilterBar } from './filter-bar.tsx';
import { type AuditFilters, filterOptions, readFilters, writeFilters, writeQuery } from './filters.ts';
import { Actor, type AuditEvent, Target } from './subjects.tsx';
import '../keys.css';

const FIELDS_SHOWN = 3;

/** The audit log of an organization, or of the instance if the address has no organization. The filters are in the address. */
export default function Audit() {
  const organizationId = useMaybeOrganization();
  const [location, navigate] = useLocation();
  const filters = readFilters(useSearch());
  const query = { ...filters, organization_id: organizationId };
  const list = useList('/v1/audit-events', { query: { ...query, limit: 50 } });
  const [shown, setShown] = useState<AuditEvent>();
  const [isExporting, setExporting] = useState(false);
  const apply = (changed: AuditFilters) => navigate(`${location}${writeFilters(changed)}`, { replace: true });
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <Page
      title="Audit log"
      subtitle="Every change: who, what, when, from which address. Events are kept for a year."
      actions={<Button onClick={() => setExporting(true)}>Export…</Button>}
    >
      <FilterBar filters={filters} onChange={apply} />
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Audit events"
          rows={list.rows}
          rowKey={({ id }) => id}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          columns={[
            {
              key: 'action',
              label: 'Action',
              render: (event) => (
                <button type="button" className="link-button" onClick={() => setShown(event)}>
                  <SafeText text={event.action} />
                </button>
              ),
            },
            { key: 'target', label: 'Target', render: (event) => <Target event={event} /> },
            { key: 'changes', label: 'Changed', render: (event) => fieldsOf(event) },
            { key: 'actor', label: 'Actor', render: (event) => <Actor event={event} /> },
            { key: 'at', label: 'When', render: ({ at }) => <Time at={at} /> },
          ]}
          empty={
            isFiltered ? (
              <Empty title="No event matches" action={<Button onClick={() => apply({})}>Clear the filters</Button>} />
            ) : (
              <Empty title="Nothing happened yet">
                Every change of this {organizationId ? 'organization' : 'instance'} appears here.
              </Empty>
            )
          }
        />
      )}
      <CallHint
        call={{ method: 'get', path: `/v1/audit-events${writeQuery(query)}` }}
        command={commandFor(['audit', 'list'], { ...filterOptions(filters), organization: organizationId })}
      />
      {shown && <EventDialog event={shown} onClose={() => setShown(undefined)} />}
      {isExporting && <ExportDialog query={query} filters={filters} onClose={() => setExporting(false)} />}
    </Page>
  );
}

/** The fields that an event changed. A creation has all of them, which says nothing. */
function fieldsOf({ action, changes }: AuditEvent): string {
  if (action.endsWith('.created') || action.endsWith('.deleted')) return '';
  const names = Object.keys(changes).filter((name) => name !== 'cascade_of' && name !== 'name');
  return `${names.slice(0, FIELDS_SHOWN).join(', ')}${names.length > FIELDS_SHOWN ? ' …' : ''}`;
}
