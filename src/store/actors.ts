// The actors of audit events other than API keys and clients, which are named by their ids. No imported client_id may equal one of these.

/** The holder of the root key. */
export const ROOT = 'root';
/** The reporter of a leaked secret. */
export const LEAK_REPORT = 'leak-report';
/** The service itself, when its filter rejects failed attempts. */
export const ATTEMPT_FILTER = 'attempt-filter';

/** The service itself, in its scheduled handler. A client_id has no colon. */
export const SCHEDULE = 'service:schedule';

export const ACTORS = [ROOT, LEAK_REPORT, ATTEMPT_FILTER] as const;
