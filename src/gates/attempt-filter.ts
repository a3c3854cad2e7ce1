import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS, UNKNOWN_CLIENT_AGE } from '../constants.ts';
import { fingerprint } from '../credentials/secret-hash.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { outliveRequest, pollUntil } from '../store/waiting.ts';
import {
  ATTEMPT_POLL_MS,
  ATTEMPT_WAIT_MS,
  ATTEMPTS_PER_ADDRESS,
  ATTEMPTS_PER_SUBJECT,
  ATTEMPTS_WINDOW,
  FINGERPRINT_AGE,
  PROVEN_CREDENTIAL_AGE,
  TALLIES_MAX,
} from './constants.ts';
import type { NotAuthenticated } from './protocol.ts';
import { hasRoom, isExhausted, newTally, Tallies, type Tally } from './tallies.ts';

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
  /** Whether a failure is answered as too many attempts in any case: an id in the form of this one may not be looked up now. */
  readonly isHeldBack?: boolean;
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
  /** Whether the credential is right, and its client has expired. */
  readonly expired?: boolean;
  /** As in `NotAuthenticated`. */
  readonly cause?: NotAuthenticated['cause'];
}

/** The attempts of one address. */
interface AddressTally {
  /** All failures, about any subject. Only they decide how a failure is answered. */
  readonly all: Tally;
  /** Look-ups of subjects that may be invented. */
  readonly lookUps: Tally;
  /** Checks, by subject. */
  readonly checks: Map<string, Tally>;
}

const REFUSED: Refusal = { outcome: 'invalid_client', known: false, fingerprints: [] };
const HOUR_MS = 3_600_000;

type Report = (attempt: Attempt, now: number) => void;

/**
 * Limits failed attempts to guess credentials. Counts them in the isolate's memory and, through the Rate Limiting binding, in that of its
 * location.
 *
 * Two questions are apart. How a failure is answered (401, or 429 from the twentieth of an address on) depends on the address and on the
 * failures about the subject, never on whether the subject exists. Whether a credential is checked depends on what the check costs: it is
 * refused unchecked once too many checks of this subject have failed, from this address or from all.
 *
 * It cannot lock a client out. A credential that passed before skips the filter, and so does one whose fingerprint the gate returned when
 * another failed. So an attack on a client can delay only the first use of a secret that was created in the last `FINGERPRINT_AGE` seconds.
 */
