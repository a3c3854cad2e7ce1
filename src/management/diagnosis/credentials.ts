import { isLive } from '../../credentials/client-secret.ts';
import type { ClientRecord } from '../../gates/protocol.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import type { DescribedClient } from '../../store/clients.ts';
import type { StoredSecret } from '../../store/secrets.ts';

/** A credential that the client can use now, as people name it. Times are in milliseconds since the epoch. */
export interface LiveCredential {
  readonly kind: 'secret' | 'key' | 'published_keys' | 'certificate' | 'certificate_subject' | 'workload';
  /** The id of a secret, the thumbprint of a key or certificate, the URL of keys, the subject, or the issuer of a workload. */
  readonly name: string;
  readonly expiresAt: number | null;
  /** null if it was never used, or if the last use of this kind of credential is not recorded. */
  readonly lastUsedAt: number | null;
}

/** Lists the credentials that are accepted from a client by the methods of its record. */
export function liveCredentials(
  { keys, jwksUri, tlsSubject, federatedIdentities }: DescribedClient,
  secrets: readonly StoredSecret[],
  { authentication }: ClientRecord,
  lastUses: ReadonlyMap<string, number>,
  now: number,
): LiveCredential[] {
  const methods = authentication?.methods ?? [];
  const endless = (kind: LiveCredential['kind'], name: string) => ({ kind, name, expiresAt: null, lastUsedAt: null });
  const [byKey, byCertificate] = [methods.includes('private_key_jwt'), methods.includes('self_signed_tls_client_auth')];
  return [
    ...(usesSecrets(methods) ? secrets.filter((secret) => isLive(secret, now)) : []).map(({ id, expiresAt }) => {
      return { kind: 'secret' as const, name: id, expiresAt, lastUsedAt: lastUses.get(id) ?? null };
    }),
    ...(byKey ? keys.map(({ thumbprint }) => endless('key', thumbprint)) : []),
    ...(jwksUri !== null && (byKey || byCertificate) ? [endless('published_keys', jwksUri)] : []),
    ...(byCertificate ? keys : []).flatMap(({ certificate }) =>
      certificate === null ? [] : [endless('certificate', certificate)],
    ),
    ...(tlsSubject !== null && methods.includes('tls_client_auth')
      ? [endless('certificate_subject', tlsSubject.value)]
      : []),
    ...(methods.includes('federated_jwt') ? federatedIdentities : []).map(({ issuer }) => endless('workload', issuer)),
  ];
}
