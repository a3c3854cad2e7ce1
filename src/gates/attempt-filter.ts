import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS, UNKNOWN_CLIENT_AGE } from '../constants.ts';
import { fingerprint } from '../credentials/secret-hash.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { pollUntil } from '../store/waiting.ts';
import {
  ATTEMPT_POLL_MS,
  ATTEMPT_WAIT_MS,
  ATTEMPTS_PER_ADDRESS,
  ATTEMPTS_PER_SUBJECT,
  ATTEMPTS_WINDOW,
  FINGERPRINT_AGE,
  PROVEN_CREDENTIAL_AGE,
} from './constants.ts';

/** So many attempts failed that this one was not checked. */
export class TooManyAttemptsError extends Error {
  override readonly name = 'TooManyAttemptsError';
  /** Seconds to wait. */
  readonly retryAfter = FINGERPRINT_AGE;

  constructor() {
    super('Too many failed attempts: wait before the next one.');
  }
}

/** Whose credential is tried (a client_id, or what else a caller authenticates as), and from where. */
export interface Attempt {
  readonly subject: string;
  readonly address: string;
  /** What failures from one address are counted under, where subjects can be invented that only a store can tell from real ones. */
  readonly group?: string;
}

export interface SecretAttempt extends Attempt {
  /** The stored forms that the presented secret could have. */
  readonly hashes: readonly string[];
}

/** What a check says of a credential that is not its subject's. */
export interface Refusal {
  readonly outcome: 'invalid_client';
  /** Whether the subject exists. */
  readonly known: boolean;
  /** Of the subject's live secrets; see `fingerprint()`. */
  readonly fingerprints: readonly string[];
}

interface Tally {
  /** Checks under way. */
  pending: number;
  failures: number;
  readonly limit: number;
}

const REFUSED: Refusal = { outcome: 'invalid_client', known: false, fingerprints: [] };
const KEY_LENGTH = 128;
const HOUR_MS = 3_600_000;

type Report = (attempt: Attempt, now: number) => void;

/**
 * Stands between guessers and whatever checks a credential: in the memory of one isolate and, through the Rate Limiting binding, in
 * that of its location.
 *
 * It cannot lock a client out. A credential that passed before skips it, and so does one whose fingerprint the gate named when
 * another failed; only what is then left is held back, once too many attempts from one address, or about one client, have failed.
 * So the one thing that an attack can delay is the first use of a secret made in the last `FINGERPRINT_AGE` seconds.
 */
export class AttemptFilter {
  readonly #binding: RateLimit;
  readonly #proven = new ExpiringCache<true>();
  readonly #unknown = new ExpiringCache<true>();
  readonly #fingerprints = new ExpiringCache<readonly string[]>();
  // Subjects that an attempt failed for a moment ago.
  readonly #refused = new ExpiringCache<true>();
  readonly #tallies = new ExpiringCache<Tally>();
  readonly #reported = new ExpiringCache<true>();
  readonly #report: Report;

  /** @param report hears of each subject that exists and is guessed at, at most once an hour */
  constructor(binding: RateLimit, report: Report) {
    this.#binding = binding;
    this.#report = report;
  }

  /**
   * Runs the check of a credential, unless the credential cannot be right or so many have failed that it must wait.
   * @returns what the check says, or `invalid_client` where the subject is known not to exist
   * @throws TooManyAttemptsError; what the check throws
   */
  async guard<V extends { readonly outcome: string }>(
    attempt: SecretAttempt,
    check: () => Promise<V | Refusal>,
  ): Promise<V | Refusal> {
    if (this.#unknown.get(attempt.subject, Date.now())) {
      this.refuse(attempt);
      return REFUSED;
    }
    const tallies = this.#isTrusted(attempt, Date.now()) ? [] : await this.#awaitTurn(attempt);
    for (const tally of tallies) tally.pending++;
    try {
      const verdict = await check();
      if (isRefusal(verdict)) this.#failed(attempt, verdict);
      else this.#passed(attempt);
      return verdict;
    } finally {
      for (const tally of tallies) tally.pending--;
    }
  }

