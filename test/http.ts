import { env, exports } from 'cloudflare:workers';

export const ISSUER = 'https://auth.example.com';

/** Sends a request to the Worker as if it came over the network. */
export function send(path: string, init?: RequestInit & { address?: string }): Promise<Response> {
  const headers = new Headers(init?.headers);
  if (init?.address) headers.set('CF-Connecting-IP', init.address);
  return exports.default.fetch(new Request(new URL(path, ISSUER), { ...init, headers }));
}

type Form = Record<string, string> | [string, string][];

/** POSTs a form. */
export function postForm(path: string, form: Form, init: RequestInit & { address?: string } = {}): Promise<Response> {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', ...init.headers };
  return send(path, { ...init, method: 'POST', headers, body: new URLSearchParams(form).toString() });
}

/** POSTs JSON to the management API, with the root key unless another key is given. */
export function manage(path: string, body: unknown, key: string = env.ROOT_API_KEY): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` };
  return send(`/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

interface ApiInit {
  readonly body?: unknown;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  readonly address?: string;
}

/** Sends a request to the management API, with the root key unless another key is given; `null` sends no key. */
export function api(method: string, path: string, { body, key = env.ROOT_API_KEY, headers, address }: ApiInit = {}) {
  return send(`/v1/${path}`, {
    method,
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(key !== null && { Authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(address !== undefined && { address }),
  });
}

/** Sends a request to the management API and returns the body of the answer. Throws unless the request succeeds. */
export async function done<T = Record<string, unknown>>(method: string, path: string, init?: ApiInit): Promise<T> {
  const response = await api(method, path, init);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? (null as T) : response.json<T>();
}

/** Creates a resource and returns it. Throws unless the answer is 201. */
export async function create<T = Record<string, string>>(path: string, body: unknown, key?: string): Promise<T> {
  const response = await manage(path, body, key);
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

export function basic(clientId: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${btoa(`${encode(clientId)}:${encode(secret)}`)}`;
}

export interface Credentials {
  client_id: string;
  client_secret: string;
}

/** Creates a client and returns its credentials. Throws unless the answer is 201. */
export async function createClient(body: unknown): Promise<Credentials> {
  const { client_id, client_secret } = await create<Credentials>('clients', body);
  return { client_id, client_secret };
}

/** Requests a token with Basic credentials. */
export function requestToken(client: Credentials, form: Form = {}, init: { address?: string } = {}): Promise<Response> {
  const entries = Array.isArray(form) ? form : Object.entries(form);
  return postForm('/oauth2/token', [['grant_type', 'client_credentials'], ...entries] as [string, string][], {
    ...init,
    headers: { Authorization: basic(client.client_id, client.client_secret) },
  });
}

export interface TokenAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  scope?: string;
}

/** Requests a token and returns the answer. Throws unless the request succeeds. */
export async function getToken(client: Credentials, form: Form = {}): Promise<TokenAnswer> {
  const response = await requestToken(client, form);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

export function introspect(caller: Credentials, token: string, form: Record<string, string> = {}): Promise<Response> {
  const headers = { Authorization: basic(caller.client_id, caller.client_secret) };
  return postForm('/oauth2/introspect', { token, ...form }, { headers });
}

export function revoke(client: Credentials, token: string, form: Record<string, string> = {}): Promise<Response> {
  const headers = { Authorization: basic(client.client_id, client.client_secret) };
  return postForm('/oauth2/revoke', { token, ...form }, { headers });
}

/** Creates an organization with a resource server, a client with all scopes of it, and a client that introspects for it. */
export async function world(name: string, client: Record<string, unknown> = {}) {
  const identifier = `https://${name}.example.com`;
  const { id: organization } = await create('organizations', { name });
  const server = await create('resource-servers', {
    organization_id: organization,
    identifier,
    name,
    scopes: [{ name: 'read' }, { name: 'write' }, { name: 'admin' }],
  });
  const worker = await createClient({
    organization_id: organization,
    client_name: 'worker',
    grants: [{ resource_server: identifier, scopes: ['read', 'write'] }],
    ...client,
  });
  const api = await createClient({
    organization_id: organization,
    client_name: 'api',
    introspects: [identifier],
  });
  return { organization: organization as string, server, identifier, worker, api };
}
