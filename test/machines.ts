import { type JWK, SignJWT } from 'jose';
import { create, ISSUER, postForm, world } from './http.ts';
import { newSigner, type Signer } from './remote-keys/signers.ts';

// Machines without a shared secret: what they sign, and how they ask.

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
export const TOKEN_URL = `${ISSUER}/oauth2/token`;

/** Members of a header or of claims that replace the usual ones; undefined leaves one out. */
type Members = Readonly<Record<string, unknown>>;

/** Seconds since the epoch. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Signs a JWT with exactly these claims, whatever they are. */
export function signJwt(signer: Signer, claims: Members, header: Members = {}): Promise<string> {
  const jwt = new SignJWT(defined(claims));
  return jwt.setProtectedHeader({ alg: signer.alg, ...defined(header) }).sign(signer.privateKey);
}

/** A client's own assertion, as RFC 7523 has it. */
export function assertionOf(clientId: string, signer: Signer, claims: Members = {}, header: Members = {}) {
  const now = seconds();
  const usual = { iss: clientId, sub: clientId, aud: ISSUER, iat: now, exp: now + 60, jti: crypto.randomUUID() };
  return signJwt(signer, { ...usual, ...claims }, header);
}

/** A DPoP proof for the token endpoint, as RFC 9449 has it. */
export function proofOf(signer: Signer, claims: Members = {}, header: Members = {}): Promise<string> {
  const usual = { htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: crypto.randomUUID() };
  return signJwt(signer, { ...usual, ...claims }, { typ: 'dpop+jwt', jwk: signer.publicJwk, ...header });
}

interface Connection {
  readonly dpop?: string;
  /** What Cloudflare tells of the client's certificate. */
  readonly tls?: object;
  readonly address?: string;
  readonly path?: string;
}

type Form = Readonly<Record<string, string>>;

/** Sends a form to the token endpoint, or another, without any credentials but what is in the form and the connection. */
export function ask(form: Form, { dpop, tls, address, path = '/oauth2/token' }: Connection = {}): Promise<Response> {
  const headers = dpop === undefined ? {} : { DPoP: dpop };
  const cf = tls ? { cf: { tlsClientAuth: tls } as unknown as CfProperties } : {};
  return postForm(path, { ...form }, { headers, ...cf, ...(address !== undefined && { address }) });
}

/** Asks for a token with an assertion. */
export function askWith(assertion: string, form: Form = {}, connection: Connection = {}): Promise<Response> {
  const credentials = { client_assertion_type: JWT_BEARER, client_assertion: assertion };
  return ask({ grant_type: 'client_credentials', ...credentials, ...form }, connection);
}

/** A client that authenticates by a key of its own, in a world of its own. */
export async function keyWorld(name: string, client: Members = {}, alg: Signer['alg'] = 'ES256') {
  const signer = await newSigner(alg, { kid: 'first' });
  const here = await world(name, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [signer.publicJwk] },
    ...client,
  });
  return { ...here, signer, clientId: here.worker.client_id };
}

/** One more client of an organization, which may have what the world's worker has. */
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
