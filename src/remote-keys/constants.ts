/** The largest document that is read from elsewhere, after decompression: twenty RSA keys with a certificate each fit. */
export const REMOTE_BODY_LIMIT_BYTES = 64 * 1024;

/** How long one may take, from the request to the last byte. */
export const REMOTE_DEADLINE_MS = 3000;

/** How long a request waits for keys that are being asked for: an issuer is asked for two documents, one after the other. */
export const REMOTE_WAIT_MAX_MS = 2 * REMOTE_DEADLINE_MS + 1000;

/** The longest URL that is fetched, in characters. */
export const REMOTE_URL_LENGTH_MAX = 2048;

/** From this age on keys are asked for again, in the background. */
export const REMOTE_KEYS_REFRESH_AGE = 600;

/** From this age on a request waits for them. */
export const REMOTE_KEYS_AWAIT_REFRESH_AGE = 2 * REMOTE_KEYS_REFRESH_AGE;

/** How long keys are believed whose source does not answer any more. */
export const REMOTE_KEYS_AGE_MAX = 6 * 3600;

/** How often at most a source is asked for a key that it did not have. */
export const REMOTE_KEYS_REFETCH_MIN = 10;

/** How long a source that failed is left alone, doubling with each failure up to the maximum; chance adds up to half as much again. */
export const REMOTE_BACK_OFF_MIN = 1;
export const REMOTE_BACK_OFF_MAX = 60;

/** Keys of a set that are looked at; those beyond are as if they were not there. */
export const REMOTE_KEYS_MAX = 50;

/** Keys with which one signature is tried: where none is named, or several have the same name. */
export const REMOTE_KEYS_TRIED = 4;

/** Sources that an isolate remembers, each with no more than fits into a document. */
export const REMOTE_SOURCES_MAX = 500;
