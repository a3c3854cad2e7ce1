import type { Client } from '../../store/clients.ts';
import { claimsAcceptedBy } from '../../store/resource-servers.ts';
import { reservationOf } from '../../tokens/reserved-claims.ts';
import { type FieldError, invalidIn, pointer } from '../http/problem.ts';
import type { ManagementServices } from '../services.ts';
import type { ClientBody } from './client-fields.ts';
import type { Resolved } from './references.ts';

type StoredClaims = Pick<Client, 'claims' | 'requestableClaims' | 'restrictedClaims'>;

/**
 * Checks the reserved names among a client's claims. A name that is new must be accepted by a resource server that the client gets tokens
 * for. A name that the client had before stays, even if no resource server accepts it any more: the gates leave it out of the tokens.
 * @param before the client before the change; undefined for a new one
 * @returns the names that the client may use only at resource servers that accept them. A reserved name that is not among them belongs to
 *   the client since before it was reserved, and stays in all of its tokens until it is removed
 * @throws ProblemError `invalid`, pointing at each name that is not accepted; StoreUnavailableError
 */
export async function restrictClaims(
  { db }: Pick<ManagementServices, 'db'>,
  { claims, requestable_claims }: Pick<ClientBody, 'claims' | 'requestable_claims'>,
  { grants, roles }: Pick<Resolved, 'grants' | 'roles'>,
  before?: StoredClaims,
): Promise<string[]> {
  const places = [
    ...Object.keys(claims).map((name) => ({ name, at: pointer('claims', name) })),
    ...requestable_claims.map((name, index) => ({ name, at: pointer('requestable_claims', index) })),
  ];
  const reserved = places.filter(({ name }) => reservationOf(name) !== undefined);
  const had = new Set(before && claimNames(before));
  const added = reserved.filter(({ name }) => !had.has(name));
  if (added.length > 0) {
    const ids = grants.map(({ resourceServerId }) => resourceServerId);
    const accepted = await claimsAcceptedBy(db, { ids, roleIds: roles.map(({ id }) => id) });
    const refused = added.filter(({ name }) => !accepted.has(name));
    if (refused.length > 0) throw invalidIn(refused.map(refusal));
  }
  const isRestricted = (name: string) => !had.has(name) || before?.restrictedClaims.includes(name);
  return [...new Set(reserved.map(({ name }) => name).filter(isRestricted))];
}

/** Returns the reserved names that a client has in all of its tokens, because it had them before they were reserved. */
export function unrestrictedClaims(client: StoredClaims): string[] {
  return [...new Set(claimNames(client))].filter(
    (name) => reservationOf(name) !== undefined && !client.restrictedClaims.includes(name),
  );
}

function claimNames({ claims, requestableClaims }: StoredClaims): string[] {
  return [...Object.keys(claims), ...requestableClaims];
}

function refusal({ name, at }: { readonly name: string; readonly at: string }): FieldError {
  const why = 'This name is reserved, because verifiers obey it.';
  return reservationOf(name) === 'never'
    ? { pointer: at, detail: `${why} Choose another name.` }
    : {
        pointer: at,
        detail: `${why} Choose another name, or let a resource server that the client gets tokens for list it in \`accepted_claims\`, in the same spelling.`,
      };
}
