import { createRoute, z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { OAUTH_BODY_LIMIT_BYTES } from '../../constants.ts';
import { isLive } from '../../credentials/client-secret.ts';
import { candidateHashes } from '../../credentials/secret-hash.ts';
import { clientAddress } from '../../http/client-address.ts';
import { Redacted } from '../../log/redacted.ts';
import { LEAK_REPORT } from '../../store/actors.ts';
import { expireApiKey, findApiKeyByHash } from '../../store/api-keys.ts';
import { renewClient } from '../../store/renewals.ts';
import { endLeakedSecret, findSecretByHash } from '../../store/secrets.ts';
import { listOf } from '../../store/sql.ts';
import { REPORTED_SECRET_LENGTH_MAX } from '../constants.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { ProblemError, tooLarge } from '../http/problem.ts';
import { json, problem } from '../http/routes.ts';
import { type Commit, commit } from '../write/commit.ts';
import { deliverOwedAbout } from '../write/delivery.ts';

const Secret = z
  .string()
  .min(1)
  .max(REPORTED_SECRET_LENGTH_MAX)
  .transform((secret) => new Redacted(secret));
const Report = z.strictObject({ secret: Secret }).openapi('LeakedSecret');
const Disabled = z.object({ status: z.literal('disabled') }).openapi('DisabledSecret');

const report = createRoute({
  operationId: 'reportLeakedSecret',
  method: 'post',
  path: '/leaked-secrets',
  tags: ['Secrets'],
  summary: 'Report a leaked secret or API key',
  description: 'For whoever finds one. It takes no API key: the secret itself is the proof. It is dead at once.',
  security: [],
  // Whoever has no key may send no more than whoever asks for a token.
  middleware: bodyLimit({ maxSize: OAUTH_BODY_LIMIT_BYTES, onError: tooLarge }),
  request: { body: { required: true, content: { 'application/json': { schema: Report } } } },
  responses: {
    200: json(Disabled, 'It is no longer accepted.'),
    404: problem('This is no secret of this service.'),
    422: problem('A field is not as it must be; `errors` points at it.'),
    429: problem('Too many were reported from here that are none.'),
    503: problem('A store did not answer: try again.'),
  },
});

/** Mounts `/leaked-secrets` below `/v1`, for everybody. */
export function leakedSecrets(app: ManagementApp): void {
  app.openapi(report, async (context) => {
    const { services } = context.var;
    const { secret } = context.req.valid('json');
    const hashes = await candidateHashes(secret, await services.acceptedKeys());
    const address = clientAddress(context.req.raw);
    // Each report costs D1 a query, so those who guess are held back as those who guess at authentication are: each address by itself,
    // or guesses from some would hold back what others find. No client has such an id.
    const attempt = { subject: `leaked-secrets ${address}`, address, hashes };
    const found = await services.leakReports.guard(attempt, async () => {
      const change = await endOf(context, hashes, Date.now());
      return change ? { outcome: 'found' as const, change } : NONE;
    });
    if (found.outcome === 'invalid_client') throw new ProblemError('not_found');
    const { change } = found;
    if (change.statements.length > 0) await commit(context, { ...change, actor: LEAK_REPORT, status: 200, body: null });
    else await deliverOwedAbout(context, change.event.target);
    return context.json({ status: 'disabled' as const }, 200);
  });
}

const NONE = { outcome: 'invalid_client' as const, known: true, fingerprints: [] };

type End = Pick<Commit<null, 200>, 'event' | 'affectedClients' | 'statements'>;

/** What puts an end to the secret or API key with one of these hashes: no statements where it is dead already. */
async function endOf(
  { var: { services } }: ManagementContext,
  hashes: readonly string[],
  now: number,
): Promise<End | undefined> {
  const { db } = services;
  const [found, apiKey] = await Promise.all([findSecretByHash(db, hashes), findApiKeyByHash(db, hashes)]);
  if (found) {
    const { id, hint, clientId } = found.secret;
    const { organizationId } = found;
    return {
      event: {
        at: now,
        organizationId,
        action: 'client.secret_leaked',
        target: clientId,
        changes: { secret: id, hint },
      },
      affectedClients: listOf([clientId]),
      statements: isLive(found.secret, now) ? [endLeakedSecret(db, id, now), renewClient(db, clientId)] : [],
    };
  }
  if (!apiKey) return undefined;
  const { id, organizationId, hint, expiresAt } = apiKey;
  return {
    event: { at: now, organizationId, action: 'api_key.leaked', target: id, changes: { hint } },
    statements: expiresAt !== null && expiresAt <= now ? [] : expireApiKey(db, id, now),
  };
}
