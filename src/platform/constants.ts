/** How long an active key signs before another takes its place, where `SIGNING_KEY_MAX_AGE` does not say. */
export const SIGNING_KEY_MAX_AGE_DEFAULT = 30 * 86_400;

/** The least that it may say: longer than a key is published before it signs. */
export const SIGNING_KEY_MAX_AGE_MIN = 3600;
export const SIGNING_KEY_MAX_AGE_MAX = 366 * 86_400;
