/** How many random bits one must be worth: the least that [NIST SP 800-131A](https://doi.org/10.6028/NIST.SP.800-131Ar2) lets keys have. */
export const SECRET_BITS_MIN = 112;

/** Different characters of one: of 32 random hexadecimal digits fewer are different about once in 10 million times. */
export const SECRET_DISTINCT_CHARACTERS_MIN = 8;

/** How long an isolate believes that an API key which was once ours is no more. */
export const UNKNOWN_KEY_AGE = 5;
