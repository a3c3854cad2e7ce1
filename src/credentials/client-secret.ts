import { Redacted } from '../log/redacted.ts';
import { generateId } from '../store/id.ts';
import type { StoredSecret } from '../store/secrets.ts';
import type { MasterKeys } from './master-key.ts';
import { generateSecret, secretHint } from './secret.ts';
import { hashSecret } from './secret-hash.ts';

/** A new primary secret: the value that is shown to the client once, and the row that is stored. */
export interface NewSecret {
  readonly clientSecret: Redacted;
  readonly stored: StoredSecret;
}

/**
 * Makes a client's primary secret.
 * @param now milliseconds since the epoch
 * @param imported a secret from another provider; if absent, a new one is generated
 */
export async function makeClientSecret(
  clientId: string,
  masterKeys: MasterKeys,
  now: number,
  imported?: Redacted,
): Promise<NewSecret> {
  const clientSecret = imported ?? new Redacted(generateSecret('ems_'));
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

/** Whether a secret is accepted. @param now milliseconds since the epoch */
export function isLive({ expiresAt, leakedAt }: StoredSecret, now: number): boolean {
  return leakedAt === null && (expiresAt === null || expiresAt > now);
}

/** Returns the secret of a rank if it is still accepted. @param now milliseconds since the epoch */
export function liveSecret(
  secrets: readonly StoredSecret[],
  rank: StoredSecret['rank'],
  now: number,
): StoredSecret | undefined {
  return secrets.find((secret) => secret.rank === rank && isLive(secret, now));
}

/** Returns the earlier of two expiry times, so that a new expiry never extends an existing one. Null means that it never expires. */
export function earlierEnd(first: number | null, second: number | null): number | null {
  return first === null || second === null ? (first ?? second) : Math.min(first, second);
}
