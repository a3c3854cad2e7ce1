import type { Problem } from '../api/problem.ts';
import { SafeText } from './safe-text.tsx';

const KINDS: Readonly<Record<string, string>> = {
  client: 'client',
  role: 'role',
  resource_server: 'resource server',
  api_key: 'API key',
  webhook: 'webhook',
};

interface Dependent {
  readonly type: string;
  readonly id: string;
  readonly name: string;
}

/** Lists what stands in the way of a change that was refused. Nothing if the problem names nothing. */
export function Dependents({ problem }: { readonly problem: Problem | undefined }) {
  const shown = (problem?.orphans ?? []) as readonly Dependent[];
  const hidden = (problem?.orphans_total ?? shown.length) - shown.length;
  if (shown.length + hidden === 0) return null;
  return (
    <ul className="dependents">
      {shown.map(({ type, id, name }) => (
        <li key={id}>
          <span className="faint">{KINDS[type] ?? type}</span> <SafeText text={name} />
        </li>
      ))}
      {hidden > 0 && <li className="faint">and {hidden.toLocaleString('en')} more</li>}
    </ul>
  );
}
