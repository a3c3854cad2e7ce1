import { checkAuthentication } from '../../../management/fields/check-authentication.ts';
import type { Complaint } from './complaint.ts';
import type { Action } from './plan.ts';
import type { Declaration } from './schema.ts';

/**
 * Finds faults in the authentication of new and changed clients that the schema cannot express, such as keys of an unsupported type. It
 * uses the check of the management API, with the standard profile.
 * @param issuer the issuer of the server, which federated identities must not name
 */
export async function authenticationComplaints(
  { clients }: Declaration,
  actions: readonly Action[],
  issuer: string,
): Promise<Complaint[]> {
  const complaints = await Promise.all(
    actions.map(async (action) => {
      const client = action.section === 'clients' && action.do !== 'delete' ? clients[action.index] : undefined;
      if (action.do === 'delete' || client === undefined) return [];
      const { errors } = await checkAuthentication(client, issuer, 'standard');
      return errors.map((fault) => ({
        path: ['clients', action.index, ...('pointer' in fault ? pathOf(fault.pointer) : [])],
        message: fault.detail,
      }));
    }),
  );
  return complaints.flat();
}

/** Returns the keys and indexes of a JSON pointer. */
function pathOf(pointer: string): PropertyKey[] {
  const keys = pointer.split('/').slice(1);
  return keys.map((key) => (/^\d+$/.test(key) ? Number(key) : key.replaceAll('~1', '/').replaceAll('~0', '~')));
}
