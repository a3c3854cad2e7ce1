import { useState } from 'react';
import { SafeText } from './safe-text.tsx';

const SHOWN = 12;

/** A list of scopes. Long lists are folded. */
export function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  if (scopes.length === 0) return <span className="faint">none</span>;
  const shown = isOpen ? scopes : scopes.slice(0, SHOWN);
  return (
    <span className="scopes">
      {shown.map((scope) => (
        <code key={scope} className="scope">
          <SafeText text={scope} />
        </code>
      ))}
      {scopes.length > SHOWN && (
        <button type="button" className="link-button" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show fewer' : `${scopes.length - SHOWN} more`}
        </button>
      )}
    </span>
  );
}
