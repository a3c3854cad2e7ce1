import { CopyButton } from './copy-button.tsx';
import { SafeText, visible } from './safe-text.tsx';

/** An identifier with a button that copies it. */
export function Id({ value }: { readonly value: string }) {
  return (
    <span className="id">
      <code>
        <SafeText text={value} />
      </code>
      <CopyButton value={value} label={`Copy ${visible(value)}`} />
    </span>
  );
}
