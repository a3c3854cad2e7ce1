import type { KeyHolder } from './api-key.ts';

/** A session of the console, through which a request came. */
export interface SessionInfo {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The API key on which the session depends; null if it depends on the configuration. */
  readonly apiKeyId: string | null;
  /** The keyed hash that the session ends with. */
  readonly credential: string;
}

/** A person whom Cloudflare Access identified, and who may do everything. */
interface InstancePerson {
  readonly kind: 'person';
  /** The mail address, or the name of a service token. */
  readonly name: string;
  readonly organizationId: null;
}

/** What an administrator of one organization may do. */
interface Rights {
  readonly organizationId: string;
  readonly scopes: readonly string[];
  /** What the administrator creates must end by then, milliseconds since the epoch; null for no end. */
  readonly expiresAt: number | null;
}

/** A person whom Cloudflare Access identified, and whom a rule gives scopes in an organization. */
interface OrganizationPerson extends Rights {
  readonly kind: 'person';
  readonly name: string;
}

/** A user who signed in by a portal link. */
export interface PortalUser extends Rights {
  readonly kind: 'portal';
  /** The id of the link. */
  readonly id: string;
  readonly name: string | null;
  readonly returnUrl: string;
}

type Identity = KeyHolder | InstancePerson | OrganizationPerson | PortalUser;

/** The authenticated administrator of a request. */
export type Administrator = Identity & {
  /** Absent for a request with a key. */
  readonly session?: SessionInfo;
};

/** An administrator who may do everything, in every organization. */
export type InstanceAdministrator = Extract<Administrator, { kind: 'root' } | { organizationId: null }>;

/** Whether the administrator may do everything, in every organization. Others belong to one organization. */
export function isInstanceAdministrator(administrator: Administrator): administrator is InstanceAdministrator {
  return administrator.kind === 'root' || administrator.organizationId === null;
}
