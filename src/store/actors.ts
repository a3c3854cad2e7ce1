// The actors of audit events other than API keys and clients, which are named by their ids. No imported client_id may equal one of these: it
// has no colon, and `ACTORS` are reserved.

/** The holder of the root key. */
export const ROOT = 'root';
/** The reporter of a leaked secret. */
export const LEAK_REPORT = 'leak-report';
/** The service itself, when its filter rejects failed attempts. */
export const ATTEMPT_FILTER = 'attempt-filter';

/** The service itself, in its scheduled handler. */
export const SCHEDULE = 'service:schedule';
/** The operator of the instance, who restored a backup with `edgemint restore`. */
export const RESTORE = 'service:restore';

/** Returns the actor for a person whom Cloudflare Access identified. @param name the mail address, or the name of a service token */
export function personActor(name: string): string {
  return `person:${name}`;
}

/** Returns the actor for a user who signed in by a portal link. @param id the id of the link */
export function portalActor(id: string): string {
  return `portal:${id}`;
}

export const ACTORS = [ROOT, LEAK_REPORT, ATTEMPT_FILTER] as const;
