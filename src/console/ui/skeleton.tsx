/** Holds the place of a text that is being loaded. */
export function Skeleton({ lines = 1 }: { readonly lines?: number }) {
  return Array.from({ length: lines }, (_, line) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the lines have nothing else, and do not change.
    <span key={line} className="skeleton" aria-hidden="true" />
  ));
}
