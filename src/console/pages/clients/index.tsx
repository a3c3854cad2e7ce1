import { useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useOrganization } from '../../api/organization.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText, visible } from '../../ui/safe-text.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { clientAddress, clientsAddress } from '../client/address.ts';
import { BulkDialog } from './bulk-dialog.tsx';
import './clients.css';
import { PAGE_SIZE, PAGES_BY_ITSELF } from './constants.ts';
import { FilterBar } from './filter-bar.tsx';
import { type FilterName, isFiltered, listCommand, readFilters, toQuery, withFilter, writeFilters } from './filters.ts';
import { type Client, SHORT_METHOD_LABELS, stateOf } from './words.ts';

/** The clients of an organization. The address has the filters, so that a view can be linked. */
export default function ClientsPage() {
  const organizationId = useOrganization();
  const search = useSearch();
  const [, navigate] = useLocation();
  const mayWrite = useCan('clients:write');
  const filters = readFilters(search);
  const query = { organization_id: organizationId, ...toQuery(filters, Date.now()) };
  const list = useList('/v1/clients', { query: { ...query, limit: PAGE_SIZE } });
  const rows = list.rows as readonly Client[];
  const { needsButton, searchFurther } = useLoadByItself(list, JSON.stringify(query));
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [bulk, setBulk] = useState<'active' | 'disabled'>();
  const chosen = useMemo(() => rows.filter(({ client_id }) => selected.has(client_id)), [rows, selected]);

  const show = (changed: typeof filters) => {
    const parameters = writeFilters(changed);
    setSelected(new Set());
    navigate(`${clientsAddress(organizationId)}${parameters && `?${parameters}`}`, { replace: true });
  };
  const newClient = (
    <LinkButton kind="primary" href={`${clientsAddress(organizationId)}/new`}>
      New client
    </LinkButton>
  );
  const isEmpty = !list.isLoading && !list.error && rows.length === 0 && !list.hasMore;

  return (
    <Page title="Clients" subtitle="The machines that get tokens." actions={mayWrite && newClient}>
      {isEmpty && !isFiltered(filters) ? (
        <Empty title="No clients yet" action={mayWrite ? newClient : undefined}>
          A client is a machine that gets tokens: a service, a job, a pipeline.
          {mayWrite
            ? ' Create the first one; five questions choose how it authenticates.'
            : ' Somebody who may create clients has to do that first.'}
        </Empty>
      ) : (
        <>
          <FilterBar
            organizationId={organizationId}
            filters={filters}
            onChange={(name: FilterName, value) => show(withFilter(filters, name, value))}
            onClear={() => show(filters.sort ? { sort: filters.sort } : {})}
          />
          {chosen.length > 0 && (
            <div className="clients-selection" role="toolbar" aria-label="Selected clients">
              <span>{chosen.length} selected</span>
              <Button size="small" onClick={() => setBulk('disabled')}>
                Disable
              </Button>
              <Button size="small" onClick={() => setBulk('active')}>
                Enable
              </Button>
              <Button size="small" kind="quiet" onClick={() => setSelected(new Set())}>
                Clear selection
              </Button>
            </div>
          )}
          {list.error ? (
            <ErrorBox problem={list.error} retry={list.refetch} />
          ) : (
            <div className="clients-table">
              <Table<Client>
                label="Clients"
                columns={columnsOf(filters.sort ?? '', (sort) => show(withFilter(filters, 'sort', sort)))}
                rows={rows}
                rowKey={({ client_id }) => client_id}
                rowHref={({ client_id }) => clientAddress(organizationId, client_id)}
                selection={
                  mayWrite
                    ? {
                        selected,
                        onChange: setSelected,
                        labelOf: (key) => visible(rows.find(({ client_id }) => client_id === key)?.client_name ?? key),
                      }
                    : undefined
                }
                hasMore={list.hasMore && !needsButton}
                onLoadMore={list.loadMore}
                isLoading={list.isLoading}
                empty={
                  <Empty title="No client matches these filters">Remove a filter, or search for another name.</Empty>
                }
              />
            </div>
          )}
          {needsButton && (
            <p className="clients-further">
              Few clients match, and not all were checked yet. <Button onClick={searchFurther}>Search further</Button>
            </p>
          )}
          <CallHint
            call={{ method: 'get', path: `/v1/clients?${new URLSearchParams(query)}` }}
            command={listCommand(filters, organizationId)}
          />
        </>
      )}
      {bulk && (
        <BulkDialog
          clients={chosen}
          status={bulk}
          onClose={(failed) => {
            setBulk(undefined);
            if (failed) setSelected(new Set(failed.map(({ client_id }) => client_id)));
          }}
        />
      )}
    </Page>
  );
}

