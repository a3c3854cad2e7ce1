import { Link } from 'wouter';
import { organizationAddress } from '../../api/organization.ts';
import type { Problem } from '../../api/problem.ts';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText, visible } from '../../ui/safe-text.tsx';
import { Table } from '../../ui/table.tsx';
import { type ClientGrants, holdersOf, type RoleGrants, type ScopeHolders } from '../grants/holders.ts';
import type { ShownServer } from '../grants/shown.ts';

interface ScopeTableProps {
  readonly organizationId: string;
  readonly server: ShownServer;
  /** Undefined if the session may not read them. */
  readonly roles: readonly RoleGrants[] | undefined;
  readonly clients: readonly ClientGrants[] | undefined;
  /** Whether there are more clients than those. */
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly problem: Problem | undefined;
}

type Row = ScopeHolders & { readonly description: string };

/** The scopes of a resource server, each with the roles and clients that hold it. */
export function ScopeTable({ organizationId, server, roles, clients, hasMore, isLoading, problem }: ScopeTableProps) {
  const names = server.scopes.map(({ name }) => name);
  const holders = holdersOf(server.identifier, names, roles ?? [], clients ?? []);
  const rows: Row[] = holders.map((row, index) => ({ ...row, description: server.scopes[index]?.description ?? '' }));
  return (
    <>
      {problem && <ErrorBox problem={problem} />}
      <Table
        label="Scopes"
        rows={rows}
        rowKey={({ scope }) => scope}
        isLoading={false}
        empty={
          <Empty title="No scopes">
            Clients with a grant still get tokens for it, without scopes. Add scopes under “Change”.
          </Empty>
        }
        columns={[
          {
            key: 'scope',
            label: 'Scope',
            render: ({ scope }) => (
              <code>
                <SafeText text={scope} />
              </code>
            ),
          },
          { key: 'description', label: 'Description', render: ({ description }) => <SafeText text={description} /> },
          ...(roles
            ? [
                {
                  key: 'roles',
                  label: 'Roles',
                  render: (row: Row) => (
                    <Names
                      what={`roles with ${visible(row.scope)}`}
                      names={row.roles.map(({ id, name }) => ({ id, name, href: `/roles/${encodeURIComponent(id)}` }))}
                      organizationId={organizationId}
                    />
                  ),
                },
              ]
            : []),
          ...(clients
            ? [
                {
                  key: 'clients',
                  label: 'Clients',
                  render: (row: Row) => (
                    <Names
                      what={`clients with ${visible(row.scope)}`}
                      isIncomplete={hasMore}
                      isLoading={isLoading}
                      names={row.clients.map(({ client_id, client_name }) => ({
                        id: client_id,
                        name: client_name,
                        href: `/clients/${encodeURIComponent(client_id)}`,
                      }))}
                      organizationId={organizationId}
                    />
                  ),
                },
              ]
            : []),
        ]}
      />
      {hasMore && (
        <p className="faint">
          Only the first {clients?.length} clients were read. Before a scope is removed, the service names all that have
          it.
        </p>
      )}
      {server.organization_id === null && (
        <p className="faint">It is shared. Only the clients and roles of this organization are shown.</p>
      )}
    </>
  );
}

interface NamesProps {
  /** Whose names they are, for people who do not see the column. */
  readonly what: string;
  readonly names: readonly { readonly id: string; readonly name: string; readonly href: string }[];
  readonly organizationId: string;
  readonly isIncomplete?: boolean;
  readonly isLoading?: boolean;
}

/** A count that unfolds to the names. */
function Names({ what, names, organizationId, isIncomplete = false, isLoading = false }: NamesProps) {
  if (isLoading && names.length === 0) return <span className="faint">…</span>;
  const count = isIncomplete ? `${names.length} or more` : String(names.length);
  if (names.length === 0) return <span className="faint">{count}</span>;
  return (
    <details>
      <summary aria-label={`${count} ${what}`}>{count}</summary>
      <ul className="grants-names">
        {names.map(({ id, name, href }) => (
          <li key={id}>
            <Link href={organizationAddress(organizationId, href)}>
              <SafeText text={name} />
            </Link>
          </li>
        ))}
      </ul>
    </details>
  );
}
