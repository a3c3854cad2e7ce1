import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_LENGTH_MAX, ACCESS_TOKEN_TTL_MAX, CLIENT_ID_LENGTH_MAX, CLOCK_SKEW } from '../../constants.ts';
import { isInstanceAdministrator } from '../../credentials/administrator.ts';
import { Redacted } from '../../log/redacted.ts';
import { type Client, findClientRow, revokeClientTokens } from '../../store/clients.ts';
import { isUnavailable } from '../../store/errors.ts';
import { generateId } from '../../store/id.ts';
import { listOf } from '../../store/sql.ts';
import { verifyAccessToken } from '../../tokens/verify.ts';
import { TOKEN_JTI_LENGTH_MAX } from '../constants.ts';
import { ClientIdParams, RequestTime, Revoked, time } from '../fields/schemas.ts';
import { text } from '../fields/text.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { invalid, NO_SUCH_FIELD, ProblemError } from '../http/problem.ts';
import { actionRouteFor, None } from '../http/routes.ts';
import { commit, commitOrKeep, withActor } from '../write/commit.ts';

const ByText = z.strictObject({
  token: text({ min: 1, max: ACCESS_TOKEN_LENGTH_MAX })
    .transform((token) => new Redacted(token))
    .openapi({ description: 'The access token.' }),
});
const ByParts = z.strictObject({
  jti: z
    .string()
    .max(TOKEN_JTI_LENGTH_MAX)
    .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
    .openapi({ description: 'The `jti` of the token.' }),
  client_id: text({ min: 1, max: CLIENT_ID_LENGTH_MAX }).openapi({ description: 'The client of the token.' }),
  expires_at: RequestTime.openapi({ description: 'When the token expires (`exp`).' }),
});

// Checked first, because a union does not say what is wrong with the fields of its members.
const Fields = z
  .strictObject({ ...ByText.shape, ...ByParts.shape })
  .partial()
  .refine(
    ({ token, ...named }) => {
      const count = Object.values(named).filter((value) => value !== undefined).length;
      return token === undefined ? count === 3 : count === 0;
    },
    { error: 'must have either `token`, or all of `jti`, `client_id` and `expires_at`' },
  );

const Revocation = z
  .preprocess(
    (body, context) => {
      const { error } = Fields.safeParse(body);
      for (const issue of error?.issues ?? []) {
        const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
        for (const name of unknown) context.addIssue({ code: 'custom', path: [name], message: NO_SUCH_FIELD });
        if (unknown.length === 0) context.addIssue({ code: 'custom', path: issue.path, message: issue.message });
      }
      return body;
    },
    z.union([ByText, ByParts]).openapi({}, { unionPreferredType: 'oneOf' }),
  )
  .openapi('TokenRevocation');

const revokeTokenRoute = actionRouteFor(
  {
    path: '/tokens/revoke',
    requires: 'tokens:revoke',
    tag: 'Tokens',
    summary: 'Revoke a token',
    description:
      'Revokes a token by its text, or by its `jti`, client and expiry. The next strong introspection sees it; introspection with `edge` may see it a minute or more later.',
  },
  None,
  Revocation,
  Revoked,
);

const revokeClientTokensRoute = actionRouteFor(
  {
    path: '/clients/{client_id}/revoke-tokens',
    requires: 'tokens:revoke',
    tag: 'Clients',
    summary: 'Revoke all tokens issued to a client so far',
  },
  ClientIdParams,
  None,
  Revoked,
);

const REVOKED = { revoked: true as const };

/** The token that a request names. */
interface NamedToken {
  readonly jti: string;
  readonly clientId: string;
  /** Undefined if D1 is unavailable: then only the client's gate knows whether the client exists. */
  readonly organizationId: string | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** Undefined if the request names the token by its parts: nothing then shows that it is the client's. */
  readonly audience?: string;
}

