/** The random bytes of a generated secret: 256 bits. */
export const SECRET_RANDOM_BYTES = 32;

/** The base62 characters that hold the random bytes of a generated secret. */
export const SECRET_BODY_LENGTH = 43;

/** The base62 characters that hold a CRC-32. */
export const CHECKSUM_LENGTH = 6;

/** The last characters of a secret that the API shows, so that people can tell secrets apart. */
export const SECRET_HINT_LENGTH = 4;

/**
 * The smallest estimated strength of an imported secret, in bits: the minimum for keys in
 * [NIST SP 800-131A](https://doi.org/10.6028/NIST.SP.800-131Ar2).
 */
export const SECRET_BITS_MIN = 112;

/**
 * The fewest distinct characters, and distinct steps from one character to the next, of an imported secret. 32 random hexadecimal digits
 * have fewer about once in 10 million times.
 */
export const SECRET_DISTINCT_CHARACTERS_MIN = 8;

/** The size of the largest alphabet that the strength estimate assumes: the visible ASCII characters. */
export const VISIBLE_ASCII_CHARACTERS = 94;

/** The random bytes of a generated client_id: 128 bits. */
export const CLIENT_ID_RANDOM_BYTES = 16;

/** The base62 characters that hold the random bytes of a generated client_id. */
export const CLIENT_ID_RANDOM_LENGTH = 22;

/** The base62 characters of a keyed tag: 47 bits, so that an invented id has a valid tag once in 2 × 10^14 tries. */
export const TAG_LENGTH = 8;

/** The bytes of the HMAC that a keyed tag is computed from. More than a tag holds, so that its characters are nearly uniform. */
export const TAG_MAC_BYTES = 8;

/** The bytes of a key that is derived from a MASTER_KEY. */
export const DERIVED_KEY_BYTES = 32;

/** The bytes of a master key's id. In base64url that is 8 characters. */
export const MASTER_KEY_ID_BYTES = 6;

/** The length of a secret hash's fingerprint: the master key's id, a dot, and 9 characters (54 bits) of the HMAC. */
export const FINGERPRINT_LENGTH = 18;

/** How long an isolate caches that an API key with a valid tag does not exist (any more), in seconds. */
export const UNKNOWN_KEY_AGE = 5;
