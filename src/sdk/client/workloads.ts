import { SdkError } from '../lib/errors.ts';
import { type HttpOptions, isObject, requestJson } from '../lib/http.ts';

/** Options of the functions that get a platform's token. */
export interface WorkloadOptions extends HttpOptions {
  /** What the platform's token is for: usually the issuer of the server. */
  readonly audience: string;
}

/** Options of `azure`. */
export interface AzureOptions extends HttpOptions {
  /** The application that stands for the server, such as `api://` and its id. */
  readonly resource: string;
  /** The client id of a user-assigned identity, if there are several. */
  readonly identity?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

function environment(): Environment {
  return (globalThis as { process?: { env?: Environment } }).process?.env ?? {};
}

/**
 * Returns a function that gets the token of a job of GitHub Actions, which needs the permission `id-token: write`
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)).
 * @example
 * const client = { id, token: githubActions({ audience: issuer }) };
 */
export function githubActions({ audience, ...http }: WorkloadOptions): () => Promise<string> {
  return async () => {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = environment();
    if (!address || !token) throw missing('The job has no token. Add to it: permissions: { id-token: write }');
    const url = new URL(address);
    url.searchParams.set('audience', audience);
    return member(await get(url, { Authorization: `Bearer ${token}` }, http), 'value');
  };
}

/**
 * Returns a function that reads the token of a job of GitLab from its variable
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)). The name is the one in the job's `id_tokens`, which also sets the
 * audience.
 * @example
 * const client = { id, token: gitlab('EDGEMINT_TOKEN') };
 */
export function gitlab(variable: string): () => string {
  return () => {
    const token = environment()[variable];
    if (!token) throw missing(`The variable ${variable} is empty. Add it to the id_tokens of the job.`);
    return token;
  };
}

/**
 * Returns a function that gets the token of a managed identity of Azure, on a virtual machine or in App Service, Functions and Container Apps
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)).
 * @example
 * const client = { id, token: azure({ resource: 'api://00000000-0000-0000-0000-000000000000' }) };
 */
export function azure({ resource, identity, ...http }: AzureOptions): () => Promise<string> {
  return async () => {
    const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = environment();
    const isService = endpoint !== undefined && header !== undefined;
    const url = new URL(isService ? endpoint : 'http://169.254.169.254/metadata/identity/oauth2/token');
    url.searchParams.set('api-version', isService ? '2019-08-01' : '2018-02-01');
    url.searchParams.set('resource', resource);
    if (identity !== undefined) url.searchParams.set('client_id', identity);
    const headers: Record<string, string> = isService ? { 'X-IDENTITY-HEADER': header } : { Metadata: 'true' };
    return member(await get(url, headers, http), 'access_token');
  };
}

async function get(url: URL, headers: Record<string, string>, http: HttpOptions): Promise<unknown> {
  const { status, body } = await requestJson(url.href, { headers: { Accept: 'application/json', ...headers } }, http);
  if (status === 200) return body;
  const message = `${url.origin} answered ${status} to the request for the token of the platform.`;
  const isTemporary = status === 404 || status === 410 || status === 429 || status >= 500;
  throw new SdkError('credential_unavailable', message, { status, isTemporary });
}

function missing(message: string): SdkError {
  return new SdkError('credential_unavailable', message, { isTemporary: false });
}

function member(body: unknown, name: string): string {
  const value = isObject(body) ? body[name] : undefined;
  if (typeof value !== 'string' || value === '') throw missing(`The answer of the platform has no ${name}.`);
  return value;
}