  /**
   * Charges an attempt that did not come through `guard`: one that could be told to be wrong, or that failed by what is no secret.
   * @throws TooManyAttemptsError when a checked one would be, so that nobody can tell from it which ids exist
   */
  refuse(attempt: Attempt): void {
    const now = Date.now();
    const isExhaustedNow = this.#tallied(attempt, now).some(isExhausted);
    if (isExhaustedNow && this.#refused.get(attempt.subject, now)) throw this.#throttled(attempt, now);
    this.#charge(attempt, now);
  }

  /** @throws TooManyAttemptsError while so many attempts fail that nothing is done for one of which nothing is known */
  requireCalm(attempt: Attempt): void {
    const now = Date.now();
    if (this.#tallied(attempt, now).some(isExhausted)) throw this.#throttled(attempt, now);
  }

  /**
   * Looks for a subject that may be invented, for so many at a time from one address, and not at all once as many were not found.
   * @throws TooManyAttemptsError; StoreUnavailableError where those before it take too long; what the look-up throws
   */
  async lookUp<T>(attempt: Attempt, look: () => Promise<T>): Promise<T> {
    const [byAddress] = this.#tallied(attempt, Date.now());
    const isFree = () => byAddress.pending + byAddress.failures < byAddress.limit;
    await pollUntil(() => isFree() || isExhausted(byAddress), STORE_DEADLINE_MS);
    if (isExhausted(byAddress)) throw this.#throttled(attempt, Date.now());
    if (!isFree()) throw new StoreUnavailableError('gate', 'deadline');
    byAddress.pending++;
    try {
      return await look();
    } finally {
      byAddress.pending--;
    }
  }

  #throttled(attempt: Attempt, now: number): TooManyAttemptsError {
    const { subject, group } = attempt;
    // One of a group may be invented; with fingerprints it is not.
    const exists = group === undefined || (this.#fingerprints.get(subject, now)?.length ?? 0) > 0;
    if (exists && !this.#reported.get(subject, now)) {
      this.#reported.set(subject, true, (Math.floor(now / HOUR_MS) + 1) * HOUR_MS);
      this.#report(attempt, now);
    }
    return new TooManyAttemptsError();
  }

  #isTrusted({ subject, hashes }: SecretAttempt, now: number): boolean {
    if (hashes.some((hash) => this.#proven.get(provenKey(subject, hash), now))) return true;
    const live = this.#fingerprints.get(subject, now);
    return live !== undefined && hashes.some((hash) => live.includes(fingerprint(hash)));
  }

  // Waits until the attempt may be checked. By polling: a promise of one request is not another's to wait for.
  async #awaitTurn(attempt: SecretAttempt): Promise<readonly Tally[]> {
    let isExhaustedNow = false;
    for (let waited = 0; waited < STORE_DEADLINE_MS; waited += ATTEMPT_POLL_MS) {
      const now = Date.now();
      if (this.#isTrusted(attempt, now)) return [];
      const tallies = this.#tallied(attempt, now);
      isExhaustedNow = tallies.some(isExhausted);
      // From here nobody else is asked about: one invented subject after the other would be, and each is as good as the next.
      if (attempt.group !== undefined && isExhausted(tallies[0])) break;
      if (!isExhaustedNow && tallies.every(({ pending, failures, limit }) => pending + failures < limit))
        return tallies;
      // With the limit spent, one attempt at a time is still checked, for the fingerprints that tell the right credential from the rest.
      const isInformed = this.#fingerprints.get(attempt.subject, now) !== undefined;
      if (isExhaustedNow && !isInformed && tallies.every(({ pending }) => pending === 0)) return tallies;
      if (isExhaustedNow && (isInformed || waited >= ATTEMPT_WAIT_MS)) break;
      await scheduler.wait(ATTEMPT_POLL_MS);
    }
    if (isExhaustedNow) throw this.#throttled(attempt, Date.now());
    // Nobody failed: those who were first are still waiting for the gate.
    throw new StoreUnavailableError('gate', 'deadline');
  }

  #passed({ subject, hashes }: SecretAttempt): void {
    const now = Date.now();
    for (const hash of hashes) {
      const key = provenKey(subject, hash);
      if (!this.#proven.get(key, now)) this.#proven.set(key, true, now + PROVEN_CREDENTIAL_AGE * 1000);
    }
  }

  #failed(attempt: SecretAttempt, { known, fingerprints }: Refusal): void {
    const now = Date.now();
    for (const hash of attempt.hashes) this.#proven.delete(provenKey(attempt.subject, hash));
    if (!known) this.#unknown.set(attempt.subject, true, now + UNKNOWN_CLIENT_AGE * 1000);
    this.#fingerprints.set(attempt.subject, fingerprints, now + FINGERPRINT_AGE * 1000);
    this.#charge(attempt, now);
  }

  #charge(attempt: Attempt, now: number): void {
    this.#refused.set(attempt.subject, true, now + FINGERPRINT_AGE * 1000);
    const [byAddress, bySubject] = this.#tallied(attempt, now);
    byAddress.failures++;
    bySubject.failures++;
    const counted = this.#binding.limit({ key: addressKey(attempt) }).then(
      ({ success }) => {
        if (!success) byAddress.failures = byAddress.limit;
      },
      // Only a filter: without its location's memory the isolate's own still stands.
      () => undefined,
    );
    waitUntil(counted);
  }

  #tallied(attempt: Attempt, now: number): [byAddress: Tally, bySubject: Tally] {
    return [
      this.#tally(`address ${addressKey(attempt)}`, ATTEMPTS_PER_ADDRESS, now),
      this.#tally(`subject ${attempt.subject.slice(0, KEY_LENGTH)}`, ATTEMPTS_PER_SUBJECT, now),
    ];
  }

  #tally(key: string, limit: number, now: number): Tally {
    const found = this.#tallies.get(key, now);
    if (found) return found;
    const tally = { pending: 0, failures: 0, limit };
    this.#tallies.set(key, tally, now + ATTEMPTS_WINDOW * 1000);
    return tally;
  }
}

// By both: one client's secret tried on others is a guess like any other.
function provenKey(subject: string, hash: string): string {
  return `${subject} ${hash}`;
}

function addressKey({ subject, address, group = subject }: Attempt): string {
  return `${address} ${group.slice(0, KEY_LENGTH)}`;
}

function isExhausted({ failures, limit }: Tally): boolean {
  return failures >= limit;
}

/** Whether a check said that the credential is not the subject's. */
export function isRefusal(verdict: { readonly outcome: string }): verdict is Refusal {
  return verdict.outcome === 'invalid_client';
}
