/** A secret as the API shows it. */
export interface ShownSecret {
  readonly id: string;
  readonly rank: 'primary' | 'secondary';
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly leaked_at: string | null;
  readonly last_used_at: string | null;
  readonly safe_to_delete: boolean;
  readonly reason: string;
}

export const STEPS = ['create', 'deploy', 'watch', 'delete'] as const;
export type Step = (typeof STEPS)[number];

/** Where the rotation of a client's secret stands. */
export type Rotation =
  | {
      readonly step: 'create';
      readonly current: ShownSecret | undefined;
      /** A secret that stays accepted, if the primary one was reported as leaked. */
      readonly kept?: ShownSecret;
    }
  | { readonly step: 'deploy' | 'watch' | 'delete'; readonly current: ShownSecret; readonly old: ShownSecret }
  /** The older secret is the primary one again, and the newer one remains to be deleted. */
  | { readonly step: 'cancelled'; readonly current: ShownSecret; readonly discarded: ShownSecret };

/** Finds out where a rotation stands from the secrets alone, so that it can be left and resumed anywhere. */
export function rotationOf(secrets: readonly ShownSecret[]): Rotation {
  const current = secrets.find(({ rank }) => rank === 'primary');
  const old = secrets.find(({ rank }) => rank === 'secondary');
  if (!current || !old) return { step: 'create', current: current ?? old };
  if (current.leaked_at !== null) return { step: 'create', current, kept: old };
  if (old.created_at > current.created_at) return { step: 'cancelled', current, discarded: old };
  if (old.safe_to_delete) return { step: 'delete', current, old };
  return { step: current.last_used_at === null ? 'deploy' : 'watch', current, old };
}

/** Whether the older secret can become the primary one again. */
export function canCancel({ leaked_at, expires_at }: ShownSecret, now: number): boolean {
  return leaked_at === null && (expires_at === null || Date.parse(expires_at) > now);
}

export function usesSecret(client: {
  readonly token_endpoint_auth_method: string;
  readonly additional_auth_methods: readonly string[];
}): boolean {
  const methods = [client.token_endpoint_auth_method, ...client.additional_auth_methods];
  return methods.some((method) => method === 'client_secret_basic' || method === 'client_secret_post');
}
