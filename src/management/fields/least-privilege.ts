import { z } from '@hono/zod-openapi';
import { UNUSED_FOR_DEFAULT, UNUSED_FOR_MAX } from '../constants.ts';
import type { JudgedRole, JudgedScope } from '../least-privilege/judge.ts';
import type { JudgedClient } from '../least-privilege/observe.ts';
import { etag } from '../write/preconditions.ts';
import { Grant, Grants, OrganizationId, queryNumber, RequestTime, Time, time, timeOrNull } from './schemas.ts';

/** The days of a query for which a scope must not have been used. */
export const UnusedFor = queryNumber(UNUSED_FOR_MAX)
  .default(UNUSED_FOR_DEFAULT)
  .openapi({
    type: 'integer',
    minimum: 1,
    maximum: UNUSED_FOR_MAX,
    default: UNUSED_FOR_DEFAULT,
    description: `For how many days a scope must not have been used to be called unused. Default: ${UNUSED_FOR_DEFAULT}.`,
  });

const HOURLY = 'The beginning of that hour. Null if never since `observed_since`, or if it is not known.';

const ScopeStatus = z
  .object({
    resource_server: z.string().openapi({
      description: 'The resource server, by identifier.',
      example: 'https://api.example.com/orders',
    }),
    scope: z
      .string()
      .nullable()
      .openapi({ description: 'The scope. Null for a grant without scopes.', example: 'orders:write' }),
    direct: z.boolean().openapi({ description: 'Whether `grants` of the client has it.' }),
    roles: z.array(z.string()).openapi({ description: 'The roles of the client that grant it.' }),
    last_requested_at: Time.nullable().openapi({
      description: `When a token request last named it, even one that was refused for another scope. ${HOURLY}`,
    }),
    last_issued_at: Time.nullable().openapi({
      description: `When a token was last issued with it. A request that names no scopes gets all that are granted, so this shows no need for it. ${HOURLY}`,
    }),
    last_introspected_at: Time.nullable().openapi({
      description: `When an introspection that asked the gate last named it: in its \`scope\`, or, without that, as one of the token’s scopes. ${HOURLY}`,
    }),
    status: z.enum(['used', 'unused', 'unknown']).openapi({
      description:
        '`used`: it was requested or introspected by name in the last `unused_for` days. `unused`: it certainly was not used in that time. `unknown`: neither is certain; see `reason`.',
    }),
    unused_since: Time.nullable().openapi({
      description:
        'Since when it certainly was not used: the end of the hour of its last use, or the expiry of its last token, or the beginning of the observation. Null unless it is `unused`.',
    }),
    reason: z
      .string()
      .nullable()
      .openapi({
        description:
          'Why it is `unknown`. `issued_unnamed`: tokens have it whose requests named no scopes. `observed_too_briefly`: it was granted, or the ' +
          'observation began, less than `unused_for` days ago. `gate_unavailable`: the client’s gate did not answer. `gate_older`: the gate runs an ' +
          'older version. `gate_behind`: the gate does not have the client’s last change yet. `too_many_scopes`: the client uses more scopes than are ' +
          'noted one by one. Otherwise null.',
      }),
  })
  .openapi('ScopeStatus');

const UnusedRole = z
  .object({
    id: z.string().openapi({ description: 'The id of the role.', example: 'role_0fUpztcxpS5hu03LvaKcXm' }),
    name: z.string().openapi({ description: 'The name of the role.', example: 'order-reader' }),
    shared: z.boolean().openapi({
      description: 'Whether other clients have it too: `GET /v1/clients?role=…` lists them.',
    }),
    unused: z.array(Grant).openapi({ description: 'What it grants and the client does not use.' }),
    suggestion: z.enum(['remove_from_client', 'split_role', 'edit_role']).openapi({
      description:
        '`remove_from_client`: the client uses nothing that the role grants. Take it away unless a resource server goes by the name in the ' +
        'claim `roles`. `edit_role`: no other client has the role, so remove the scopes from it. `split_role`: others have it, so give this client ' +
        'another role, or grants of its own.',
    }),
  })
  .openapi('UnusedRole');

/** The judgement of a client's scopes. */
export const LeastPrivilege = z
  .object({
    client_id: z
      .string()
      .openapi({ description: 'The id of the client.', example: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH' }),
    client_name: z.string().openapi({ description: 'Its name for people.', example: 'Invoice worker' }),
    organization_id: OrganizationId,
    etag: z.string().openapi({ description: 'The version of the client, for `If-Match`.', example: '"41"' }),
    judged_at: Time.openapi({ description: 'When this was judged.' }),
    unused_since: Time.openapi({ description: 'What was not used since this time is `unused`.' }),
    observed_since: Time.nullable().openapi({
      description:
        'Since when the client’s gate notes what is used: nothing is known of before. Null if the gate cannot tell.',
    }),
    scopes: z.array(ScopeStatus).openapi({ description: 'Every scope that the client is granted.' }),
    roles: z.array(UnusedRole).openapi({
      description: 'The roles of the client that grant it more than it uses. No patch changes roles.',
    }),
    patch: z.object({ grants: z.array(Grant).optional() }).openapi({
      description:
        'The JSON merge patch for `PATCH /v1/clients/{client_id}` that removes what is unused from the client’s own `grants`. Empty if there is nothing to remove.',
    }),
  })
  .openapi('LeastPrivilege');

/** The body of the request that applies such a patch. */
export const LeastPrivilegeApplication = z
  .strictObject({
    unused_since: RequestTime.openapi({ description: 'The `unused_since` of the judgement, at least a day ago.' }),
    patch: z
      .strictObject({ grants: Grants.removeDefault() })
      .openapi({ description: 'The `patch` of the judgement, or one that removes less.' }),
  })
  .openapi('LeastPrivilegeApplication');

/** Returns the representation of a judged client. @param now and @param unusedSince milliseconds since the epoch */
export function showLeastPrivilege({ client, judgement }: JudgedClient, unusedSince: number, now: number) {
  const { observedSince, scopes, roles, needed } = judgement;
  const isChanged = JSON.stringify(needed) !== JSON.stringify(client.grants);
  return {
    client_id: client.clientId,
    client_name: client.clientName,
    organization_id: client.organizationId,
    etag: etag(client.version),
    judged_at: time(now),
    unused_since: time(unusedSince),
    observed_since: timeOrNull(observedSince),
    scopes: scopes.map(showScope),
    roles: roles.map(showRole),
    patch: isChanged ? { grants: needed.map(({ resource_server, scopes }) => ({ resource_server, scopes })) } : {},
  };
}

function showScope(judged: JudgedScope) {
  return {
    resource_server: judged.resource,
    scope: judged.scope,
    direct: judged.isDirect,
    roles: [...judged.roles],
    last_requested_at: timeOrNull(judged.requestedAt),
    last_issued_at: timeOrNull(judged.issuedAt),
    last_introspected_at: timeOrNull(judged.introspectedAt),
    status: judged.status,
    unused_since: timeOrNull(judged.unusedSince),
    reason: judged.doubt,
  };
}

function showRole({ id, name, isShared, unused, suggestion }: JudgedRole) {
  return { id, name, shared: isShared, unused: unused.map((grant) => ({ ...grant })), suggestion };
}
