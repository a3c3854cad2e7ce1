/** How a resource server's tokens can be signed. */
export const SIGNING_ALGS = ['ES256', 'RS256', 'EdDSA'] as const;
