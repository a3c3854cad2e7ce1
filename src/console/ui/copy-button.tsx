import { useEffect, useState } from 'react';
import { Icon } from './icon.tsx';
import { toast } from './toast.tsx';

const SHOWN_MS = 2000;

/** Copies a text, and says so. @param label what it does, for people who do not see the icon */
export function CopyButton({
  value,
  label,
  text,
  onCopied,
}: {
  readonly value: string;
  readonly label: string;
  readonly text?: string;
  readonly onCopied?: () => void;
}) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      return toast.error('The browser refused. Select the text and copy it.');
    }
    setCopied(true);
    onCopied?.();
  };
  return (
    <button
      type="button"
      className={text === undefined ? 'icon-button copy' : 'button button-secondary button-normal'}
      aria-label={label}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
      {text !== undefined && <span>{isCopied ? 'Copied' : text}</span>}
      <span className="visually-hidden" aria-live="polite">
        {isCopied ? 'Copied' : ''}
      </span>
    </button>
  );
}
