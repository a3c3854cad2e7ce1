/** How many clients a bulk change changes at the same time: few enough that it does not slow down other administrators. */
export const REQUESTS_AT_ONCE = 4;
/** How often a bulk change tries one client. */
export const TRIES_MAX = 4;
/** The longest pause before the next try, in seconds. */
export const WAIT_MAX_S = 10;
/** How many clients are disabled at once without their number being typed. */
export const UNCONFIRMED_MAX = 5;
/** How many names a dialog lists. */
export const NAMES_SHOWN = 50;
/** How many clients the page asks for at once, and wants to show before it stops to look by itself. */
export const PAGE_SIZE = 50;
/**
 * How many pages the list reads by itself if they have few matches: each one checks a bounded number of clients. After that a button
 * continues.
 */
export const PAGES_BY_ITSELF = 5;
/** How long the name must not have been typed at before it is searched for, in milliseconds. */
export const TYPING_PAUSE_MS = 250;
