import type {
  IssuedTokens,
  Quota,
  QuotaNotice,
  QuotaPeriod,
  QuotaThreshold,
  StoredQuotaNotices,
} from '../gates/protocol.ts';
import { limitsOf, newThreshold } from '../store/quota-thresholds.ts';
import { QUOTA_NOTICES_OWED_MAX } from './constants.ts';

/**
 * The thresholds of a client's quota that were reached. Each is owed to D1 once in each period; one that is reached together with a higher
 * one is left out. Another limit has thresholds of its own.
 */
export class QuotaNotices {
  readonly #noted: { [Period in QuotaPeriod]?: QuotaThreshold };
  #owed: readonly QuotaNotice[];

  constructor({ noted, owed }: StoredQuotaNotices = { noted: {}, owed: [] }) {
    this.#noted = { ...noted };
    this.#owed = owed;
  }

  /** Notes the thresholds that are reached. @returns whether a notice of one is owed now */
  note(quota: Quota, issued: IssuedTokens, now: number): boolean {
    let isReached = false;
    for (const { period, limit } of limitsOf(quota)) {
      const { from, count } = issued[period];
      const reached = newThreshold(this.#noted[period], { from, limit, issued: count });
      if (!reached) continue;
      this.#noted[period] = reached;
      const notice = { ...reached, period, issued: count, action: quota.action, at: now };
      this.#owed = [...this.#owed, notice].slice(-QUOTA_NOTICES_OWED_MAX);
      isReached = true;
    }
    return isReached;
  }

  /** The notices that D1 must still be told. */
  get owed(): readonly QuotaNotice[] {
    return this.#owed;
  }

  /** Records that D1 took notices. */
  delivered(notices: readonly QuotaNotice[]): void {
    this.#owed = this.#owed.filter((notice) => !notices.includes(notice));
  }

  /** Returns the notices as they are stored, or undefined before the first one. */
  toStored(): StoredQuotaNotices | undefined {
    return Object.keys(this.#noted).length > 0 ? { noted: this.#noted, owed: this.#owed } : undefined;
  }
}
