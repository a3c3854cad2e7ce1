import type { NotedRefusal } from '../../gates/protocol.ts';
import { clientAddress } from '../../http/client-address.ts';
import { echoOf, printable } from '../../lib/echo.ts';
import type { Reason } from '../../log/reasons.ts';
import { NOTED_DESCRIPTION_MAX, NOTED_RESOURCE_MAX, NOTED_SCOPE_MAX, NOTED_SCOPES_MAX } from '../constants.ts';
import type { Parameters } from '../request/parameters.ts';

/** A request that is refused, as far as its endpoint got with it. */
export interface RefusedRequest {
  readonly request: Request;
  /** The last part of the endpoint's path. */
  readonly endpoint: string;
  /** undefined if the body could not be read. */
  readonly parameters: Parameters | undefined;
}

/** How a request was refused. */
export interface RefusedAs {
  readonly reason: Reason;
  readonly status: number;
  readonly error: string | null;
  readonly description: string | undefined;
}

/** Reasons that are about no client: failures of the service, and that there is no such client. The log has them. */
const ABOUT_NO_CLIENT: readonly Reason[] = [
  'unknown_client',
  'd1_unavailable',
  'kv_unavailable',
  'gate_unavailable',
  'misconfigured',
  'unexpected',
  'server_error',
  'temporarily_unavailable',
];

/** What only a holder of the client's credential can cause. Not `refused_by_gate`: the key may have been taken away because it leaked. */
const PROVING: readonly Reason[] = ['disabled_client', 'expired_client', 'expired_secret', 'replayed'];

/** Whether a reason is about the client. */
export function isAboutClient(reason: Reason): boolean {
  return !ABOUT_NO_CLIENT.includes(reason);
}

/** Whether a refusal proves that its request is the client's. */
export function isProving(reason: Reason): boolean {
  return PROVING.includes(reason);
}

/**
 * Describes a refused request for the administrator of its client. A request that proves nothing says nothing of its own: anybody could
 * write it.
 * @param now milliseconds since the epoch
 */
export function describeRefusal(
  { request, endpoint, parameters }: RefusedRequest,
  { reason, status, error, description }: RefusedAs,
  { requestId, isProven, now }: { readonly requestId: string; readonly isProven: boolean; readonly now: number },
): NotedRefusal {
  return {
    first_at: now,
    last_at: now,
    count: 1,
    request_id: requestId,
    reason,
    endpoint,
    status,
    error,
    ...(description !== undefined && { description: printable(description, NOTED_DESCRIPTION_MAX) }),
    address: clientAddress(request) || null,
    is_proven: isProven,
    ...(isProven && parameters && requested(parameters)),
  };
}

function requested(parameters: Parameters): Pick<NotedRefusal, 'resource' | 'scopes'> {
  const [resource] = [...parameters.all('resource'), ...parameters.all('audience')];
  const scopes = parameters.get('scope')?.split(' ', NOTED_SCOPES_MAX + 1) ?? [];
  const shown = scopes.slice(0, NOTED_SCOPES_MAX).map((scope) => echoOf(scope, NOTED_SCOPE_MAX));
  return {
    ...(resource !== undefined && { resource: echoOf(resource, NOTED_RESOURCE_MAX) }),
    ...(scopes.length > 0 && { scopes: scopes.length > NOTED_SCOPES_MAX ? [...shown, '...'] : shown }),
  };
}
