import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW, JWKS_MAX_AGE } from '../../../constants.ts';
import { KEY_RING_AGE_MAX, TAKEOVER_AGE } from '../../../keys/constants.ts';

/** A signing key as the API represents it. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly status: 'next' | 'active' | 'retiring';
  readonly created_at: string;
  readonly activated_at: string | null;
  readonly retired_at: string | null;
  readonly signs_from: string;
}

export interface Phase {
  /** `published`: not every verifier has it yet. `ready`: it may sign, from the next rotation on. */
  readonly name: 'published' | 'ready' | 'signs' | 'retires';
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** Undefined if the end is not known yet. */
  readonly to: number | undefined;
}

/** Returns what a key does from when to when: it is published, may sign, signs, and stays published until its last token has expired. */
export function phasesOf(key: SigningKey): Phase[] {
  const created = Date.parse(key.created_at);
  const activated = timeOf(key.activated_at);
  const retired = timeOf(key.retired_at);
  // An emergency activates a key before it may sign.
  const signs = activated === undefined ? undefined : Math.max(activated, Date.parse(key.signs_from));
  const ready = Math.max(created, Date.parse(key.signs_from));
  const phases: Phase[] = [];
  if (ready > created) phases.push({ name: 'published', from: created, to: ready });
  if (signs === undefined || signs > ready) phases.push({ name: 'ready', from: ready, to: signs });
  if (signs !== undefined) phases.push({ name: 'signs', from: signs, to: retired });
  if (retired !== undefined) phases.push({ name: 'retires', from: retired, to: removedAt(retired) });
  return phases;
}

/** Returns when a key that retired leaves the JWKS: its last token has expired. */
function removedAt(retired: number): number {
  return retired + (ACCESS_TOKEN_TTL_MAX + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
}

function timeOf(time: string | null): number | undefined {
  return time === null ? undefined : Date.parse(time);
}

/** Returns the algorithms that have keys. */
export function algorithmsOf(keys: readonly SigningKey[]): string[] {
  return [...new Set(keys.map(({ alg }) => alg))].sort();
}

/** Returns when the algorithms can be rotated: when the youngest of their next keys may sign. Undefined if one has no next key. */
export function rotatableFrom(keys: readonly SigningKey[], algs: readonly string[]): number | undefined {
  const times = algs.map((alg) => keys.find((key) => key.alg === alg && key.status === 'next')?.signs_from);
  return times.some((time) => time === undefined)
    ? undefined
    : Math.max(...times.map((time) => Date.parse(time ?? '')));
}

/** What the removal of a compromised key causes. Times are milliseconds since the epoch, durations seconds. */
export interface Consequences {
  /** When tokens of its algorithm can be issued again. Undefined if they are issued all the time. */
  readonly pausedUntil: number | undefined;
  /** How long isolates of the service may still use the key. */
  readonly isolates: number;
  /** How long verifiers that do not introspect may accept its tokens, after that. */
  readonly verifiers: number;
  /** Whether it may have signed tokens that have not expired. */
  readonly hasTokens: boolean;
}

/** Returns what happens if a key is removed in an emergency. */
export function consequencesOf(key: SigningKey, keys: readonly SigningKey[], now: number): Consequences {
  const next = keys.find((other) => other.alg === key.alg && other.status === 'next' && other.kid !== key.kid);
  const signsFrom = next && Date.parse(next.signs_from);
  // Without a next key the emergency makes one, which every verifier must fetch first.
  const from = signsFrom ?? now + (JWKS_MAX_AGE + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
  return {
    pausedUntil: key.status === 'active' && from > now ? from : undefined,
    isolates: KEY_RING_AGE_MAX,
    verifiers: JWKS_MAX_AGE,
    hasTokens: key.status !== 'next',
  };
}

/** Whether a key replaced another one so recently that isolates may still sign with its predecessor. */
export function isFresh({ activated_at, created_at }: SigningKey, now: number): boolean {
  return (
    activated_at !== null &&
    Date.parse(activated_at) > Date.parse(created_at) &&
    Date.parse(activated_at) > now - TAKEOVER_AGE * 1000
  );
}

/** Writes a duration in seconds for people, such as `2 min 5 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.length === 0 ? '0 s' : shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
