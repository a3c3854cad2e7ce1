import { inject } from 'vitest';

/** How much the long tests do: `small` in `npm test`, `soak` in `npm run test:soak`. vitest.config.ts reads it from the environment. */
export type Size = 'small' | 'soak';

declare module 'vitest' {
  interface ProvidedContext {
    readonly size: Size;
  }
}

/** Returns the value for the size of this run. Both sizes must try the same kinds of cases; only the number of cases may differ. */
export function sized<T>(values: Readonly<Record<Size, T>>): T {
  return values[inject('size')];
}
