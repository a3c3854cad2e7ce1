import { VERIFICATION_ALGS } from '../jwt/public-key.ts';
import { SIGNING_ALGS } from '../jwt/signing-algs.ts';
import { AUTH_METHODS } from '../store/client-authentication.ts';
import { METADATA_MAX_AGE } from './constants.ts';
import { cacheableJson } from './response/cacheable-json.ts';
import type { OAuthServices } from './services.ts';

// The names in the IANA registry. `federated_jwt` is ours: to the client it looks like `private_key_jwt`.
const CLIENT_AUTH_METHODS = AUTH_METHODS.filter((method) => method !== 'federated_jwt');

/** Serves the authorization server metadata ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)). */
export function metadata({ config: { issuer } }: Pick<OAuthServices, 'config'>, request: Request): Promise<Response> {
  const document = {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    // Refuses every request. MCP clients accept no metadata without it.
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    grant_types_supported: ['client_credentials'],
    // Required by the RFC, and empty because there is no user flow.
    response_types_supported: [],
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: VERIFICATION_ALGS,
    // An organization's API key is presented as a bearer token.
    introspection_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS, 'Bearer'],
    introspection_endpoint_auth_signing_alg_values_supported: VERIFICATION_ALGS,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: VERIFICATION_ALGS,
    // RFC 9449 section 5.1
    dpop_signing_alg_values_supported: VERIFICATION_ALGS,
    // RFC 8705 section 3.3
    tls_client_certificate_bound_access_tokens: true,
    access_token_signing_alg_values_supported: SIGNING_ALGS,
  };
  return cacheableJson(request, JSON.stringify(document), METADATA_MAX_AGE);
}
