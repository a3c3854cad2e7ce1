import { type JWK, SignJWT } from 'jose';
import { create, ISSUER, postForm, world } from './http.ts';
import { newSigner, type Signer } from './remote-keys/signers.ts';

// Machines without a shared secret: the JWTs that they sign, and their requests.

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
export const TOKEN_URL = `${ISSUER}/oauth2/token`;

/** Members that replace the usual ones of a header or of claims; undefined removes a member. */
type Members = Readonly<Record<string, unknown>>;

/** Returns the current time in seconds since the epoch. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Signs a JWT with exactly these claims, even if they are invalid. */
export function signJwt(signer: Signer, claims: Members, header: Members = {}): Promise<string> {
  const jwt = new SignJWT(defined(claims));
  return jwt.setProtectedHeader({ alg: signer.alg, ...defined(header) }).sign(signer.privateKey);
}

/** Signs a client's own assertion ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)). */
export function assertionOf(clientId: string, signer: Signer, claims: Members = {}, header: Members = {}) {
  const now = seconds();
  const usual = { iss: clientId, sub: clientId, aud: ISSUER, iat: now, exp: now + 60, jti: crypto.randomUUID() };
  return signJwt(signer, { ...usual, ...claims }, header);
}

/** Signs a DPoP proof for the token endpoint ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)). */
export function proofOf(signer: Signer, claims: Members = {}, header: Members = {}): Promise<string> {
  const usual = { htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: crypto.randomUUID() };
  return signJwt(signer, { ...usual, ...claims }, { typ: 'dpop+jwt', jwk: signer.publicJwk, ...header });
}

interface Connection {
  readonly dpop?: string;
  /** The data that Cloudflare passes on about the client's certificate. */
  readonly tls?: object;
  readonly address?: string;
  readonly path?: string;
}

type Form = Readonly<Record<string, string>>;

/** Sends a form to the token endpoint, or to another path. Its only credentials are those in the form and the connection. */
export function ask(form: Form, { dpop, tls, address, path = '/oauth2/token' }: Connection = {}): Promise<Response> {
  const headers = dpop === undefined ? {} : { DPoP: dpop };
  const cf = tls ? { cf: { tlsClientAuth: tls } as unknown as CfProperties } : {};
  return postForm(path, { ...form }, { headers, ...cf, ...(address !== undefined && { address }) });
}

/** Requests a token with an assertion. */
export function askWith(assertion: string, form: Form = {}, connection: Connection = {}): Promise<Response> {
  const credentials = { client_assertion_type: JWT_BEARER, client_assertion: assertion };
  return ask({ grant_type: 'client_credentials', ...credentials, ...form }, connection);
}

/** Creates a world whose client authenticates by its own key. */
export async function keyWorld(name: string, client: Members = {}, alg: Signer['alg'] = 'ES256') {
  const signer = await newSigner(alg, { kid: 'first' });
  const here = await world(name, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [signer.publicJwk] },
    ...client,
  });
  return { ...here, signer, clientId: here.worker.client_id };
}

/** Creates another client with these keys in an organization, granted the scopes `read` and `write`. */
export async function keyClient(
  { organization, identifier }: { organization: string; identifier: string },
  client_name: string,
  keys: readonly JWK[],
  fields: Members = {},
): Promise<string> {
  const { client_id } = await create<{ client_id: string }>('clients', {
    organization_id: organization,
    client_name,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys },
    grants: [{ resource_server: identifier, scopes: ['read', 'write'] }],
    ...fields,
  });
  return client_id;
}

function defined(members: Members): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
