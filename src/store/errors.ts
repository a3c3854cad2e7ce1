import { STORE_DEADLINE_MS } from '../constants.ts';
import type { Store } from '../log/reasons.ts';
import { startStoreCall } from '../log/trace.ts';

/** A store did not answer, or not in time. Nothing is known of what was asked; the same may be asked again. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  readonly store: Store;

  constructor(store: Store, cause: unknown) {
    // Of the cause only its class is kept: drizzle puts the bound parameters, hashes among them, into its messages.
    super(`${store} is unavailable (${cause instanceof Error ? cause.name : String(cause)})`);
    this.store = store;
  }
}

/** Whether it was that store that did not answer. */
export function isUnavailable(error: unknown, store: Store): boolean {
  return error instanceof StoreUnavailableError && error.store === store;
}

/** What is needed is there, and must not be used before its time. */
export class NotYetError extends Error {
  override readonly name = 'NotYetError';
  /** Seconds to wait. */
  readonly retryAfter: number;

  /** @param from when it may be used, milliseconds since the epoch, as `now` is */
  constructor(from: number, now: number) {
    super('not yet');
    this.retryAfter = Math.ceil((from - now) / 1000);
  }
}

/** A write would break a constraint: a unique index, `<table>_<column>`, or `foreign_key`. Nothing was written. */
export class ConstraintError extends Error {
  override readonly name = 'ConstraintError';
  readonly constraint: string;

  constructor(constraint: string) {
    super(`constraint ${constraint}`);
    this.constraint = constraint;
  }
}

/**
 * Runs an operation on a store, counted for the request that asks, and turns whatever it throws, and no answer within `deadlineMs`, into
 * a `StoreUnavailableError`; a broken constraint into a `ConstraintError`.
 */
export async function askStore<T>(
  store: Store,
  operation: () => Promise<T>,
  deadlineMs = STORE_DEADLINE_MS,
): Promise<T> {
  const ended = startStoreCall(store);
  try {
    return await withDeadline(store, operation(), deadlineMs);
  } catch (cause) {
    if (cause instanceof StoreUnavailableError) throw cause;
    // What is no error may be any text.
    throw brokenConstraint(cause) ?? new StoreUnavailableError(store, cause instanceof Error ? cause : typeof cause);
  } finally {
    ended();
  }
}

/**
 * Waits for what depends on a store, and no longer than `deadlineMs`. What it throws goes through as it is.
 *
 * What another request began must be waited for through this, never directly: the runtime would go on in that request's context, where
 * this one's I/O is out of reach. The race is this request's own promise.
 * @throws StoreUnavailableError at the deadline
 */
export async function withDeadline<T>(store: Store, pending: Promise<T>, deadlineMs = STORE_DEADLINE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailableError(store, 'deadline')), deadlineMs);
  });
  try {
    return await Promise.race([pending, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

// SQLite names an index on expressions, and the columns of any other; those are indexed as table_column.
const BROKEN = /(?:UNIQUE|NOT NULL) constraint failed: (?:index '(\w+)'|(\w+)\.(\w+))/;

function brokenConstraint(error: unknown): ConstraintError | undefined {
  // The driver's own error is the innermost cause.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const broken = BROKEN.exec(cause.message);
    if (broken) return new ConstraintError(broken[1] ?? `${broken[2]}_${broken[3]}`);
    if (cause.message.includes('FOREIGN KEY constraint failed')) return new ConstraintError('foreign_key');
  }
  return undefined;
}
