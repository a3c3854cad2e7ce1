import { Link } from 'wouter';
import type { Problem } from '../../api/problem.ts';
import { SafeText } from '../../ui/safe-text.tsx';
import './grants.css';

/** Something that refers to a resource that cannot be deleted or changed without it. */
export interface Dependent {
  readonly type: string;
  readonly id: string;
  readonly name: string;
}

export interface Dependents {
  /** The first ones, as far as the session may read them. */
  readonly shown: readonly Dependent[];
  readonly total: number;
}

/** Returns what a refused change names as losing something; undefined if the problem is another one. */
export function dependentsOf(problem: Problem | undefined): Dependents | undefined {
  if (problem?.status !== 409 || problem.orphans_total === undefined) return undefined;
  return { shown: (problem.orphans ?? []) as readonly Dependent[], total: problem.orphans_total };
}

const PLACES: Readonly<Record<string, string>> = {
  client: 'clients',
  role: 'roles',
  resource_server: 'resource-servers',
};

const NOUNS: Readonly<Record<string, readonly [one: string, several: string]>> = {
  client: ['client', 'clients'],
  role: ['role', 'roles'],
};

/** Returns a number with its noun, such as "1 client" or "3 roles". */
export function counted(count: number, type: string): string {
  const [one, several] = NOUNS[type] ?? [type, `${type}s`];
  return `${count} ${count === 1 ? one : several}`;
}

/** Names the clients and roles that lose something. */
export function DependentList({
  organizationId,
  dependents,
}: {
  readonly organizationId: string;
  readonly dependents: Dependents;
}) {
  const { shown, total } = dependents;
  return (
    <>
      <ul className="grants-names">
        {shown.map(({ type, id, name }) => (
          <li key={`${type} ${id}`}>
            <span className="faint">{type.replaceAll('_', ' ')}</span>{' '}
            <Link href={`/organizations/${organizationId}/${PLACES[type] ?? ''}/${id}`}>
              <SafeText text={name} />
            </Link>
          </li>
        ))}
      </ul>
      {total > shown.length && (
        <p className="faint">
          {shown.length === 0
            ? `${total} in all, which this session may not read.`
            : `and ${total - shown.length} more.`}
        </p>
      )}
    </>
  );
}
