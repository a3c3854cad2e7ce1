import type { SigningAlg } from '../gates/protocol.ts';

/** The algorithms that access tokens can be signed with ([RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)). */
export const SIGNING_ALGS = ['ES256', 'RS256', 'EdDSA'] as const satisfies readonly SigningAlg[];
