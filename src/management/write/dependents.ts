import type { Administrator } from '../../credentials/administrator.ts';
import type { Dependent, Dependents, DependentsShown } from '../../store/sql.ts';
import { DEPENDENTS_SHOWN } from '../constants.ts';
import { type ApiKeyScope, hasScope } from '../http/authorization.ts';
import { ProblemError } from '../http/problem.ts';

const READ_BY: Readonly<Record<Dependent['type'], ApiKeyScope>> = {
  api_key: 'api-keys:read',
  resource_server: 'resource-servers:read',
  role: 'roles:read',
  client: 'clients:read',
  webhook: 'webhooks:read',
};

/** Returns which dependents an error may name: only those that the administrator may read. */
export function dependentsShownTo(administrator: Administrator): DependentsShown {
  const types = (Object.keys(READ_BY) as Dependent['type'][]).filter((type) => hasScope(administrator, READ_BY[type]));
  return { types: new Set(types), limit: DEPENDENTS_SHOWN };
}

/** Refuses a change that resources depend on. @throws ProblemError `conflict` with the dependents, if there are any */
export function refuseDependents(dependents: Dependents, detail: string): void {
  if (dependents.total > 0) throw new ProblemError('conflict', { detail, dependents });
}
