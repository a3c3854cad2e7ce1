import type {
  Admission,
  AdmissionRequest,
  ClientRecord,
  GrantRefusal,
  IssuedTokens,
  NotAuthenticated,
  QuotaStatus,
  RateStatus,
  SpentId,
  Unavailable,
  UsageOutcome,
} from '../gates/protocol.ts';
import { lifetimeWithin } from './client-status.ts';
import { explainRefusal } from './explain-refusal.ts';
import { afterToken, enforcedQuotas, usedUp } from './quota.ts';
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
  /** The tokens that were issued before, for a client with a quota. */
  readonly issued?: IssuedTokens | undefined;
  /** Whether an id was used before. */
  readonly isSpent: (id: SpentId) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Decides on a token request of an authenticated client: its binding, the rate limit, its grant, then its quota. Has no effects. */
export function decideAdmission(
  record: ClientRecord,
  request: AdmissionRequest,
  { spends, taken, issued, isSpent, now }: Circumstances,
): Decision {
  const { granted, remaining, reset } = taken;
  const quotas = record.quota && issued ? enforcedQuotas(record.quota, issued, now) : NO_QUOTAS;
  const rate = withQuotas({ limit: record.rate_limit, remaining, reset }, quotas);
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
  // Only tokens that would be issued: a request that asks for too much must learn that, not wait for a month.
  const quota = usedUp(quotas);
  if (quota) return { answer: { outcome: 'rate_limited', rate, quota }, isCharged: true, spends: [] };
  const issued_at = Math.floor(now / 1000);
  const access_token_ttl = lifetimeWithin(record, resolved.access_token_ttl, issued_at);
  const grant = access_token_ttl === resolved.access_token_ttl ? resolved : { ...resolved, access_token_ttl };
  const wants_dpop_nonce = bindingOf(record).dpop_nonce;
  const left = quotas.length > 0 ? { ...rate, quotas: afterToken(quotas) } : rate;
  const admitted = {
    outcome: 'admitted',
    issued_at,
    grant,
    rate: left,
    confirmation: binding,
    wants_dpop_nonce,
  } as const;
  const answer = record.log === undefined ? admitted : { ...admitted, log: record.log };
  return { answer, isCharged: true, spends: used };
}

function refused(record: ClientRecord, request: AdmissionRequest, error: GrantRefusal, rate: RateStatus): Answer {
  const details = explainRefusal(record, request, error);
  return { outcome: 'refused', error, rate, ...(details && { details }) };
}

const NO_QUOTAS: readonly QuotaStatus[] = [];

function withQuotas(rate: RateStatus, quotas: readonly QuotaStatus[]): RateStatus {
  return quotas.length > 0 ? { ...rate, quotas } : rate;
}

/** Returns the outcome under which the answer is counted. */
export function usageOutcomeOf(answer: Answer): UsageOutcome {
  switch (answer.outcome) {
    case 'admitted':
      return 'issued';
    case 'refused':
      return answer.error;
    case 'rate_limited':
      return answer.quota ? 'quota_exceeded' : 'rate_limited';
  }
}
