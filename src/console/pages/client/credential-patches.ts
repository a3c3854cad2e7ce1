import type { Client, Method } from '../clients/words.ts';

type Jwk = NonNullable<Client['jwks']>['keys'][number];
type Patch = Readonly<Record<string, unknown>>;

/** The members of private keys ([RFC 7518 section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Returns the patch that removes a credential, which `GET …/credentials` names by a JSON pointer. An additional method that has no
 * credential any more goes with it; the API would refuse to keep it.
 */
export function patchWithout(client: Client, field: string): Patch | undefined {
  const removed = withoutField(client, field);
  if (!removed) return undefined;
  const left = { ...client, ...removed } as Client;
  const hasKeys = left.jwks !== null || left.jwks_uri !== null;
  const isCertificate = (name: string) => name.startsWith('tls_client_auth_');
  const needs: Readonly<Partial<Record<Method, boolean>>> = {
    private_key_jwt: hasKeys,
    self_signed_tls_client_auth: hasKeys,
    federated_jwt: left.federated_identities.length > 0,
    tls_client_auth: Object.entries(left).some(([name, value]) => isCertificate(name) && value !== null),
  };
  const methods = client.additional_auth_methods.filter((method) => needs[method] !== false);
  const isShorter = methods.length < client.additional_auth_methods.length;
  return isShorter ? { ...removed, additional_auth_methods: methods } : removed;
}

function withoutField(client: Client, field: string): Patch | undefined {
  const [, name = '', ...rest] = field.split('/');
  if (name === 'jwks') {
    const keys = client.jwks?.keys.filter((_, index) => String(index) !== rest[1]) ?? [];
    return { jwks: keys.length > 0 ? { keys } : null };
  }
  if (name === 'federated_identities') {
    return { federated_identities: client.federated_identities.filter((_, index) => String(index) !== rest[0]) };
  }
  if (name === 'jwks_uri' || name.startsWith('tls_client_auth_')) return { [name]: null };
  return undefined;
}

/** A text that was pasted as keys: the keys, or what is wrong with it. */
export type PastedKeys = { readonly keys: readonly Jwk[] } | { readonly fault: string };

/** Reads a JWK, or a JWK Set. A private key is refused here, so that it does not leave the browser. */
export function readKeys(text: string): PastedKeys {
  const value = parse(text);
  const keys = isObject(value) && Array.isArray(value.keys) ? value.keys : [value];
  if (keys.length === 0 || !keys.every((key) => isObject(key) && typeof key.kty === 'string')) {
    return { fault: 'must be a JWK such as {"kty": "EC", …}, or a JWK Set such as {"keys": [{"kty": "EC", …}]}' };
  }
  if (keys.some((key) => PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member)))) {
    return { fault: 'must be a public key. This one is private; it was not sent. Paste the public key of the pair.' };
  }
  return { keys };
}

/** Returns the patch that adds keys. Their method is accepted from then on, besides the others. */
export function patchWithKeys(client: Client, keys: readonly Jwk[]): Patch {
  const hasCertificate = keys.some((key) => Object.hasOwn(key, 'x5c'));
  const method = hasCertificate ? 'self_signed_tls_client_auth' : 'private_key_jwt';
  return { jwks: { keys: [...(client.jwks?.keys ?? []), ...keys] }, ...withMethod(client, method) };
}

/** A workload as the form has it. Empty texts are left out. */
export interface WorkloadFields {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** Conditions on other claims, as JSON. */
  readonly claims: string;
}

/** Returns the patch that lets a workload be the client, or what is wrong with it. */
export function patchWithWorkload(
  client: Client,
  fields: WorkloadFields,
): { readonly patch: Patch } | { readonly fault: string } {
  const { issuer, subject, audience } = fields;
  const claims = fields.claims.trim() === '' ? undefined : parse(fields.claims);
  if (claims !== undefined && !isObject(claims))
    return { fault: 'must be a JSON object, such as {"repository_id": "74"}' };
  const identity = {
    issuer: issuer.trim(),
    ...(audience.trim() && { audience: audience.trim() }),
    ...(subject.trim() && { subject: subject.trim() }),
    ...(claims && { claims }),
  };
  const federated_identities = [...client.federated_identities, identity];
  return { patch: { federated_identities, ...withMethod(client, 'federated_jwt') } };
}

function withMethod({ token_endpoint_auth_method, additional_auth_methods }: Client, method: Method): Patch {
  const isAccepted = [token_endpoint_auth_method, ...additional_auth_methods].includes(method);
  return isAccepted ? {} : { additional_auth_methods: [...additional_auth_methods, method] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
