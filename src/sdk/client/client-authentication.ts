import { SignJWT } from 'jose';
import { SdkError } from '../lib/errors.ts';
import { invalidOption } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import { ASSERTION_LIFETIME } from './constants.ts';
import { importSigningKey, type PrivateKey, type SigningKey } from './signing-key.ts';

/** A value, or a function that returns it anew for each token request, such as from a file that is replaced. */
export type Provided<T> = T | (() => T | Promise<T>);

/** A client with a secret ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)). */
export interface SecretClient {
  readonly id: string;
  readonly secret: Provided<string>;
  /** Default: `client_secret_basic`, unless the metadata of the server name `client_secret_post` and not that. */
  readonly method?: 'client_secret_basic' | 'client_secret_post' | undefined;
}

/** A client with a private key, `private_key_jwt` ([RFC 7523 section 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)). */
export interface KeyClient {
  readonly id: string;
  readonly key: Provided<PrivateKey>;
  /** Default: the `kid` of a JWK; for other keys none. */
  readonly kid?: string | undefined;
  /** Default: the `alg` of a JWK; otherwise the first of the server's that fits the key. */
  readonly alg?: string | undefined;
  /** What assertions are for. Default: `issuer`, the only safe one if the client uses several servers. */
  readonly audience?: 'issuer' | 'token_endpoint' | undefined;
}

/** A workload with the token of its platform ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)). */
export interface WorkloadClient {
  /** May be left out if the server finds the client by the token. */
  readonly id?: string | undefined;
  readonly token: Provided<string>;
  /**
   * How the token is sent: as the credential of `client_credentials`, or as the `assertion` of the jwt-bearer grant
   * ([RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)). Default: `client_credentials`.
   */
  readonly grant?: 'client_credentials' | 'jwt-bearer' | undefined;
}

/**
 * A client with a certificate ([RFC 8705 section 2](https://www.rfc-editor.org/rfc/rfc8705#section-2)). The `fetch` of the source must present
 * it.
 */
export interface CertificateClient {
  readonly id: string;
  readonly certificate: true;
}

/** How the client proves who it is. */
export type Client = SecretClient | KeyClient | WorkloadClient | CertificateClient;

/** What a client adds to a token request. */
export interface Authentication {
  readonly form: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the authentication may depend on. */
export interface AuthenticationContext {
  readonly issuer: string;
  readonly metadata: ServerMetadata;
  readonly tokenEndpoint: string;
  /** Milliseconds since the epoch, as near to the clock of the server as is known. */
  readonly now: number;
  readonly timeoutMs: number;
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const GRANT = { grant_type: 'client_credentials' };

/** Authenticates a client in its token requests. */
export class ClientAuthentication {
  readonly #client: Client;
  #imported: { readonly from: PrivateKey; readonly key: SigningKey } | undefined;

  /** @throws SdkError `invalid_option` if the client has not exactly one credential */
  constructor(client: Client) {
    const kinds = ['secret', 'key', 'token', 'certificate'].filter(
      (name) => client[name as keyof Client] !== undefined,
    );
    if (kinds.length !== 1) throw invalidOption('client needs exactly one of secret, key, token and certificate.');
    if (typeof client.id !== 'string' && kinds[0] !== 'token') throw invalidOption('client.id is required.');
    this.#client = client;
  }

  /** Whether the client presents a certificate, which some servers accept at other URLs only. */
  get hasCertificate(): boolean {
    return 'certificate' in this.#client;
  }

  /** Returns the credential for one request. @throws SdkError `credential_unavailable` or `invalid_option` */
  async authenticate(context: AuthenticationContext): Promise<Authentication> {
    const client = this.#client;
    if ('secret' in client) {
      const secret = await provide('client.secret', client.secret, context.timeoutMs);
      return withSecret(client, secret, context.metadata);
    }
    if ('key' in client) {
      const { metadata, timeoutMs } = context;
      const algs = metadata.token_endpoint_auth_signing_alg_values_supported;
      const from = await provide('client.key', client.key, timeoutMs);
      if (this.#imported?.from !== from) this.#imported = { from, key: await importSigningKey(from, client.alg, algs) };
      const assertion = await sign(client, this.#imported.key, context);
      return { form: { ...GRANT, ...asAssertion(client.id, assertion) }, headers: {} };
    }
    if ('token' in client) {
      const token = (await provide('client.token', client.token, context.timeoutMs)).trim();
      if (client.grant === 'jwt-bearer') return { form: { grant_type: JWT_BEARER, assertion: token }, headers: {} };
      return { form: { ...GRANT, ...asAssertion(client.id, token) }, headers: {} };
    }
    return { form: { ...GRANT, client_id: client.id }, headers: {} };
  }
}

function asAssertion(id: string | undefined, assertion: string): Record<string, string> {
  const form = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion };
  return id === undefined ? form : { client_id: id, ...form };
}

function withSecret({ id, method }: SecretClient, secret: string, metadata: ServerMetadata): Authentication {
  const methods = metadata.token_endpoint_auth_methods_supported;
  // RFC 8414 section 2: without the member, it is Basic.
  const isPost = methods?.includes('client_secret_post') && !methods.includes('client_secret_basic');
  if ((method ?? (isPost ? 'client_secret_post' : 'client_secret_basic')) === 'client_secret_post') {
    return { form: { ...GRANT, client_id: id, client_secret: secret }, headers: {} };
  }
  return { form: GRANT, headers: { Authorization: `Basic ${btoa(`${formEncode(id)}:${formEncode(secret)}`)}` } };
}

/** Encodes a text as a form does (RFC 6749 appendix B). */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function sign({ id, kid, audience }: KeyClient, key: SigningKey, context: AuthenticationContext): Promise<string> {
  const now = Math.floor(context.now / 1000);
  const keyId = kid ?? key.kid;
  return new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: key.alg, ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(audience === 'token_endpoint' ? context.tokenEndpoint : context.issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + ASSERTION_LIFETIME)
    .sign(key.key);
}

/** Returns a value of the options, from its function if it is one. @throws SdkError `credential_unavailable` */
async function provide<T>(name: string, provided: Provided<T>, timeoutMs: number): Promise<T> {
  const value =
    typeof provided === 'function' ? await call(name, provided as () => T | Promise<T>, timeoutMs) : provided;
  if (value === undefined || value === null || value === '') throw unavailable(`${name} is empty.`);
  return value;
}

async function call<T>(name: string, provider: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable(`${name} did not return within ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([provider(), deadline]);
  } catch (cause) {
    throw cause instanceof SdkError ? cause : unavailable(`${name} failed.`, cause);
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(message: string, cause?: unknown): SdkError {
  return new SdkError('credential_unavailable', message, { isTemporary: true, cause });
}
