import { useEffect, useState } from 'react';
import type { Option } from './select-field.tsx';

/** All options, or a function that looks for those that match what was typed. */
export type AsyncOptions = readonly Option[] | ((search: string, signal: AbortSignal) => Promise<readonly Option[]>);

const TYPING_MS = 200;

/** Returns the options for what was typed. A function is called when the typing pauses. */
export function useOptions(
  options: AsyncOptions,
  search: string,
): { readonly found: readonly Option[]; readonly isLoading: boolean } {
  const [found, setFound] = useState<readonly Option[]>([]);
  const [isLoading, setLoading] = useState(false);
  const isFunction = typeof options === 'function';
  // biome-ignore lint/correctness/useExhaustiveDependencies: a function made anew in each rendering must not start a new search.
  useEffect(() => {
    if (typeof options !== 'function') return;
    const ending = new AbortController();
    setLoading(true);
    const timer = setTimeout(
      () =>
        options(search, ending.signal)
          .then(setFound)
          .catch(() => !ending.signal.aborted && setFound([]))
          .finally(() => !ending.signal.aborted && setLoading(false)),
      TYPING_MS,
    );
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [search, isFunction]);
  return typeof options === 'function' ? { found, isLoading } : { found: options, isLoading: false };
}
