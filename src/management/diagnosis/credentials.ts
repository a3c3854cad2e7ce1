import { isLive } from '../../credentials/client-secret.ts';
import { registeredCredentials } from '../../gates/credential-refs.ts';
import type { ClientRecord } from '../../gates/protocol.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import type { StoredSecret } from '../../store/secrets.ts';
import { type CredentialKind, describeCredential } from '../fields/registered-credentials.ts';

/** A credential that the client can use now, as people name it. Times are in milliseconds since the epoch. */
export interface LiveCredential {
  readonly kind: CredentialKind;
  /** The id of a secret, the thumbprint of a key or certificate, the URL of keys, the subject, or the issuer and subject of a workload. */
  readonly name: string;
  readonly expiresAt: number | null;
  /** null if it was never used, or if that is not known. */
  readonly lastUsedAt: number | null;
}

/** Lists the credentials that are accepted from a client by the methods of its record. */
export function liveCredentials(
  secrets: readonly StoredSecret[],
  { authentication }: ClientRecord,
  lastUses: ReadonlyMap<string, number>,
  now: number,
): LiveCredential[] {
  if (!authentication) return [];
  const others = registeredCredentials(authentication).map((credential) => {
    const { kind, id, name } = describeCredential(authentication, credential);
    const lastUsedAt = lastUses.get(credential.id) ?? null;
    return { kind, name: kind === 'workload' ? (name ?? id) : id, expiresAt: null, lastUsedAt };
  });
  return [
    ...(usesSecrets(authentication.methods) ? secrets.filter((secret) => isLive(secret, now)) : []).map(
      ({ id, expiresAt }) => ({ kind: 'secret' as const, name: id, expiresAt, lastUsedAt: lastUses.get(id) ?? null }),
    ),
    ...others,
  ];
}
