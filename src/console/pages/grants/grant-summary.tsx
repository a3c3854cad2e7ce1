import { SafeText } from '../../ui/safe-text.tsx';
import { Scopes } from '../../ui/scopes.tsx';
import type { Grant } from './holders.ts';
import './grants.css';

/** Resource servers with the scopes that are granted there. */
export function GrantSummary({ grants }: { readonly grants: readonly Grant[] }) {
  if (grants.length === 0) return <span className="faint">none</span>;
  return (
    <ul className="grants-summary">
      {grants.map(({ resource_server, scopes }) => (
        <li key={resource_server}>
          <span className="small">
            <SafeText text={resource_server} />
          </span>{' '}
          {scopes.length > 0 ? <Scopes scopes={scopes} /> : <span className="faint">without scopes</span>}
        </li>
      ))}
    </ul>
  );
}
