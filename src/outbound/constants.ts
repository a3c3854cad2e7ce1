/** The longest URL that is fetched, in characters. */
export const OUTBOUND_URL_LENGTH_MAX = 2048;

/** The lowest port that a URL may name besides 443: those below belong to other services of a host. */
export const OUTBOUND_PORT_MIN = 1024;
