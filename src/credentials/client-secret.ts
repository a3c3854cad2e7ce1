import { Redacted } from '../log/redacted.ts';
import { generateId } from '../store/id.ts';
import type { StoredSecret } from '../store/secrets.ts';
import type { MasterKeys } from './master-key.ts';
import { generateSecret, secretHint } from './secret.ts';
import { hashSecret } from './secret-hash.ts';

/** A primary secret: as its client is shown it, once, and as it is stored. */
export interface NewSecret {
  readonly clientSecret: Redacted;
  readonly stored: StoredSecret;
}

/**
 * Makes a client's primary secret.
 * @param now milliseconds since the epoch
 * @param given one that the client brings along; else it is generated
 */
export async function makeClientSecret(
  clientId: string,
  masterKeys: MasterKeys,
  now: number,
  given?: Redacted,
): Promise<NewSecret> {
  const clientSecret = given ?? new Redacted(generateSecret('ems_'));
  const stored: StoredSecret = {
    id: generateId('sec'),
    clientId,
    rank: 'primary',
    hash: await hashSecret(clientSecret, masterKeys),
    hint: secretHint(clientSecret.reveal()),
    createdAt: now,
    expiresAt: null,
    rotatedAt: null,
    leakedAt: null,
  };
  return { clientSecret, stored };
}

/** Whether a secret is accepted, at `now` in milliseconds since the epoch. */
export function isLive({ expiresAt, leakedAt }: StoredSecret, now: number): boolean {
  return leakedAt === null && (expiresAt === null || expiresAt > now);
}

/** The secret of a rank, where it is still accepted. */
export function liveSecret(
  secrets: readonly StoredSecret[],
  rank: StoredSecret['rank'],
  now: number,
): StoredSecret | undefined {
  return secrets.find((secret) => secret.rank === rank && isLive(secret, now));
}

/** When a secret ends that ends by itself at one time and is to end at another; null is never. An end is not put off. */
export function earlierEnd(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
