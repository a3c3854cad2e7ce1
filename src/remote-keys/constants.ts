// Times are in seconds unless the name says otherwise.

/** The largest remote document, after decompression. Twenty RSA keys with a certificate each fit. */
export const REMOTE_BODY_LIMIT_BYTES = 64 * 1024;

/** How long fetching a document may take, from the request to the last byte. */
export const REMOTE_DEADLINE_MS = 3000;

/** How long a request waits for keys that are being fetched: for an issuer, two documents one after the other, and a margin. */
export const REMOTE_WAIT_MAX_MS = 2 * REMOTE_DEADLINE_MS + 1000;

/** The age from which cached keys are refreshed in the background. */
export const REMOTE_KEYS_REFRESH_AGE = 600;

/** The age from which a request waits for the refresh. Keys in use are refreshed long before. */
export const REMOTE_KEYS_AWAIT_REFRESH_AGE = 2 * REMOTE_KEYS_REFRESH_AGE;

/** How long cached keys stay usable while their source fails. */
export const REMOTE_KEYS_AGE_MAX = 6 * 3600;

/** How long a source is not fetched again for a key that it did not have. */
export const REMOTE_KEYS_REFETCH_MIN = 10;

/** The back-off after a source's first failure. It doubles with each further failure, and up to half of it is added at random. */
export const REMOTE_BACK_OFF_MIN = 1;

/** The longest back-off, before the random part. */
export const REMOTE_BACK_OFF_MAX = 60;

/** How many documents of one host must fail, and none succeed, before no other is fetched from it until a back-off ends. */
export const REMOTE_HOST_FAILURES = 3;

/** The most keys of a set that are read. Keys beyond it are ignored. */
export const REMOTE_KEYS_MAX = 50;

/** The most keys that one signature is tried with if the token names no key, or several keys have the same name. */
export const REMOTE_KEYS_TRIED = 4;

/**
 * How many sources an isolate caches with their keys, and as many whose keys it could not fetch. When there are more, the organization
 * with the most loses its oldest one.
 */
export const REMOTE_SOURCES_MAX = 500;

/** The most sources that one request fetches. A repeat of it uses what was fetched, and goes on with the next ones. */
export const REMOTE_SOURCES_PER_REQUEST = 3;
