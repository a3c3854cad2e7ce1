import { SafeText } from './safe-text.tsx';

/** A sentence of the service. What it has in backticks, such as names of fields, is shown as code. */
export function MarkedText({ text }: { readonly text: string }) {
  return text.split('`').map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts have nothing else, and do not change.
      <code key={index}>
        <SafeText text={part} />
      </code>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: as above.
      <SafeText key={index} text={part} />
    ),
  );
}
