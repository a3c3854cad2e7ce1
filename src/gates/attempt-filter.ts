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

/** An attempt was not checked, because too many attempts failed before it. */
export class TooManyAttemptsError extends Error {
  override readonly name = 'TooManyAttemptsError';
  /** Seconds to wait. */
  readonly retryAfter = FINGERPRINT_AGE;

  constructor() {
    super('Too many failed attempts: wait before the next one.');
  }
}

/** An attempt to authenticate. */
export interface Attempt {
  /** Whose credential is tried: a client_id, or the name of another kind of caller. */
  readonly subject: string;
  readonly address: string;
  /**
   * Counts failures from one address under this name instead of the subject. For subjects that anybody can invent, if only a store can
   * tell them from real ones.
   */
  readonly group?: string;
}

export interface SecretAttempt extends Attempt {
  /** The hashes of the presented secret, under each accepted master key, and in each of its readings. */
  readonly hashes: readonly string[];
}

/** The verdict on a credential that is not its subject's. */
export interface Refusal {
  readonly outcome: 'invalid_client';
  /** Whether the subject exists. */
  readonly known: boolean;
  /** Fingerprints of the subject's live secrets; see `fingerprint()`. */
  readonly fingerprints: readonly string[];
}

/** The attempts of one address or about one subject, within a window. */
interface Tally {
  /** The number of checks under way. */
  pending: number;
  failures: number;
  readonly limit: number;
}

const REFUSED: Refusal = { outcome: 'invalid_client', known: false, fingerprints: [] };
const KEY_LENGTH = 128;
const HOUR_MS = 3_600_000;

type Report = (attempt: Attempt, now: number) => void;

/**
 * Limits failed attempts to guess credentials. Counts them in the isolate's memory and, through the Rate Limiting binding, in that of its
 * location.
 *
 * It cannot lock a client out. A credential that passed before skips the filter, and so does one whose fingerprint the gate returned when
 * another failed. All other attempts are held back once too many from one address, or about one client, have failed. So an attack can
 * delay only the first use of a secret that was created in the last `FINGERPRINT_AGE` seconds.
 */
export class AttemptFilter {
  readonly #binding: RateLimit;
  // Credentials that passed, by subject and hash.
  readonly #proven = new ExpiringCache<true>();
  // Subjects that do not exist.
  readonly #unknown = new ExpiringCache<true>();
  readonly #fingerprints = new ExpiringCache<readonly string[]>();
  // Subjects with an attempt that failed a moment ago.
  readonly #refused = new ExpiringCache<true>();
  readonly #tallies = new ExpiringCache<Tally>();
  // Subjects whose attack was reported in this hour.
  readonly #reported = new ExpiringCache<true>();
  readonly #report: Report;

  /** @param report is called for each existing subject whose attempts are held back, at most once an hour */
  constructor(binding: RateLimit, report: Report) {
    this.#binding = binding;
    this.#report = report;
  }

  /**
   * Runs the check of a credential, unless its subject is known not to exist, or the attempt is held back.
   * @returns the verdict of the check, or `invalid_client` if the subject is known not to exist
   * @throws TooManyAttemptsError; StoreUnavailableError if earlier checks take too long; errors of the check
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
   * Counts a failed attempt that did not pass through `guard`: one that is wrong without a check, or whose credential is not a secret.
   * @throws TooManyAttemptsError under the same conditions as `guard`, so that the difference does not reveal which ids exist
   */
  refuse(attempt: Attempt): void {
    const now = Date.now();
    const isExhaustedNow = this.#tallied(attempt, now).some(isExhausted);
    if (isExhaustedNow && this.#refused.get(attempt.subject, now)) throw this.#throttled(attempt, now);
    this.#charge(attempt, now);
  }

  /**
   * Requires that attempts like this one are not held back, for work that precedes the check of a credential.
   * @throws TooManyAttemptsError
   */
  requireCalm(attempt: Attempt): void {
    const now = Date.now();
    if (this.#tallied(attempt, now).some(isExhausted)) throw this.#throttled(attempt, now);
  }

  /**
   * Runs the look-up of a subject that may be invented. One address may have `ATTEMPTS_PER_ADDRESS` look-ups under way; once as many have
   * failed, no more are made.
   * @throws TooManyAttemptsError; StoreUnavailableError if earlier look-ups take too long; errors of the look-up
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
    // The subject of a group may be invented, unless its gate returned fingerprints.
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

  // Waits until the attempt may be checked. Polls, because a request cannot await a promise that another request created.
  async #awaitTurn(attempt: SecretAttempt): Promise<readonly Tally[]> {
    let isExhaustedNow = false;
    for (let waited = 0; waited < STORE_DEADLINE_MS; waited += ATTEMPT_POLL_MS) {
      const now = Date.now();
      if (this.#isTrusted(attempt, now)) return [];
      const tallies = this.#tallied(attempt, now);
      isExhaustedNow = tallies.some(isExhausted);
      // This address has used up its look-ups. An attacker could otherwise invent one subject after another.
      if (attempt.group !== undefined && isExhausted(tallies[0])) break;
      if (!isExhaustedNow && tallies.every(({ pending, failures, limit }) => pending + failures < limit))
        return tallies;
      // Beyond the limit one attempt at a time is still checked: its answer has the fingerprints that let the right credential pass.
      const isInformed = this.#fingerprints.get(attempt.subject, now) !== undefined;
      if (isExhaustedNow && !isInformed && tallies.every(({ pending }) => pending === 0)) return tallies;
      if (isExhaustedNow && (isInformed || waited >= ATTEMPT_WAIT_MS)) break;
      await scheduler.wait(ATTEMPT_POLL_MS);
    }
    if (isExhaustedNow) throw this.#throttled(attempt, Date.now());
    // Nothing failed: earlier checks are still waiting for the gate.
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
      // Best effort: without the binding the isolate still counts by itself.
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

// Keyed by both: a secret that passed for one client is a guess when it is tried on another.
function provenKey(subject: string, hash: string): string {
  return `${subject} ${hash}`;
}

function addressKey({ subject, address, group = subject }: Attempt): string {
  return `${address} ${group.slice(0, KEY_LENGTH)}`;
}

function isExhausted({ failures, limit }: Tally): boolean {
  return failures >= limit;
}

/** Whether a verdict says that the credential is not the subject's. */
export function isRefusal(verdict: { readonly outcome: string }): verdict is Refusal {
  return verdict.outcome === 'invalid_client';
}
