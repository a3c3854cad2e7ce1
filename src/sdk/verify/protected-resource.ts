import { invalidOption } from '../lib/http.ts';
import { METADATA_MAX_AGE } from './constants.ts';
import type { ResourceRequest } from './options.ts';

/** The metadata of an API ([RFC 9728 section 2](https://www.rfc-editor.org/rfc/rfc9728#section-2)). */
export interface ProtectedResourceMetadata {
  /** The identifier of the API: an https URL. It should be the audience of its tokens. */
  readonly resource: string;
  /** The issuers of its tokens. */
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported?: readonly string[];
  readonly resource_name?: string;
  readonly resource_documentation?: string;
  readonly tls_client_certificate_bound_access_tokens?: boolean;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly dpop_bound_access_tokens_required?: boolean;
  readonly [name: string]: unknown;
}

/** The document that tells clients how to get a token for an API. */
export interface ProtectedResource {
  readonly metadata: ProtectedResourceMetadata;
  /** Where the document is: for `resourceMetadata` of the verifier. */
  readonly url: string;
  /** Answers a request for the document; undefined for every other request. */
  handle(request: ResourceRequest): Response | undefined;
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/**
 * Returns the metadata document of an API, for the well-known URL of its identifier
 * ([RFC 9728 section 3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)).
 * @throws SdkError `invalid_option` if `resource` is not an https URL without a fragment
 * @example
 * const metadata = protectedResource({ resource: 'https://orders.example', authorization_servers: ['https://auth.example.com'] });
 * const response = metadata.handle(request) ?? (await answer(request));
 */
export function protectedResource(metadata: ProtectedResourceMetadata): ProtectedResource {
  const { resource } = metadata;
  const located = URL.canParse(resource) ? new URL(resource) : undefined;
  const isHttp = located?.protocol === 'https:' || located?.protocol === 'http:';
  if (!located || !isHttp || resource.includes('#'))
    throw invalidOption(`resource is not an https URL without a fragment: ${resource}`);
  const { origin, pathname, search } = located;
  const path = `${WELL_KNOWN}${pathname === '/' ? '' : pathname}`;
  const document = JSON.stringify({ bearer_methods_supported: ['header'], ...metadata });
  const headers = {
    'Content-Type': 'application/json',
    'Cache-Control': `public, max-age=${METADATA_MAX_AGE}`,
    // Clients in browsers read it as well.
    'Access-Control-Allow-Origin': '*',
  };
  return {
    metadata,
    url: `${origin}${path}${search}`,
    handle: ({ method, url }) => {
      if ((method !== 'GET' && method !== 'HEAD') || !URL.canParse(url)) return undefined;
      const asked = new URL(url);
      if (asked.pathname !== path || asked.search !== search) return undefined;
      return new Response(method === 'HEAD' ? null : document, { headers });
    },
  };
}
