/** The bytes of a MASTER_KEY: 256 bits. */
export const MASTER_KEY_BYTES = 32;

/** The characters of a MASTER_KEY in base64url without padding. */
export const MASTER_KEY_LENGTH = Math.ceil((MASTER_KEY_BYTES * 8) / 6);

/** The shortest ROOT_API_KEY, in characters: 192 bits if they are chosen at random from 64. */
export const ROOT_API_KEY_LENGTH_MIN = 32;

/** The longest ROOT_API_KEY, in characters. */
export const ROOT_API_KEY_LENGTH_MAX = 128;

/** How long an active key signs before the next key replaces it if `SIGNING_KEY_MAX_AGE` is not set, in seconds. */
export const SIGNING_KEY_MAX_AGE_DEFAULT = 30 * 86_400;

/** The smallest `SIGNING_KEY_MAX_AGE`, in seconds. It is longer than a key is published before it signs. */
export const SIGNING_KEY_MAX_AGE_MIN = 3600;

/** The largest `SIGNING_KEY_MAX_AGE`, in seconds. */
export const SIGNING_KEY_MAX_AGE_MAX = 366 * 86_400;

/** The most stack frames of an unexpected error that its log line contains. */
export const ERROR_FRAMES_MAX = 5;