/** @param sort of the list @param onSort is called with another order */
const columnsOf = (sort: string, onSort: (sort: string) => void) => [
  {
    key: 'name',
    label: 'Name',
    render: ({ client_name }: Client) => (
      <span className="clients-name">
        <SafeText text={client_name} />
      </span>
    ),
    sort: {
      direction: sort === '' ? ('ascending' as const) : sort === '-name' ? ('descending' as const) : undefined,
      onSort: () => onSort(sort === '' ? '-name' : ''),
    },
  },
  { key: 'status', label: 'Status', render: (client: Client) => <State client={client} /> },
  {
    key: 'method',
    label: 'Method',
    render: ({ token_endpoint_auth_method }: Client) => (
      <span className="clients-method">{SHORT_METHOD_LABELS[token_endpoint_auth_method]}</span>
    ),
  },
  { key: 'owner', label: 'Owner', render: ({ owner }: Client) => <SafeText text={owner} /> },
  { key: 'roles', label: 'Roles', render: ({ roles }: Client) => <Roles roles={roles} /> },
  {
    key: 'last_used_at',
    label: 'Last use',
    render: ({ last_used_at }: Client) => <Time at={last_used_at} />,
    sort: {
      direction:
        sort === 'last_used_at'
          ? ('ascending' as const)
          : sort === '-last_used_at'
            ? ('descending' as const)
            : undefined,
      onSort: () => onSort(sort === '-last_used_at' ? 'last_used_at' : '-last_used_at'),
    },
  },
  {
    key: 'expires_at',
    label: 'Expires',
    render: ({ expires_at }: Client) => <Time at={expires_at} absent="" />,
  },
];

function Roles({ roles: [first, ...more] }: { readonly roles: readonly string[] }) {
  if (first === undefined) return null;
  return (
    <span className="clients-method" title={[first, ...more].map(visible).join(', ')}>
      <SafeText text={first} />
      {more.length > 0 && ` +${more.length}`}
    </span>
  );
}

function State({ client }: { readonly client: Client }) {
  const { label, tone, reason } = stateOf(client, Date.now());
  return (
    <span title={reason}>
      <Badge tone={tone}>{label}</Badge>
    </span>
  );
}

interface Loading {
  readonly rows: readonly unknown[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly loadMore: () => void;
}

/**
 * Reads further pages by itself as long as few clients were found: a page of the API checks a bounded number of clients, so with rare
 * matches it may have none. It stops after some pages, so that a filter without matches does not read 100,000 clients.
 * @param key of the list: another one starts anew
 */
function useLoadByItself({ rows, hasMore, isLoading, loadMore }: Loading, key: string) {
  const state = useRef({ key, pages: 0 });
  const [, render] = useState(0);
  if (state.current.key !== key) state.current = { key, pages: 0 };
  const isShort = hasMore && rows.length < PAGE_SIZE;
  const needsButton = isShort && !isLoading && state.current.pages >= PAGES_BY_ITSELF;
  useEffect(() => {
    if (!isShort || isLoading || state.current.pages >= PAGES_BY_ITSELF) return;
    state.current.pages++;
    loadMore();
  });
  const searchFurther = () => {
    state.current.pages = 0;
    render((count) => count + 1);
  };
  return { needsButton, searchFurther };
}
