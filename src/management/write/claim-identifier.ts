import type { SQL } from 'drizzle-orm';
import { isInstanceAdministrator } from '../../credentials/administrator.ts';
import { areClaimsUnchanged, findIdentifierClaims, type IdentifierClaims } from '../../store/identifiers.ts';
import { time } from '../fields/schemas.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementContext } from '../http/context.ts';
import { type FieldError, ProblemError } from '../http/problem.ts';
import { deliverOwedBy } from './delivery.ts';

/** The answer for an identifier that another organization has or had. It does not say which of the two, nor which organization. */
export const IDENTIFIER_TAKEN: FieldError = {
  pointer: '/identifier',
  detail:
    'Another resource server has this identifier, or another spelling of it, or was deleted less than 25 hours ago. Choose another identifier.',
};

export interface ClaimedIdentifier {
  /** The columns of the resource server's row. */
  readonly comparable: string;
  readonly tokensFrom: number | null;
  /** For the write that creates the resource server. */
  readonly guard: SQL;
}

/**
 * Checks that a new resource server may have an identifier: no other one has it in any spelling, and it is not reserved for another
 * organization. If it is reserved for this one, the tokens of the deleted resource server stay inactive: this delivers its deletion to the
 * gates that may still issue such tokens, and waits for the next second, from which on tokens count.
 * @throws ProblemError `conflict`; StoreUnavailableError
 */
export async function claimIdentifier(
  context: ManagementContext,
  identifier: string,
  organizationId: string | null,
): Promise<ClaimedIdentifier> {
  const { db } = context.var.services;
  const now = Date.now();
  const claims = await findIdentifierClaims(db, identifier, now);
  const { form, holder, reservation } = claims;
  const isReserved = reservation !== undefined && reservation.organizationId !== organizationId;
  if (holder || isReserved) throw new ProblemError('conflict', { errors: [conflictOf(context, identifier, claims)] });
  const guard = areClaimsUnchanged(claims, now);
  if (!reservation) return { comparable: form, tokensFrom: null, guard };
  await deliverOwedBy(context, reservation.version);
  const tokensFrom = Math.floor(Date.now() / 1000) + 1;
  await scheduler.wait(tokensFrom * 1000 - Date.now());
  return { comparable: form, tokensFrom, guard };
}

/** Names the reason only if the administrator may see the other resource server. */
function conflictOf(
  { var: { administrator } }: ManagementContext,
  identifier: string,
  { holder, reservation }: IdentifierClaims,
): FieldError {
  const pointer = '/identifier';
  if (
    holder &&
    holder.identifier !== identifier &&
    (holder.organizationId === null || sees(administrator, holder.organizationId))
  ) {
    return {
      pointer,
      detail: `\`${holder.identifier}\` exists and means the same. Use it, or choose another identifier.`,
    };
  }
  if (!holder && reservation && isInstanceAdministrator(administrator)) {
    const owner = reservation.organizationId === null ? 'all organizations' : reservation.organizationId || 'nobody';
    const detail = `Reserved for ${owner} until ${time(reservation.expiresAt)}, when the last token of a deleted resource server has expired.`;
    return { pointer, detail };
  }
  return IDENTIFIER_TAKEN;
}
