// Times are in seconds.

/** The `Retry-After` of an answer that a store's failure caused. */
export const STORE_RETRY_AFTER = 2;

/** The `Retry-After` of an answer to a client whose remote keys could not be fetched. */
export const REMOTE_RETRY_AFTER = 5;

/** The groups of 16 bits in an IPv6 address (RFC 4291 section 2.2). */
export const IPV6_GROUPS = 8;

/** The groups of an IPv6 address that identify a party: its /64, the smallest network that a provider assigns. */
export const IPV6_NETWORK_GROUPS = 4;
