import { METADATA_MAX_AGE } from '../constants.ts';
import type { Services } from '../services.ts';
import { SIGNING_ALGS } from '../store/client-record.ts';
import { cacheableJson } from './cacheable-json.ts';

const CLIENT_AUTH_METHODS = ['client_secret_basic', 'client_secret_post'];

/** The authorization server metadata ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)). */
export function metadata({ config: { issuer } }: Services, request: Request): Promise<Response> {
  const document = {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    grant_types_supported: ['client_credentials'],
    // Required by the RFC, and empty because there is no authorization endpoint.
    response_types_supported: [],
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    // An organization's API key is presented as a bearer token.
    introspection_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS, 'Bearer'],
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    access_token_signing_alg_values_supported: SIGNING_ALGS,
  };
  return cacheableJson(request, JSON.stringify(document), METADATA_MAX_AGE);
}
