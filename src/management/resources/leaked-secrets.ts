import { createRoute, z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { OAUTH_BODY_LIMIT_BYTES } from '../../constants.ts';
import { isLive } from '../../credentials/client-secret.ts';
import { candidateHashes } from '../../credentials/secret-hash.ts';
import { clientAddress } from '../../http/client-address.ts';
import { Redacted } from '../../log/redacted.ts';
import { LEAK_REPORT } from '../../store/actors.ts';
import { endOf, expireApiKey, expireSecondary, findApiKeyByHash } from '../../store/api-keys.ts';
import { renewClient } from '../../store/renewals.ts';
import { endLeakedSecret, findSecretByHash } from '../../store/secrets.ts';
import { listOf } from '../../store/sql.ts';
import { REPORTED_SECRET_LENGTH_MAX } from '../constants.ts';
import { text } from '../fields/text.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { ProblemError, tooLarge } from '../http/problem.ts';
import { json, problem } from '../http/routes.ts';
import { type Commit, commit } from '../write/commit.ts';
import { deliverOwedAbout } from '../write/delivery.ts';

const Secret = text({ min: 1, max: REPORTED_SECRET_LENGTH_MAX }).transform((secret) => new Redacted(secret));
const Report = z
  .strictObject({ secret: Secret.openapi({ description: 'The leaked client secret or API key.' }) })
  .openapi('LeakedSecret');
const Disabled = z.object({ status: z.literal('disabled') }).openapi('DisabledSecret');

const reportLeakedSecretRoute = createRoute({
  operationId: 'reportLeakedSecret',
  method: 'post',
  path: '/leaked-secrets',
  tags: ['Secrets'],
  summary: 'Report a leaked secret or API key',
  description:
    'For anyone who finds a secret or an API key of this service. It requires no API key: the secret itself is the proof. The secret is refused from then on.',
  security: [],
  // A request without an API key may be no larger than a token request.
  middleware: bodyLimit({ maxSize: OAUTH_BODY_LIMIT_BYTES, onError: tooLarge }),
  request: { body: { required: true, content: { 'application/json': { schema: Report } } } },
  responses: {
    200: json(Disabled, 'The secret is no longer accepted.'),
    404: problem('It is not a secret of this service.'),
    422: problem('Validation failed. `errors` points at each field.'),
    429: problem('Too many reports from this address were not secrets of this service.'),
    503: problem('A store did not answer. Try again.'),
  },
});

/** Mounts `/leaked-secrets` below `/v1`. It is public. */
export function leakedSecrets(app: ManagementApp): void {
  app.openapi(reportLeakedSecretRoute, async (context) => {
    const { services } = context.var;
    const { secret } = context.req.valid('json');
    const hashes = await candidateHashes(secret, await services.acceptedKeys());
    const address = clientAddress(context.req.raw);
    // Each report costs a D1 query, so guesses are throttled like guesses at authentication, but per address: guesses from one address
    // must not block reports from others. No client has an id of this form.
    const attempt = { subject: `leaked-secrets ${address}`, address, hashes };
    const guarded = await services.leakReports.guard(attempt, async () => {
      const change = await planDisabling(context, hashes, Date.now());
      return change ? { outcome: 'found' as const, change } : NOT_OURS;
    });
    if (guarded.outcome === 'invalid_client') throw new ProblemError('not_found');
    const { change } = guarded;
    if (change.statements.length > 0) await commit(context, { ...change, actor: LEAK_REPORT, status: 200, body: null });
    else await deliverOwedAbout(context, change.event.target);
    return context.json({ status: 'disabled' as const }, 200);
  });
}

const NOT_OURS = { outcome: 'invalid_client' as const, known: true, fingerprints: [] };

type Disabling = Pick<Commit<null, 200>, 'event' | 'affectedClients' | 'statements'>;

/**
 * Returns the write that disables the secret or API key with one of these hashes. It has no statements if that is disabled already.
 * @returns undefined if no secret and no API key has such a hash
 * @throws StoreUnavailableError
 */
async function planDisabling(
  { var: { services } }: ManagementContext,
  hashes: readonly string[],
  now: number,
): Promise<Disabling | undefined> {
  const { db } = services;
  const [match, apiKey] = await Promise.all([findSecretByHash(db, hashes), findApiKeyByHash(db, hashes)]);
  if (match) {
    const { id, hint, clientId } = match.secret;
    const { organizationId } = match;
    return {
      event: {
        at: now,
        organizationId,
        action: 'client.secret_leaked',
        target: clientId,
        changes: { secret: id, hint },
      },
      affectedClients: listOf([clientId]),
      statements: isLive(match.secret, now) ? [endLeakedSecret(db, id, now), renewClient(db, clientId)] : [],
    };
  }
  if (!apiKey) return undefined;
  const { id, organizationId, hint, secondaryHint, expiresAt } = apiKey;
  if (apiKey.secondaryHash !== null && hashes.includes(apiKey.secondaryHash)) {
    const end = endOf(apiKey, 'secondary');
    return {
      event: { at: now, organizationId, action: 'api_key.leaked', target: id, changes: { hint: secondaryHint } },
      statements: end !== null && end <= now ? [] : expireSecondary(db, id, now),
    };
  }
  return {
    event: { at: now, organizationId, action: 'api_key.leaked', target: id, changes: { hint } },
    statements: expiresAt !== null && expiresAt <= now ? [] : expireApiKey(db, id, now),
  };
}
