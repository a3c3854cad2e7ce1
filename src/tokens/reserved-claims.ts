import { foldedForm } from '../lib/folded-form.ts';

// Claim names that mean something to the verifiers in use. A client that could choose their values could give itself rights, or the
// identity of another one. Names are compared in their comparable form, because verifiers compare without case (Go, .NET), normalize or
// trim.

/**
 * Claims that this service writes, or whose meaning a standard fixes: RFC 7519, 9068, 9396, 8693, 7800, OpenID Connect, and introspection.
 */
export const REGISTERED_CLAIMS = [
  ...[
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'roles',
    'org_id',
    'authorization_details',
  ],
  ...['cnf', 'act', 'may_act', 'azp', 'sid', 'auth_time', 'acr', 'amr', 'nonce', 'events', 'status'],
  ...['active', 'token_type', 'username'],
] as const;

/** Other names of `scope`: Spring Security and AWS read `scp`, .NET maps it to the URI. */
const OTHER_SCOPES = ['scp', 'http://schemas.microsoft.com/identity/claims/scope'] as const;

/** Permissions, roles and groups, by the names that other providers gave them and that verifiers read without being told. */
const PERMISSIONS = [
  // .NET, Spring Security, Auth0, Okta and Kubernetes; RFC 9068 section 2.2.3.1.
  ...['role', 'permission', 'permissions', 'authority', 'authorities', 'privileges', 'scopes'],
  ...['group', 'groups', 'entitlements'],
  // Keycloak, Amazon Cognito, Microsoft Entra, Supabase and Hasura.
  ...['realm_access', 'resource_access', 'cognito:groups', 'cognito:roles', 'cognito:preferred_role'],
  ...['wids', 'hasgroups', '_claim_names', '_claim_sources', 'app_metadata', 'https://hasura.io/jwt/claims'],
  // The names to which .NET maps them.
  ...[
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups',
    'http://schemas.xmlsoap.org/claims/Group',
  ],
] as const;

/** The client, its user or its organization by another name than `client_id`, `sub` and `org_id`. */
const IDENTITIES = [
  // Microsoft Entra, Okta, Keycloak and UAA.
  ...['tid', 'oid', 'appid', 'upn', 'unique_name', 'cid', 'uid', 'clientId', 'organization', 'org_name'],
  ...['user_id', 'user_name', 'preferred_username', 'email', 'email_verified', 'phone_number', 'phone_number_verified'],
  // The names to which .NET maps them.
  ...[
    'http://schemas.microsoft.com/identity/claims/tenantid',
    'http://schemas.microsoft.com/identity/claims/objectidentifier',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn',
  ],
] as const;

/** The kind and use of the token: Amazon Cognito, Microsoft Entra and Keycloak verifiers decide by these. */
const KINDS = ['token_use', 'idtyp', 'appidacr', 'azpacr', 'typ', 'allowed-origins'] as const;

/** Reserved claims that the owner of a resource server may accept from clients: some APIs want them. */
export const ACCEPTABLE_CLAIMS = [...PERMISSIONS, ...IDENTITIES, ...KINDS] as const;

export type AcceptableClaim = (typeof ACCEPTABLE_CLAIMS)[number];

const REGISTERED_NAMES: ReadonlySet<string> = new Set(REGISTERED_CLAIMS);
const UNACCEPTABLE: ReadonlySet<string> = new Set([...REGISTERED_CLAIMS, ...OTHER_SCOPES].map(foldedForm));
const ACCEPTABLE: ReadonlySet<string> = new Set(ACCEPTABLE_CLAIMS.map(foldedForm));

/** Whether this is exactly the name of a claim that this service writes, or that a standard defines. */
export function isRegisteredClaim(name: string): boolean {
  return REGISTERED_NAMES.has(name);
}

/**
 * Returns how a claim name is reserved: `never` if no client may set it, `unless_accepted` if a client may set it for a resource server
 * that accepts it; undefined if it is not reserved.
 */
export function reservationOf(name: string): 'never' | 'unless_accepted' | undefined {
  const form = foldedForm(name);
  if (UNACCEPTABLE.has(form)) return 'never';
  return ACCEPTABLE.has(form) ? 'unless_accepted' : undefined;
}
