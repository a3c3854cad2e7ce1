import type { Tone } from './badge.tsx';

const TONES: Readonly<Record<string, Tone>> = {
  active: 'good',
  ok: 'good',
  delivered: 'good',
  enabled: 'good',
  pending: 'warning',
  expiring: 'warning',
  degraded: 'warning',
  failing: 'bad',
  failed: 'bad',
  disabled: 'bad',
  suspended: 'bad',
  expired: 'bad',
  revoked: 'bad',
  unavailable: 'bad',
};

/** The status of a resource: a dot and the word. @param tone replaces the tone that the word has */
export function Status({ status, tone }: { readonly status: string; readonly tone?: Tone }) {
  return (
    <span className={`status status-${tone ?? TONES[status] ?? 'neutral'}`}>
      <span className="status-dot" aria-hidden="true" />
      {status.replaceAll('_', ' ')}
    </span>
  );
}
