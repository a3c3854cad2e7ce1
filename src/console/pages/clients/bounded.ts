/** What became of one item. */
export type Outcome<T> = { readonly item: T } & (
  | { readonly isDone: true }
  | { readonly isDone: false; readonly why: string }
);

/**
 * Does work for each item, for some of them at the same time. One that fails does not stop the others.
 * @param limit how many at the same time
 * @param work rejects with an error whose message says why it failed
 * @param onOutcome is called after each item
 * @param signal stops: work that has begun is finished, and the rest is not begun
 */
export async function runBounded<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
  onOutcome: (outcome: Outcome<T>) => void,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = items.values();
  const runOne = async () => {
    for (const item of waiting) {
      if (signal?.aborted) return;
      onOutcome(await outcomeOf(item, work));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runOne));
}

async function outcomeOf<T>(item: T, work: (item: T) => Promise<void>): Promise<Outcome<T>> {
  try {
    await work(item);
    return { item, isDone: true };
  } catch (error) {
    return { item, isDone: false, why: error instanceof Error ? error.message : String(error) };
  }
}
