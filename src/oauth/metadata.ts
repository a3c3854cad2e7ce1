import { VERIFICATION_ALGS } from '../jwt/public-key.ts';
import { SIGNING_ALGS } from '../jwt/signing-algs.ts';
import type { Config } from '../platform/config.ts';
import { AUTH_METHODS } from '../store/client-authentication.ts';
import { JWT_BEARER_GRANT } from './client-authentication/assertion-grant.ts';
import { METADATA_MAX_AGE } from './constants.ts';
import { cacheableJson } from './response/cacheable-json.ts';
import { feedUrl } from './revocations.ts';
import type { OAuthServices } from './services.ts';

// The names in the IANA registry. `federated_jwt` is ours: to the client it looks like `private_key_jwt`.
const CLIENT_AUTH_METHODS = AUTH_METHODS.filter((method) => method !== 'federated_jwt');

/** Serves the authorization server metadata ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)). */
export function metadata({ config }: Pick<OAuthServices, 'config'>, request: Request): Promise<Response> {
  return cacheableJson(request, JSON.stringify(authorizationServer(config)), METADATA_MAX_AGE);
}

/**
 * Serves the metadata for verifiers that use [OpenID Connect
 * Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata): the same document, with the members that only
 * OpenID Connect requires. This service issues no ID tokens.
 */
export function openIdMetadata({ config }: Pick<OAuthServices, 'config'>, request: Request): Promise<Response> {
  const document = {
    ...authorizationServer(config),
    // Ruby's openid_connect refuses an empty list. `none` is the registered type that issues nothing; `code` would start logins that fail.
    response_types_supported: ['none'],
    subject_types_supported: ['public'],
    // go-oidc takes the algorithms of access tokens from here. Without it, it accepts RS256 only.
    id_token_signing_alg_values_supported: SIGNING_ALGS,
  };
  return cacheableJson(request, JSON.stringify(document), METADATA_MAX_AGE);
}

function authorizationServer(config: Config) {
  const { issuer, baseUrl } = config;
  return {
    issuer,
    token_endpoint: `${baseUrl}/oauth2/token`,
    // Refuses every request. MCP clients accept no metadata without it.
    authorization_endpoint: `${baseUrl}/oauth2/authorize`,
    jwks_uri: `${baseUrl}/.well-known/jwks.json`,
    introspection_endpoint: `${baseUrl}/oauth2/introspect`,
    revocation_endpoint: `${baseUrl}/oauth2/revoke`,
    revocation_feed_endpoint: feedUrl(config),
    grant_types_supported: ['client_credentials', JWT_BEARER_GRANT],
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
}
