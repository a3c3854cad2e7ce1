import { isLive } from '../../credentials/client-secret.ts';
import type { AuthMethod, ClientRecord, IssuedTokens, RateStatus, SigningAlg } from '../../gates/protocol.ts';
import { periodAt } from '../../lib/utc-period.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import { type DescribedClient, hasExpired } from '../../store/clients.ts';
import { limitsOf } from '../../store/quota-thresholds.ts';
import type { StoredSecret } from '../../store/secrets.ts';
import { ENDS_SOON } from '../constants.ts';
import type { Explanation } from './explanations.ts';
import { FINDINGS, type FindingName } from './finding-texts.ts';
import type { Ungranted } from './requested.ts';

/** What is judged: a client as D1 has it, its record as its gate gets it, and what its gate knows. */
export interface ClientFacts {
  readonly client: DescribedClient;
  readonly organizationStatus: 'active' | 'disabled';
  readonly secrets: readonly StoredSecret[];
  readonly record: ClientRecord;
  /** null if the gate did not say it. */
  readonly rate: RateStatus | null;
  /** undefined if the gate did not say it. */
  readonly issued: IssuedTokens | undefined;
  /** What its refused requests named and it is not granted. */
  readonly ungranted: Ungranted;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A problem that a client has now. */
export interface Finding extends Explanation {
  readonly finding: FindingName;
  readonly severity: 'error' | 'warning';
  /** The resource servers or scopes that it is about. */
  readonly names: readonly string[];
}

/** Whether each problem is there; a list has the names that it is about, and is empty if it is not. */
const RULES: Readonly<Record<FindingName, (facts: ClientFacts) => boolean | readonly string[]>> = {
  organization_disabled: ({ organizationStatus }) => organizationStatus !== 'active',
  client_disabled: ({ client }) => client.status !== 'active',
  client_expired: ({ client, now }) => hasExpired(client, now),
  client_expires_soon: ({ client, now }) => !hasExpired(client, now) && hasExpired(client, now + ENDS_SOON * 1000),
  no_permitted_method: ({ record }) => methodsOf(record).length === 0,
  method_not_permitted: ({ client, record }) => {
    const permitted = methodsOf(record).length;
    return permitted > 0 && permitted < 1 + client.additionalAuthMethods.length;
  },
  secret_leaked: ({ secrets, record }) => needsSecret(record) && secrets.some(({ leakedAt }) => leakedAt !== null),
  no_live_secret: ({ secrets, record, now }) => needsSecret(record) && !secrets.some((secret) => isLive(secret, now)),
  secret_expired: ({ secrets, record, now }) =>
    needsSecret(record) &&
    secrets.some((secret) => isLive(secret, now)) &&
    secrets.some(({ expiresAt }) => expiresAt !== null && expiresAt <= now),
  secret_expires_soon: ({ secrets, record, now }) =>
    needsSecret(record) &&
    secrets.some((secret) => isLive(secret, now) && (secret.expiresAt ?? Infinity) <= now + ENDS_SOON * 1000),
  no_key: ({ client, record }) => has(record, 'private_key_jwt') && client.jwksUri === null && client.keys.length === 0,
  no_certificate: ({ client, record }) =>
    (has(record, 'self_signed_tls_client_auth') &&
      client.jwksUri === null &&
      !client.keys.some(({ certificate }) => certificate !== null)) ||
    (has(record, 'tls_client_auth') && client.tlsSubject === null),
  no_identity: ({ client, record }) => has(record, 'federated_jwt') && client.federatedIdentities.length === 0,
  no_grants: ({ record }) => record.grants.length === 0 && record.introspects.length === 0,
  resource_must_be_named: ({ record }) => record.grants.length > 1 && record.default_resource === null,
  default_resource_not_granted: ({ record: { grants, default_resource } }) =>
    grants.length > 1 && default_resource !== null && !grants.some(({ resource }) => resource === default_resource),
  signing_alg_not_permitted: ({ record }) =>
    record.authentication?.is_strict === true &&
    record.grants.some(({ signing_alg }) => !STRICT_SIGNING_ALGS.includes(signing_alg)),
  resource_unknown: ({ ungranted }) => ungranted.unknownResources,
  resource_not_granted: ({ ungranted }) => ungranted.ungrantedResources,
  scope_unknown: ({ ungranted }) => ungranted.unknownScopes,
  scope_not_granted: ({ ungranted }) => ungranted.ungrantedScopes,
  quota_used_up: isQuotaUsedUp,
  rate_limit_used_up: ({ rate }) => rate?.remaining === 0,
};

/** The signature algorithms of tokens that the strict profile permits. */
const STRICT_SIGNING_ALGS: readonly SigningAlg[] = ['ES256', 'EdDSA'];

/** Finds the problems that a client has now, even if none of its requests was refused yet. */
export function findProblems(facts: ClientFacts): Finding[] {
  const names = Object.keys(FINDINGS) as FindingName[];
  return names.flatMap((finding) => {
    const found = RULES[finding](facts);
    const about = typeof found === 'boolean' ? [] : found;
    return found === true || about.length > 0 ? [{ finding, ...FINDINGS[finding], names: about }] : [];
  });
}

function isQuotaUsedUp({ record: { quota }, issued, now }: ClientFacts): boolean {
  if (quota?.action !== 'enforce' || !issued) return false;
  return limitsOf(quota).some(({ period, limit }) => {
    const { from, count } = issued[period];
    return from === periodAt(period, now).from && count >= limit;
  });
}

function methodsOf({ authentication }: ClientRecord): readonly AuthMethod[] {
  return authentication?.methods ?? [];
}

function has(record: ClientRecord, method: AuthMethod): boolean {
  return methodsOf(record).includes(method);
}

function needsSecret(record: ClientRecord): boolean {
  return usesSecrets(methodsOf(record));
}
