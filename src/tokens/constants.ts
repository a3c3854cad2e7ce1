/** How many tokens an isolate remembers as signed by our keys. */
export const SIGNED_TOKENS_MAX = 1000;

/** The longest token that it remembers, in characters: a few megabytes for all of them. */
export const SIGNED_TOKEN_LENGTH_MAX = 2048;
