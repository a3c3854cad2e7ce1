/** The most members of a list claim that a condition is compared with. Members beyond it are ignored. */
export const LISTED_CLAIMS_MAX = 200;

/** The longest name of a SPIFFE trust domain, in characters (SPIFFE-ID section 2.3). */
export const TRUST_DOMAIN_LENGTH_MAX = 255;

/** The fewest consecutive letters or digits before the first wildcard by which a pattern excludes other parties. */
export const DISTINGUISHING_CHARACTERS_MIN = 2;

/**
 * How many beginnings of a subject a look-up of a token's clients asks for. Each ends with a separator, and eight reach beyond the account
 * in the subjects of all known platforms: six in those of GitHub and AWS, seven in SPIFFE ids of Istio.
 */
export const SUBJECT_PREFIXES_MAX = 8;

/** The longest issuer and claim value, in characters, that a look-up of a token's clients asks for. No identity has longer ones. */
export const SELECTOR_LENGTH_MAX = 500;
