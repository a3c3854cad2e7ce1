import type {
  Admission,
  AdmissionRequest,
  ClientRecord,
  GrantRefusal,
  NotAuthenticated,
  RateStatus,
  SpentId,
  Unavailable,
  UsageOutcome,
} from '../gates/protocol.ts';
import { lifetimeWithin } from './client-status.ts';
import { explainRefusal } from './explain-refusal.ts';
import { bindingOf, resolveBinding } from './resolve-binding.ts';
import { resolveGrant } from './resolve-grant.ts';
import type { Taken } from './token-bucket.ts';

/** The answer to a token request of an authenticated client. */
type Answer = Exclude<Admission, NotAuthenticated | Unavailable>;

/** The decision on a token request: its answer, and what the gate must write before it answers. */
export interface Decision {
  readonly answer: Answer;
  /** Whether the bucket changes to `taken`. If not, the request is free of charge. */
  readonly isCharged: boolean;
  /** The ids that the request uses up. */
  readonly spends: readonly SpentId[];
}

/** What the gate knows at the moment of the request, besides the client's record. */
export interface Circumstances {
  /** The ids of the client's credential that may be used once. */
  readonly spends: readonly SpentId[];
  /** The bucket after this request. */
  readonly taken: Taken;
  /** Whether an id was used before. */
  readonly isSpent: (id: SpentId) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Decides on a token request of an authenticated client: its binding, the rate limit, then its grant. Has no effects. */
export function decideAdmission(
  record: ClientRecord,
  request: AdmissionRequest,
  { spends, taken, isSpent, now }: Circumstances,
): Decision {
  const { granted, remaining, reset } = taken;
  const rate = { limit: record.rate_limit, remaining, reset };
  const binding = resolveBinding(record, request, isSpent);
  // Free of charge, because the client gets a nonce with this answer and repeats the request at once.
  if (binding === 'use_dpop_nonce') {
    const left = { ...rate, remaining: granted ? remaining + 1 : remaining };
    return { answer: { outcome: 'refused', error: binding, rate: left }, isCharged: false, spends: [] };
  }
  if (!granted) return { answer: { outcome: 'rate_limited', rate }, isCharged: true, spends: [] };
  if (typeof binding === 'string') {
    return { answer: refused(record, request, binding, rate), isCharged: true, spends: [] };
  }
  const used = request.dpop ? [...spends, request.dpop.spends] : spends;
  const resolved = resolveGrant(record, request);
  if (typeof resolved === 'string') {
    return { answer: refused(record, request, resolved, rate), isCharged: true, spends: used };
  }
  const issued_at = Math.floor(now / 1000);
  const access_token_ttl = lifetimeWithin(record, resolved.access_token_ttl, issued_at);
  const grant = access_token_ttl === resolved.access_token_ttl ? resolved : { ...resolved, access_token_ttl };
  const wants_dpop_nonce = bindingOf(record).dpop_nonce;
  const admitted = { outcome: 'admitted', issued_at, grant, rate, confirmation: binding, wants_dpop_nonce } as const;
  const answer = record.log === undefined ? admitted : { ...admitted, log: record.log };
  return { answer, isCharged: true, spends: used };
}

function refused(record: ClientRecord, request: AdmissionRequest, error: GrantRefusal, rate: RateStatus): Answer {
  const details = explainRefusal(record, request, error);
  return { outcome: 'refused', error, rate, ...(details && { details }) };
}

/** Returns the outcome under which the answer is counted. */
export function usageOutcomeOf(answer: Answer): UsageOutcome {
  switch (answer.outcome) {
    case 'admitted':
      return 'issued';
    case 'refused':
      return answer.error;
    case 'rate_limited':
      return 'rate_limited';
  }
}
