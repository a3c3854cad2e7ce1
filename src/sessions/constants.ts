import { CLIENT_ID_LENGTH_MAX } from '../constants.ts';

// Times are in seconds.

/** How long a session lasts at most: a working day. */
export const SESSION_AGE = 8 * 3600;

/** How long a session with the root key lasts: as long as one task takes. */
export const ROOT_SESSION_AGE = 15 * 60;

/** How many sessions one key or person can have. A further one ends the oldest. */
export const SESSIONS_PER_ACTOR = 50;

/** How many sessions from portal links an organization can have. A further one ends the oldest. */
export const PORTAL_SESSIONS_PER_ORGANIZATION = 1000;

/** The largest body of a sign-in. An API key or a link's token fits many times over. */
export const SIGN_IN_BODY_LIMIT_BYTES = 4096;

/** The longest mail address or name of a service token, in characters: an actor in the audit log is as long as a client_id at most. */
export const PERSON_NAME_LENGTH_MAX = CLIENT_ID_LENGTH_MAX - 'person:'.length;

/** How far the clock of Cloudflare Access may be off. */
export const ACCESS_SKEW = 30;
