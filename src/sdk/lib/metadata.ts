import { SdkError } from './errors.ts';
import {
  type Answer,
  detailsOf,
  type HttpOptions,
  invalidOption,
  isObject,
  requestJson,
  requireSafeUrl,
} from './http.ts';

/** The metadata of an authorization server, with the members that this package reads. */
export interface ServerMetadata {
  readonly issuer: string;
  readonly token_endpoint?: string;
  readonly jwks_uri?: string;
  readonly introspection_endpoint?: string;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly mtls_endpoint_aliases?: { readonly token_endpoint?: string };
  readonly [name: string]: unknown;
}

/** Options of `discover`. */
export interface DiscoverOptions extends HttpOptions {
  /** Is called with each answer, before it is judged. */
  readonly onAnswer?: ((answer: Answer) => void) | undefined;
}

/**
 * Fetches the metadata of an authorization server and checks that they are that issuer's
 * ([RFC 8414 sections 3 and 3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3)). A server without them is asked for the document of
 * [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).
 * @throws SdkError `wrong_issuer` if the document names another issuer, `discovery_failed`, or a code of the connection
 * @example
 * const { token_endpoint } = await discover('https://auth.example.com');
 */
export async function discover(issuer: string, options: DiscoverOptions = {}): Promise<ServerMetadata> {
  const [first, second] = metadataUrls(issuer, options);
  const answer = await fetchDocument(first, options);
  // Only a server that does not have the first document is asked for the second one. Not all of them answer that with 404.
  const isRefused = answer.status >= 400 && answer.status < 500 && !isTemporary(answer.status);
  const isMissing = isRefused || (answer.status === 200 && !isObject(answer.body));
  return readMetadata(issuer, isMissing ? await fetchDocument(second, options) : answer, options);
}

/** Returns the two URLs at which an issuer may publish its metadata. @throws SdkError `invalid_option` */
export function metadataUrls(issuer: string, options: HttpOptions = {}): readonly [rfc8414: string, openId: string] {
  const { origin, pathname, search, hash, username } = requireSafeUrl(issuer, 'issuer', options);
  if (search !== '' || hash !== '' || username !== '' || issuer.includes('?') || issuer.includes('#')) {
    throw invalidOption(`issuer must have no query, fragment or user: ${issuer}`);
  }
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
}

async function fetchDocument(url: string, options: DiscoverOptions): Promise<Answer> {
  // A cached answer would show an old `Date`.
  const headers = { Accept: 'application/json', 'Cache-Control': 'no-cache' };
  const answer = await requestJson(url, { headers }, options);
  options.onAnswer?.(answer);
  return answer;
}

function readMetadata(issuer: string, answer: Answer, options: HttpOptions): ServerMetadata {
  const { status, body } = answer;
  if (status !== 200 || !isObject(body)) {
    const problem = status === 200 ? 'are not a JSON object' : `were answered with ${status}`;
    throw new SdkError('discovery_failed', `The metadata of ${issuer} ${problem}.`, {
      ...detailsOf(answer),
      isTemporary: isTemporary(status),
    });
  }
  if (body.issuer !== issuer) {
    const message = `The metadata name the issuer ${JSON.stringify(body.issuer)}, not ${JSON.stringify(issuer)}.`;
    throw new SdkError('wrong_issuer', message, { ...detailsOf(answer), isTemporary: false });
  }
  for (const name of ['token_endpoint', 'jwks_uri', 'introspection_endpoint', 'revocation_feed_endpoint']) {
    if (body[name] !== undefined) requireSafeUrl(String(body[name]), `${name} of the metadata`, options);
  }
  return body as ServerMetadata;
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