export class AttemptFilter {
  readonly #binding: RateLimit;
  // Credentials that passed, by subject and hash.
  readonly #proven = new ExpiringCache<true>();
  // Subjects that do not exist.
  readonly #unknown = new ExpiringCache<true>();
  readonly #fingerprints = new ExpiringCache<readonly string[]>();
  readonly #addresses = new Tallies<AddressTally>(
    (address) => ({
      // Requests without an address, as over a service binding, do not come from one party.
      all: newTally(address === '' ? Number.POSITIVE_INFINITY : ATTEMPTS_PER_ADDRESS),
      lookUps: newTally(ATTEMPTS_PER_ADDRESS),
      checks: new Map(),
    }),
    ({ all }) => isExhausted(all),
    ATTEMPTS_WINDOW * 1000,
    TALLIES_MAX,
  );
  readonly #subjects = new Tallies<Tally>(
    () => newTally(ATTEMPTS_PER_SUBJECT),
    isExhausted,
    ATTEMPTS_WINDOW * 1000,
    TALLIES_MAX,
  );
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
      this.refuseUnknown(attempt);
      return REFUSED;
    }
    if (this.#isTrusted(attempt, Date.now())) return this.#judge(attempt, check, true);
    const tallies = await this.#awaitTurn(attempt);
    return counting(tallies, () => this.#judge(attempt, check, false));
  }

  async #judge<V extends { readonly outcome: string }>(
    attempt: SecretAttempt,
    check: () => Promise<V | Refusal>,
    isTrusted: boolean,
  ): Promise<V | Refusal> {
    const verdict = await check();
    if (isRefusal(verdict)) this.#failed(attempt, verdict, isTrusted);
    else this.#passed(attempt);
    return verdict;
  }

  /**
   * Counts a failed attempt that did not pass through `guard`: one that is wrong without a check, or whose credential is not a secret.
   * @throws TooManyAttemptsError if too many attempts failed before this one
   */
  refuse(attempt: Attempt): void {
    const now = Date.now();
    if (this.#charge(attempt, now)) throw this.#throttled(attempt, now);
  }

  /**
   * Counts a failed attempt whose subject does not exist.
   * @throws TooManyAttemptsError exactly when `refuse()` would, so that the difference does not reveal which subjects exist
   */
  refuseUnknown(attempt: Attempt): void {
    if (this.#chargeUnchecked(attempt, Date.now())) throw new TooManyAttemptsError();
  }

  /**
   * Counts a failed attempt whose subject cannot exist. Counts it by its address only: such subjects can be invented without end, and
   * would take the memory that counts attempts at real ones.
   * @throws TooManyAttemptsError if too many attempts failed before this one
   */
  refuseImpossible(address: string): void {
    const { all } = this.#addresses.get(address, Date.now());
    const isHeldBack = isExhausted(all);
    this.#count(all, address);
    if (isHeldBack) throw new TooManyAttemptsError();
  }

  /**
   * Requires that attempts like this one are not held back, for work that precedes the check of a credential.
   * @throws TooManyAttemptsError
   */
  requireCalm(attempt: Attempt): void {
    const now = Date.now();
    if (this.#checks(attempt, now).some(isExhausted)) throw this.#throttled(attempt, now);
  }

  /**
   * Runs the look-up of a subject that may be invented. One address may have `ATTEMPTS_PER_ADDRESS` look-ups under way; once as many have
   * found nothing, no more are made.
   * @param isFound whether the result of the look-up says that the subject exists
   * @throws TooManyAttemptsError; StoreUnavailableError if earlier look-ups take too long; errors of the look-up
   */
  async lookUp<T>({ address }: Attempt, look: () => Promise<T>, isFound: (result: T) => boolean): Promise<T> {
    const { lookUps } = this.#addresses.get(address, Date.now());
    await pollUntil(() => hasRoom(lookUps, Date.now()) || isExhausted(lookUps), STORE_DEADLINE_MS);
    if (isExhausted(lookUps)) throw new TooManyAttemptsError();
    if (!hasRoom(lookUps, Date.now())) throw new StoreUnavailableError('d1', 'deadline');
    return counting([lookUps], async () => {
      const result = await look();
      if (!isFound(result)) this.#count(lookUps, `look-ups ${address}`);
      return result;
    });
  }

  // An attempt may be held back for its address alone. Only an attack on the subject is worth a report.
  #throttled(attempt: Attempt, now: number): TooManyAttemptsError {
    const { subject } = attempt;
    if (this.#checks(attempt, now).some(isExhausted) && !this.#reported.get(subject, now)) {
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
      const tallies = this.#checks(attempt, now);
      isExhaustedNow = tallies.some(isExhausted);
      if (tallies.every((tally) => hasRoom(tally, now))) return tallies;
      // Beyond the limit one attempt at a time is still checked: its answer has the fingerprints that let the right credential pass.
      const isInformed = this.#fingerprints.get(attempt.subject, now) !== undefined;
      if (isExhaustedNow && !isInformed && tallies.every(({ pending }) => pending.count(now) === 0)) return tallies;
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

  #failed(attempt: SecretAttempt, { known, fingerprints }: Refusal, isTrusted: boolean): void {
    const now = Date.now();
    for (const hash of attempt.hashes) this.#proven.delete(provenKey(attempt.subject, hash));
    if (!known) this.#unknown.set(attempt.subject, true, now + UNKNOWN_CLIENT_AGE * 1000);
    this.#fingerprints.set(attempt.subject, fingerprints, now + FINGERPRINT_AGE * 1000);
    const isHeldBack = this.#charge(attempt, now);
    // The holder of the right secret of a disabled client learns nothing from the difference.
    const hasSecret = isTrusted || this.#isTrusted(attempt, now);
    if (isHeldBack && !hasSecret) throw known ? this.#throttled(attempt, now) : new TooManyAttemptsError();
  }

  // Counts the failed check of a subject, and returns whether too many attempts failed before this one.
  #charge(attempt: Attempt, now: number): boolean {
    const { subject, address } = attempt;
    const [ofSubjectHere] = this.#checks(attempt, now);
    this.#count(ofSubjectHere, `${address} ${subject}`);
    return this.#chargeUnchecked(attempt, now);
  }

  // The same for a subject that does not exist. Its checks need no limit, and counting them would let one address fill the memory with
  // invented subjects.
  #chargeUnchecked({ subject, address, isHeldBack = false }: Attempt, now: number): boolean {
    const { all } = this.#addresses.get(address, now);
    const ofSubject = this.#subjects.get(subject, now);
    const wereTooMany = isExhausted(all) || isExhausted(ofSubject);
    this.#count(all, address);
    ofSubject.failures++;
    return wereTooMany || isHeldBack;
  }

  // Counts a failure in the isolate and in its location.
  #count(tally: Tally, key: string): void {
    if (isExhausted(tally) || tally.limit === Number.POSITIVE_INFINITY) return;
    tally.failures++;
    const counted = this.#binding.limit({ key }).then(
      ({ success }) => {
        if (!success) tally.failures = tally.limit;
      },
      // Best effort: without the binding the isolate still counts by itself.
      () => undefined,
    );
    waitUntil(counted);
  }

  // The tallies of checks: of this subject from this address, and of this subject from all addresses.
  #checks({ subject, address }: Attempt, now: number): [Tally, Tally] {
    // Within the tally of the address, because both must count for the same window: no difference in when they end reveals anything.
    const { checks } = this.#addresses.get(address, now);
    const ofSubjectHere = checks.get(subject) ?? newTally(ATTEMPTS_PER_ADDRESS);
    checks.set(subject, ofSubjectHere);
    return [ofSubjectHere, this.#subjects.get(subject, now)];
  }
}

/**
 * Runs a check that counts as pending in some tallies until it ends. It ends even if its caller hangs up: otherwise such a caller could try
 * secrets that are not counted, and occupy the tallies.
 */
function counting<T>(tallies: readonly Tally[], check: () => Promise<T>): Promise<T> {
  const begun = tallies.map(({ pending }) => pending.begin(Date.now()));
  const checked = check().finally(() => {
    for (const end of begun) end();
  });
  return outliveRequest(checked);
}

// Keyed by both: a secret that passed for one client is a guess when it is tried on another.
function provenKey(subject: string, hash: string): string {
  return `${subject} ${hash}`;
}

/** Whether a verdict says that the credential is not the subject's. */
export function isRefusal(verdict: { readonly outcome: string }): verdict is Refusal {
  return verdict.outcome === 'invalid_client';
}
