export interface MasterKey {
  readonly id: string;
  readonly status: 'current' | 'previous' | 'retired';
  readonly signing_keys: number;
  readonly webhooks: number;
  readonly may_go_at: string | null;
}

export type Step =
  | { readonly do: 'nothing' }
  /** A key seals nothing and was never resealed: it is a new one that is not the first yet, or an old one. */
  | { readonly do: 'decide'; readonly ids: readonly string[] }
  /** Values are sealed under keys that are not the current one. */
  | { readonly do: 'reseal'; readonly values: number; readonly total: number }
  /** Everything is sealed under the current key, and isolates may still use the old one. */
  | { readonly do: 'wait'; readonly id: string; readonly until: string }
  | { readonly do: 'remove'; readonly ids: readonly string[] };

/** Returns the next step of a rotation of the master key. @param now milliseconds since the epoch */
export function nextStep(keys: readonly MasterKey[], now: number): Step {
  const sealed = (key: MasterKey) => key.signing_keys + key.webhooks;
  const sum = (some: readonly MasterKey[]) => some.reduce((total, key) => total + sealed(key), 0);
  const previous = keys.filter(({ status }) => status === 'previous');
  if (previous.length === 0) return { do: 'nothing' };
  const unready = previous.filter((key) => key.may_go_at === null);
  if (unready.length > 0 && sum(unready) === 0) return { do: 'decide', ids: unready.map(({ id }) => id) };
  if (unready.length > 0) return { do: 'reseal', values: sum(unready), total: sum(keys) };
  const waiting = previous.find((key) => Date.parse(key.may_go_at ?? '') > now);
  if (waiting) return { do: 'wait', id: waiting.id, until: waiting.may_go_at ?? '' };
  return { do: 'remove', ids: previous.map(({ id }) => id) };
}
