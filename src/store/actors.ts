// Who audit events say it was, besides API keys and clients by their ids. No client can bring one of these along as its client_id.

/** The holder of the root key. */
export const ROOT = 'root';
/** Somebody who reported a leaked secret. */
export const LEAK_REPORT = 'leak-report';
/** The service, which held attempts back. */
export const ATTEMPT_FILTER = 'attempt-filter';

/** The service, by its scheduled handler. No client_id has a colon. */
export const SCHEDULE = 'service:schedule';

export const ACTORS = [ROOT, LEAK_REPORT, ATTEMPT_FILTER] as const;
