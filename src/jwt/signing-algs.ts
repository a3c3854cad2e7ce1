import type { AccessTokenTyp, SigningAlg } from '../gates/protocol.ts';
import { completeList } from '../lib/complete-list.ts';

/** The algorithms that access tokens can be signed with ([RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)). */
export const SIGNING_ALGS = completeList<SigningAlg>()(['ES256', 'RS256', 'EdDSA']);

/**
 * The `typ` headers that access tokens can have. `at+jwt` is that of [RFC 9068 section
 * 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1).
 */
export const ACCESS_TOKEN_TYPS = completeList<AccessTokenTyp>()(['at+jwt', 'JWT']);
