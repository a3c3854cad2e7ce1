import { Fragment } from 'react';
import { SafeText } from './safe-text.tsx';

/** A text of several lines, of which each is shown as `SafeText` does. */
export function SafeLines({ text }: { readonly text: string }) {
  return text.split('\n').map((line, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the lines have nothing else, and do not change.
    <Fragment key={index}>
      {index > 0 && '\n'}
      <SafeText text={line} />
    </Fragment>
  ));
}
