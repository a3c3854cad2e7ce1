import { useLayoutEffect, useState } from 'react';
import { keepForSecret } from '../api/expiry.ts';
import { CopyButton } from './copy-button.tsx';

/** Shows a secret that cannot be shown again. Until it is copied, it asks before the page is left, and the page outlives the session. */
export function SecretOnce({ label, value }: { readonly label: string; readonly value: string }) {
  const [isCopied, setCopied] = useState(false);
  // A layout effect, because its end comes before what the next page does.
  useLayoutEffect(() => {
    if (isCopied) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    const release = keepForSecret();
    return () => {
      removeEventListener('beforeunload', warn);
      release();
    };
  }, [isCopied]);
  return (
    <div className="secret">
      <p className="secret-label">
        {label} <span className="faint">is shown once. Store it now.</span>
      </p>
      <div
        className="secret-value"
        onCopy={() => setCopied((was) => was || getSelection()?.toString().trim() === value)}
      >
        <code>{value}</code>
        <CopyButton value={value} label={`Copy ${label}`} text="Copy" onCopied={() => setCopied(true)} />
      </div>
    </div>
  );
}
