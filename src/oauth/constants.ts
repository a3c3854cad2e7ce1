/** The `claims` of a token request, in UTF-8, how many they may be, and how long a text among them, in UTF-16 code units. */
export const REQUESTED_CLAIMS_LIMIT_BYTES = 1024;
export const REQUESTED_CLAIMS_MAX = 20;
export const REQUESTED_CLAIM_LENGTH_MAX = 200;

/** How many seconds the clocks of those who sign them may be off. */
export const SIGNER_CLOCK_SKEW = 30;

/** How long an assertion may be good for: client libraries make theirs for one to five minutes. */
export const ASSERTION_LIFETIME_MAX = 300;

/** How long a token of another issuer may be good for: Kubernetes gives them for an hour, and for a day where it is asked. */
export const FEDERATED_LIFETIME_MAX = 86_400;

/** How long after it was made a DPoP proof is taken, the skew included. */
export const DPOP_PROOF_AGE = 60;

/** A DPoP nonce is of a step of so many seconds, and is taken in so many steps, its own being the first. */
export const DPOP_NONCE_STEP = 60;
export const DPOP_NONCE_STEPS = 5;

/** The longest `jti`, in UTF-16 code units. */
export const JTI_LENGTH_MAX = 200;

/** The longest DPoP header, in characters: a proof of an RSA key fits. */
export const DPOP_HEADER_MAX = 4096;

/** How long an assertion may be good for. */
export const STRICT_ASSERTION_LIFETIME_MAX = 60;

/**
 * How long an isolate goes by what it knows of how a client authenticates, where a credential does not fit that and many have failed: so
 * often it asks the gate once more.
 */
export const AUTHENTICATION_AGE = 5;

/** Of how many clients an isolate knows that, and up to what length of it as JSON; and of how many more with a longer one. */
export const KNOWN_AUTHENTICATIONS = 2000;
export const KNOWN_AUTHENTICATION_LENGTH = 4096;
export const KNOWN_LONG_AUTHENTICATIONS = 100;

/** Keys of DPoP proofs that an isolate keeps imported. */
export const KNOWN_PROOF_KEYS = 1000;

/** How long the metadata document may be cached. */
export const METADATA_MAX_AGE = 3600;

/** How old a secret must be that a client made itself and nobody has used, before the client may make another in its place. */
export const ROTATION_RETRY_AFTER = 60;

/** And how old at most: an older one has more likely been kept than lost. */
export const ROTATION_RETRY_UNTIL = 900;

/** The shortest grace that a client gives its own old secret: it needs that one where the new one was lost. */
export const OWN_GRACE_MIN = 5 * ROTATION_RETRY_AFTER;

/** How long the answer of a store's probe is given again. */
export const HEALTH_PROBE_AGE = 5;
