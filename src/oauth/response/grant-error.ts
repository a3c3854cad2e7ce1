import type { GrantRefusal, GrantRequest, RefusalDetails } from '../../gates/protocol.ts';
import { echoOf, printable } from '../../lib/echo.ts';
import type { GrantFailure } from '../../log/reasons.ts';
import { DESCRIBED_RESOURCE_MAX, DESCRIBED_SCOPE_MAX, DESCRIBED_SCOPES_MAX } from '../constants.ts';
import { OAuthError } from './oauth-error.ts';

/** The reason for the log and the description, for errors whose code alone is too vague. */
const INVALID_REQUESTS = {
  invalid_request: ['claims_not_requestable', 'claims: this client may not request all of these.'],
  dpop_required: ['dpop_required', 'This client must send a DPoP proof.'],
  certificate_required: ['certificate_required', 'This client must present a certificate.'],
  binding_required: ['binding_required', 'This client must send a DPoP proof or present a certificate.'],
} as const satisfies Partial<Record<GrantRefusal, readonly [GrantFailure, string]>>;

/**
 * Returns the error for an authenticated client that gets no token.
 * @param details absent from an older gate: the description is then the general one
 */
export function grantError(
  error: Exclude<GrantRefusal, 'use_dpop_nonce'>,
  details: RefusalDetails | undefined,
  requested: GrantRequest,
  headers: Readonly<Record<string, string>>,
): OAuthError {
  switch (error) {
    case 'invalid_request':
    case 'dpop_required':
    case 'certificate_required':
    case 'binding_required': {
      const [reason, description] = INVALID_REQUESTS[error];
      return new OAuthError('invalid_request', { description, reason, headers });
    }
    case 'invalid_dpop_proof':
      return new OAuthError(error, {
        headers,
        reason: details?.proof_alg ? 'proof_wrong_algorithm' : 'proof_replayed',
      });
    default: {
      const description = details && describe(details, requested);
      return new OAuthError(error, { headers, ...(description !== undefined && { description }) });
    }
  }
}

/** Names what was requested and is not granted, to the client that asked. */
function describe({ scopes = [], resource = '', target }: RefusalDetails, requested: GrantRequest): string | undefined {
  if (scopes.length > 0) {
    const named = scopes.slice(0, DESCRIBED_SCOPES_MAX).map((scope) => echoOf(scope, DESCRIBED_SCOPE_MAX));
    const more = scopes.length > named.length ? ', and more' : '';
    return `Not granted at ${printable(resource, DESCRIBED_RESOURCE_MAX)}: ${named.join(', ')}${more}.`;
  }
  switch (target) {
    case 'not_named':
      return 'The client is granted several resource servers and has no default one: name one in the parameter resource.';
    case 'not_granted':
      return `Not granted to the client, or unknown: ${echoOf(requested.resource ?? '', DESCRIBED_RESOURCE_MAX)}.`;
    case 'signing_alg':
      return 'The tokens of this resource server have a signature algorithm that the strict profile does not permit.';
    default:
      return undefined;
  }
}
