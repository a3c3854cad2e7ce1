import type { NotedRefusal } from '../../gates/protocol.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import {
  PROVEN_REPORT_INTERVAL,
  PROVEN_REPORTS_AT_ONCE,
  REFUSED_CLIENTS_MAX,
  UNPROVEN_REPORT_INTERVAL,
  UNPROVEN_REPORT_INTERVAL_OF_ALL,
  UNPROVEN_REPORTS_AT_ONCE,
  UNPROVEN_REPORTS_AT_ONCE_OF_ALL,
  WAITING_REFUSALS_MAX,
} from '../constants.ts';
import { ReportAllowance } from './report-allowance.ts';

const PROVEN = { atOnce: PROVEN_REPORTS_AT_ONCE, intervalMs: PROVEN_REPORT_INTERVAL * 1000 };
const UNPROVEN = { atOnce: UNPROVEN_REPORTS_AT_ONCE, intervalMs: UNPROVEN_REPORT_INTERVAL * 1000 };
const UNPROVEN_OF_ALL = {
  atOnce: UNPROVEN_REPORTS_AT_ONCE_OF_ALL,
  intervalMs: UNPROVEN_REPORT_INTERVAL_OF_ALL * 1000,
};

/** The refusals of one client, of one kind: those that prove to be the client's, or the others. */
interface Refused {
  readonly allowance: ReportAllowance;
  /** Those that were not told yet, by what they have in common. */
  readonly waiting: Map<string, NotedRefusal>;
}

/**
 * Per-isolate limit of what the gates are told of refusals: a flood of them costs a bounded number of gate calls. It counts those that it
 * holds back, and adds them to the next report of the client. Requests that prove nothing have a limit of their own, so that strangers
 * cannot use up the client's.
 */
export class RefusalReports {
  readonly #proven = new ExpiringCache<Refused>(REFUSED_CLIENTS_MAX);
  readonly #unproven = new ExpiringCache<Refused>(REFUSED_CLIENTS_MAX);
  readonly #unprovenOfAll = new ReportAllowance(UNPROVEN_OF_ALL);

  /** Returns the refusals to tell the client's gate now, with this one; empty if it must wait. @param now milliseconds since the epoch */
  add(clientId: string, refusal: NotedRefusal, now: number): NotedRefusal[] {
    const { allowance, waiting } = this.#refused(clientId, refusal.is_proven, now);
    const { first_at, last_at: _, count, request_id: __, ...kind } = refusal;
    const key = JSON.stringify(kind);
    const earlier = waiting.get(key);
    if (earlier || waiting.size < WAITING_REFUSALS_MAX) {
      const all = earlier ? { first_at: earlier.first_at, count: earlier.count + count } : { first_at, count };
      waiting.set(key, { ...refusal, ...all });
    }
    if (!allowance.take(now) || !(refusal.is_proven || this.#unprovenOfAll.take(now))) return [];
    const told = [...waiting.values()];
    waiting.clear();
    return told;
  }

  #refused(clientId: string, isProven: boolean, now: number): Refused {
    const cache = isProven ? this.#proven : this.#unproven;
    const known = cache.get(clientId, now);
    if (known) return known;
    const refused = { allowance: new ReportAllowance(isProven ? PROVEN : UNPROVEN), waiting: new Map() };
    cache.set(clientId, refused);
    return refused;
  }
}
