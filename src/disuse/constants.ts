import { LAST_USED_PRECISION } from '../constants.ts';

// Times are in seconds unless the name says otherwise.

/**
 * How much later than its recorded last use a client or secret may really have been used. Only after that much more time does it count as
 * unused for some days.
 */
export const USE_PRECISION = LAST_USED_PRECISION;

/**
 * How long a policy for unused clients warns before it disables: after it was set or its days were changed, and after a client was
 * reported, unless its days are closer together.
 */
export const DISABLING_NOTICE = 7 * 86_400;

/** How often the clients of an organization with a policy are looked through. The policy counts in days. */
export const UNUSED_CHECK_INTERVAL = 3600;

/** The most rows of clients that one page of a look through reads from the index of last uses. */
export const UNUSED_PAGE = 500;

/** The most clients of one page whose gates are asked, and how many gates are asked at once. A gate that does not answer takes 5 s. */
export const GATES_ASKED_PER_PAGE = 100;
export const GATES_ASKED_AT_ONCE = 25;

/** The most pages of one run of the scheduled handler: 70 D1 statements if clients are reported on each. A run may have a thousand. */
export const UNUSED_PAGES_PER_RUN = 10;

/** The most clients that one run disables: about 100 D1 statements, and 14,400 clients a day. */
export const DISABLED_PER_RUN = 10;

/** After how much time a run begins no further page, milliseconds. The tasks after it, and the next run, must not wait for it. */
export const UNUSED_RUN_MS = 15_000;

/** How long a secondary secret must be unused before it is reported. A job that runs once a week uses it in this time. */
export const SECRET_DISUSE_NOTICE = 8 * 86_400;

/** After how much time a gate that did not answer is asked about a secret again. */
export const SECRET_RETRY = 3600;

/** The most secondary secrets that one run looks at. */
export const QUIET_SECRETS_PER_RUN = 100;
