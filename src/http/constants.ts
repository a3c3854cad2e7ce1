// Times are in seconds.

/** The `Retry-After` of an answer that a store's failure caused. */
export const STORE_RETRY_AFTER = 2;

/** The `Retry-After` of an answer to a client whose remote keys could not be fetched. */
export const REMOTE_RETRY_AFTER = 5;