/** Mounts `/tokens` below `/v1`. */
export function tokens(app: ManagementApp): void {
  app.openapi(revokeTokenRoute, async (context) => {
    const { services } = context.var;
    const body = context.req.valid('json');
    const now = Date.now();
    const named =
      'token' in body ? await readToken(context, body.token, now) : await findNamedToken(context, body, now);
    const { clientId, organizationId, expiresAt, audience } = named;
    // The gate stores the revocation first. If the audit event cannot be stored, the answer is an error and a retry is safe.
    const { outcome } = await services.gates.revokeToken({
      client_id: clientId,
      jti: named.jti,
      expires_at: expiresAt,
      must_exist: organizationId === undefined,
      ...(audience !== undefined && { audience }),
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

  app.openapi(revokeClientTokensRoute, async (context) => {
    const { client_id } = context.req.valid('param');
    const client = await findVisible(context, client_id);
    if (client === undefined) throw new ProblemError('not_found');
    if (client !== 'd1 unavailable') return revokeByRecord(context, client);
    await revokeByGate(context, client_id);
    return context.json(REVOKED, 200);
  });
}

/** Revokes a client's tokens by a change of its record in D1, which is then pushed to its gate. @throws StoreUnavailableError */
function revokeByRecord(context: ManagementContext, { clientId, organizationId }: Client) {
  return commit(context, {
    event: { ...allTokensRevoked(clientId), organizationId },
    affectedClients: listOf([clientId]),
    statements: revokeClientTokens(context.var.services.db, clientId),
    status: 200,
    body: REVOKED,
  });
}

/** Revokes a client's tokens at its gate, for when D1 is unavailable. @throws ProblemError `not_found`; StoreUnavailableError */
async function revokeByGate(context: ManagementContext, clientId: string): Promise<void> {
  const event = withActor(context, { id: generateId('evt'), ...allTokensRevoked(clientId) });
  const { outcome } = await context.var.services.gates.cutOff({ client_id: clientId, event });
  if (outcome === 'unknown_client') throw new ProblemError('not_found');
}

function allTokensRevoked(clientId: string) {
  return { at: Date.now(), action: 'client.tokens_revoked' as const, target: clientId, changes: {} };
}

/**
 * Returns the token that a request names by its parts.
 * @throws ProblemError `not_found` if the client is unknown or another organization's
 */
async function findNamedToken(
  context: ManagementContext,
  { jti, client_id: clientId, expires_at }: z.infer<typeof ByParts>,
  now: number,
): Promise<NamedToken> {
  const expiresAt = Date.parse(expires_at) / 1000;
  if (expiresAt > now / 1000 + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW) {
    throw invalid({
      pointer: '/expires_at',
      detail: `\`expires_at\` is too far ahead: a token lives at most ${ACCESS_TOKEN_TTL_MAX} seconds.`,
    });
  }
  const client = await findVisible(context, clientId);
  if (client === undefined) throw unknownClient();
  const organizationId = client === 'd1 unavailable' ? undefined : client.organizationId;
  return { jti, clientId, organizationId, expiresAt: Math.ceil(expiresAt) };
}

/**
 * Returns a client that the administrator may see, or undefined. The root key may see every client, so with D1 unavailable the client's
 * gate can be asked instead.
 * @throws StoreUnavailableError
 */
async function findVisible(
  { var: { services, administrator } }: ManagementContext,
  clientId: string,
): Promise<Client | 'd1 unavailable' | undefined> {
  try {
    const client = await findClientRow(services.db, clientId);
    return client && sees(administrator, client.organizationId) ? client : undefined;
  } catch (error) {
    if (isInstanceAdministrator(administrator) && isUnavailable(error, 'd1')) return 'd1 unavailable';
    throw error;
  }
}

function unknownClient(): ProblemError {
  return new ProblemError('not_found', { errors: [{ pointer: '/client_id', detail: 'There is no such client.' }] });
}

/**
 * Verifies the token of a request.
 * @throws ProblemError `invalid` if it is not a valid token of an organization that the administrator may see
 */
async function readToken(
  { var: { services, administrator } }: ManagementContext,
  token: Redacted,
  now: number,
): Promise<NamedToken> {
  const claims = await verifyAccessToken(services, token, now);
  if (!claims || !sees(administrator, claims.org_id)) {
    const detail =
      '`token` must be an access token of this issuer that has not expired, issued to a client that you manage.';
    throw invalid({ pointer: '/token', detail });
  }
  const { jti, client_id: clientId, org_id: organizationId, exp: expiresAt, aud: audience } = claims;
  return { jti, clientId, organizationId, expiresAt, audience };
}
