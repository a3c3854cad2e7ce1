import { inject } from 'vitest';

/** How much the long proofs do: `small` in `npm test`, `soak` in `npm run test:soak`. vitest.config.ts reads it from the environment. */
export type Size = 'small' | 'soak';

declare module 'vitest' {
  interface ProvidedContext {
    readonly size: Size;
  }
}

/** Returns the value for the size of this run. The kinds of what is tried must be the same in both: only their number may differ. */
export function sized<T>(values: Readonly<Record<Size, T>>): T {
  return values[inject('size')];
}
