import type { AdmissionRequest, ClientRecord, GrantRefusal, RefusalDetails } from '../gates/protocol.ts';
import { STRICT_ALGS } from '../store/client-authentication.ts';
import { authenticationOf } from './check-proof.ts';
import { UNGRANTED_SCOPES_MAX } from './constants.ts';
import { findRequestedGrant } from './resolve-grant.ts';

/**
 * Returns what exactly a refused request lacks, for the description of its error; undefined if the error says it. Runs only on refusals.
 */
export function explainRefusal(
  record: ClientRecord,
  request: AdmissionRequest,
  error: GrantRefusal,
): RefusalDetails | undefined {
  switch (error) {
    case 'invalid_scope': {
      const grant = findRequestedGrant(record, request);
      if (!grant) return undefined;
      const scopes = request.scopes?.filter((scope) => !grant.scopes.includes(scope)) ?? [];
      return { scopes: scopes.slice(0, UNGRANTED_SCOPES_MAX), resource: grant.resource };
    }
    case 'invalid_target': {
      if (findRequestedGrant(record, request)) return { target: 'signing_alg' };
      return { target: request.resource === undefined ? 'not_named' : 'not_granted' };
    }
    case 'invalid_dpop_proof': {
      const isPermitted = request.dpop === undefined || STRICT_ALGS.includes(request.dpop.alg);
      return authenticationOf(record).is_strict && !isPermitted ? { proof_alg: true } : undefined;
    }
    default:
      return undefined;
  }
}
