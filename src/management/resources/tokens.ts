import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_LENGTH_MAX, ACCESS_TOKEN_TTL_MAX, CLIENT_ID_LENGTH_MAX, CLOCK_SKEW } from '../../constants.ts';
import { Redacted } from '../../log/redacted.ts';
import { type Client, findClientRow, revokeClientTokens } from '../../store/clients.ts';
import { isUnavailable } from '../../store/errors.ts';
import { generateId } from '../../store/id.ts';
import { listOf } from '../../store/sql.ts';
import { verifyAccessToken } from '../../tokens/verify.ts';
import { JTI_LENGTH_MAX } from '../constants.ts';
import { ClientIdParams, Revoked, Time, time } from '../fields/schemas.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { invalid, ProblemError } from '../http/problem.ts';
import { actionRouteFor, None } from '../http/routes.ts';
import { commit, commitOrKeep, withActor } from '../write/commit.ts';

const Revocation = z
  .strictObject({
    token: z
      .string()
      .min(1)
      .max(ACCESS_TOKEN_LENGTH_MAX)
      .transform((token) => new Redacted(token))
      .optional(),
    jti: z
      .string()
      .max(JTI_LENGTH_MAX)
      .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
      .optional(),
    client_id: z.string().max(CLIENT_ID_LENGTH_MAX).optional(),
    expires_at: Time.optional().openapi({ description: 'The token’s `exp`.' }),
  })
  .refine(
    ({ token, ...named }) => {
      const given = Object.values(named).filter((value) => value !== undefined).length;
      return token === undefined ? given === 3 : given === 0;
    },
    { error: 'takes either `token`, or all of `jti`, `client_id` and `expires_at`' },
  )
  .openapi('TokenRevocation');

const revokeTokenRoute = actionRouteFor(
  {
    path: '/tokens/revoke',
    requires: 'tokens:revoke',
    tag: 'Tokens',
    summary: 'Revoke a token',
    description:
      'By the token itself, or by what names it. The very next introspection sees it, where that is not at the edge.',
  },
  None,
  Revocation,
  Revoked,
);

const revokeTokensRoute = actionRouteFor(
  {
    path: '/clients/{client_id}/revoke-tokens',
    requires: 'tokens:revoke',
    tag: 'Clients',
    summary: 'Revoke every token issued so far to the client',
  },
  ClientIdParams,
  None,
  Revoked,
);

const REVOKED = { revoked: true as const };

interface Named {
  readonly jti: string;
  readonly clientId: string;
  /** undefined where D1 is gone, and only the client's gate can tell. */
  readonly organizationId: string | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Mounts `/tokens` below `/v1`. */
export function tokens(app: ManagementApp): void {
  app.openapi(revokeTokenRoute, async (context) => {
    const { services } = context.var;
    const { token, jti = '', client_id = '', expires_at = '' } = context.req.valid('json');
    const now = Date.now();
    const named =
      token === undefined
        ? await findNamed(context, { jti, clientId: client_id, expiresAt: Date.parse(expires_at) / 1000 }, now)
        : await readToken(context, token, now);
    const { clientId, organizationId, expiresAt } = named;
    // Durable at the gate first: if the event cannot be kept the answer is an error, and all of it can be done again.
    const { outcome } = await services.gates.revokeToken({
      client_id: clientId,
      jti: named.jti,
      expires_at: expiresAt,
      must_exist: organizationId === undefined,
    });
    if (outcome === 'unknown_client') throw unknownClient();
    return commitOrKeep(context, clientId, {
      event: {
        at: now,
        organizationId,
        action: 'token.revoked',
        target: clientId,
        changes: { jti: named.jti, expires_at: time(expiresAt * 1000) },
      },
      body: REVOKED,
    });
  });

  app.openapi(revokeTokensRoute, async (context) => {
    const { client_id } = context.req.valid('param');
    const client = await findVisible(context, client_id);
    if (client === undefined) throw new ProblemError('not_found');
    if (client !== 'd1 gone') return revokeByRecord(context, client);
    await revokeByGate(context, client_id);
    return context.json(REVOKED, 200);
  });
}

/** As a change of the client's record, which its gate is then pushed. @throws StoreUnavailableError */
function revokeByRecord(context: ManagementContext, { clientId, organizationId }: Client) {
  return commit(context, {
    event: { ...allRevoked(clientId), organizationId },
    affectedClients: listOf([clientId]),
    statements: revokeClientTokens(context.var.services.db, clientId),
    status: 200,
    body: REVOKED,
  });
}

/** @throws ProblemError `not_found`; StoreUnavailableError */
async function revokeByGate(context: ManagementContext, clientId: string): Promise<void> {
  const event = withActor(context, { id: generateId('evt'), ...allRevoked(clientId) });
  const { outcome } = await context.var.services.gates.cutOff({ client_id: clientId, event });
  if (outcome === 'unknown_client') throw new ProblemError('not_found');
}

function allRevoked(clientId: string) {
  return { at: Date.now(), action: 'client.tokens_revoked', target: clientId, changes: {} };
}

/** @throws ProblemError `not_found` for a client that is not there, or another organization's */
async function findNamed(
  context: ManagementContext,
  { jti, clientId, expiresAt }: Omit<Named, 'organizationId'>,
  now: number,
): Promise<Named> {
  if (expiresAt > now / 1000 + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW) {
    throw invalid({ pointer: '/expires_at', detail: 'No token lasts that long.' });
  }
  const client = await findVisible(context, clientId);
  if (client === undefined) throw unknownClient();
  const organizationId = client === 'd1 gone' ? undefined : client.organizationId;
  return { jti, clientId, organizationId, expiresAt: Math.ceil(expiresAt) };
}

/**
 * The client, where the administrator may see it. The root key may see every client that there is, so that with D1 gone the client's gate
 * can be asked instead.
 * @throws StoreUnavailableError
 */
async function findVisible(
  { var: { services, administrator } }: ManagementContext,
  clientId: string,
): Promise<Client | 'd1 gone' | undefined> {
  try {
    const client = await findClientRow(services.db, clientId);
    return client && sees(administrator, client.organizationId) ? client : undefined;
  } catch (error) {
    if (administrator.kind === 'root' && isUnavailable(error, 'd1')) return 'd1 gone';
    throw error;
  }
}

function unknownClient(): ProblemError {
  return new ProblemError('not_found', { errors: [{ pointer: '/client_id', detail: 'There is no such client.' }] });
}

/** @throws ProblemError `invalid` for what is no token that stands, or another organization's */
async function readToken(
  { var: { services, administrator } }: ManagementContext,
  token: Redacted,
  now: number,
): Promise<Named> {
  const claims = await verifyAccessToken(services, token, now);
  if (!claims || !sees(administrator, claims.org_id)) {
    const detail = 'This must be a token of this issuer that has not expired, of a client that you manage.';
    throw invalid({ pointer: '/token', detail });
  }
  return { jti: claims.jti, clientId: claims.client_id, organizationId: claims.org_id, expiresAt: claims.exp };
}
