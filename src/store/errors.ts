import { STORE_DEADLINE_MS } from '../constants.ts';
import type { Store } from '../log/reasons.ts';
import { startStoreCall } from '../log/trace.ts';

/** A store did not answer, or not in time. The operation may have been applied or not; it can be retried. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  readonly store: Store;

  constructor(store: Store, cause: unknown) {
    // Keeps only the class of the cause: drizzle's messages contain the bound parameters, such as hashes.
    super(`${store} is unavailable (${cause instanceof Error ? cause.name : String(cause)})`);
    this.store = store;
  }
}

/** Whether the error says that this store is unavailable. */
export function isUnavailable(error: unknown, store: Store): boolean {
  return error instanceof StoreUnavailableError && error.store === store;
}

/** A signing key exists but must not be used yet. */
export class NotYetError extends Error {
  override readonly name = 'NotYetError';
  /** Seconds to wait. */
  readonly retryAfter: number;

  /** @param from when the key may be used; like `now`, in milliseconds since the epoch */
  constructor(from: number, now: number) {
    super('not yet');
    this.retryAfter = Math.ceil((from - now) / 1000);
  }
}

/**
 * A client's gate lost its memory, and cannot tell whether an assertion or proof was used before. The client must make a new one: the same
 * one is refused from now on.
 */
export class UnknownUseError extends Error {
  override readonly name = 'UnknownUseError';
  /** Seconds after which a new one is accepted. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super('Whether the assertion or proof was used before is not known: make a new one after the time in Retry-After.');
    this.retryAfter = retryAfter;
  }
}

/** A write would break a constraint. Nothing was written. */
export class ConstraintError extends Error {
  override readonly name = 'ConstraintError';
  /** The name of a unique index on expressions, `<table>_<column>` for a unique or NOT NULL column, or `foreign_key`. */
  readonly constraint: string;

  constructor(constraint: string) {
    super(`constraint ${constraint}`);
    this.constraint = constraint;
  }
}

/**
 * Runs an operation on a store and counts it for the current request's log line.
 * @throws ConstraintError if it breaks a constraint; StoreUnavailableError for every other error, and if it takes longer than `deadlineMs`
 */
export async function askStore<T>(
  store: Store,
  operation: () => Promise<T>,
  deadlineMs = STORE_DEADLINE_MS,
): Promise<T> {
  const endCall = startStoreCall(store);
  try {
    return await withDeadline(store, operation(), deadlineMs);
  } catch (cause) {
    if (cause instanceof StoreUnavailableError) throw cause;
    // A thrown value that is not an Error may be any text, so only its type is kept.
    throw brokenConstraint(cause) ?? new StoreUnavailableError(store, cause instanceof Error ? cause : typeof cause);
  } finally {
    endCall();
  }
}

/**
 * Waits for a promise that depends on a store, for at most `deadlineMs`. It must be a promise of this request: the runtime would continue
 * one of another request in that request's context, which cannot use this request's I/O.
 * @throws StoreUnavailableError at the deadline; the promise's own error
 */
export function withDeadline<T>(store: Store, pending: Promise<T>, deadlineMs = STORE_DEADLINE_MS): Promise<T> {
  // One promise and its timer. `Promise.race` would make more of both, and this waits for each call to a gate.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreUnavailableError(store, 'deadline')), deadlineMs);
    pending.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

// SQLite's message names an index if it is on expressions; otherwise it names the columns.
const BROKEN = /(?:UNIQUE|NOT NULL) constraint failed: (?:index '(\w+)'|(\w+)\.(\w+))/;

function brokenConstraint(error: unknown): ConstraintError | undefined {
  // The database's own message is in the innermost cause.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const broken = BROKEN.exec(cause.message);
    if (broken) return new ConstraintError(broken[1] ?? `${broken[2]}_${broken[3]}`);
    if (cause.message.includes('FOREIGN KEY constraint failed')) return new ConstraintError('foreign_key');
  }
  return undefined;
}
