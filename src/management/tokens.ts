import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_LENGTH_MAX, ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import { findClientRow } from '../store/clients.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { sees } from './authorization.ts';
import { commit } from './commit.ts';
import type { ManagementApp, ManagementContext } from './context.ts';
import { invalid, ProblemError } from './problem.ts';
import { does, None } from './routes.ts';
import { Revoked, Time, time } from './schemas.ts';

const Revocation = z
  .strictObject({
    token: z.string().min(1).max(ACCESS_TOKEN_LENGTH_MAX).optional(),
    jti: z
      .string()
      .max(100)
      .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
      .optional(),
    client_id: z.string().max(300).optional(),
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

const revokeToken = does(
  {
    path: '/tokens/revoke',
    takes: 'tokens:revoke',
    tag: 'Tokens',
    summary: 'Revoke a token',
    description: 'By the token itself, or by what names it. The very next introspection sees it.',
  },
  None,
  Revocation,
  Revoked,
);

interface Named {
  readonly jti: string;
  readonly clientId: string;
  readonly organizationId: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Mounts `/tokens` below `/v1`. */
export function tokens(app: ManagementApp): void {
  app.openapi(revokeToken, async (context) => {
    const { services } = context.var;
    const { token, jti = '', client_id = '', expires_at = '' } = context.req.valid('json');
    const now = Date.now();
    const named =
      token === undefined
        ? await findNamed(context, { jti, clientId: client_id, expiresAt: Date.parse(expires_at) / 1000 }, now)
        : await readToken(context, token, now);
    const { clientId, organizationId, expiresAt } = named;
    // Durable at the gate first: if the event cannot be written the answer is an error, and all of it can be done again.
    await services.gates.revokeToken({ client_id: clientId, jti: named.jti, expires_at: expiresAt });
    return commit(context, {
      event: {
        at: now,
        organizationId,
        action: 'token.revoked',
        target: clientId,
        changes: { jti: named.jti, expires_at: time(expiresAt * 1000) },
      },
      statements: [],
      status: 200,
      body: { revoked: true as const },
    });
  });
}

/** @throws ProblemError `not_found` for a client that is not there, or another organization's */
async function findNamed(
  { var: { services, administrator } }: ManagementContext,
  { jti, clientId, expiresAt }: Omit<Named, 'organizationId'>,
  now: number,
): Promise<Named> {
  if (expiresAt > now / 1000 + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW) {
    throw invalid({ pointer: '/expires_at', detail: 'No token lasts that long.' });
  }
  const client = await findClientRow(services.db, clientId);
  if (!client || !sees(administrator, client.organizationId)) {
    throw new ProblemError('not_found', { errors: [{ pointer: '/client_id', detail: 'There is no such client.' }] });
  }
  return { jti, clientId, organizationId: client.organizationId, expiresAt: Math.ceil(expiresAt) };
}

/** @throws ProblemError `invalid` for what is no token that stands, or another organization's */
async function readToken(
  { var: { services, administrator } }: ManagementContext,
  token: string,
  now: number,
): Promise<Named> {
  const claims = await verifyAccessToken(services, token, now);
  if (!claims || !sees(administrator, claims.org_id)) {
    const detail = 'This must be a token of this issuer that has not expired, of a client that you manage.';
    throw invalid({ pointer: '/token', detail });
  }
  return { jti: claims.jti, clientId: claims.client_id, organizationId: claims.org_id, expiresAt: claims.exp };
}
