import { createMiddleware } from 'hono/factory';
import { IDEMPOTENCY_AGE } from '../../constants.ts';
import { candidateHashes } from '../../credentials/secret-hash.ts';
import { seal, unseal } from '../../keys/sealing.ts';
import { Redacted } from '../../log/redacted.ts';
import { addLogDetails } from '../../log/trace.ts';
import { isUnavailable } from '../../store/errors.ts';
import { findChange, isPending } from '../../store/gate-pushes.ts';
import { findAnswer, type StoredAnswer } from '../../store/idempotency-keys.ts';
import type { KeptAnswer } from '../../store/write.ts';
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../constants.ts';
import { respond } from '../http/answer.ts';
import { actorOf } from '../http/authorization.ts';
import type { ManagementContext, ManagementEnv } from '../http/context.ts';
import { invalid, ProblemError } from '../http/problem.ts';
import { accepted } from './accepted.ts';
import { deliverOwedBy } from './delivery.ts';
import { etag } from './preconditions.ts';

/** What is sealed of an answer. */
interface Answer {
  readonly body: unknown;
  /** Whether it carries the write's version as its entity tag. */
  readonly tagged: boolean;
}

const KEY = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}$`);

/**
 * Honours `Idempotency-Key` ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)):
 * a POST that was answered with success is answered the same again, once all gates have heard of it, and nothing is done twice.
 */
export const idempotent = createMiddleware<ManagementEnv>(async (context, next) => {
  const key = context.req.header('Idempotency-Key');
  if (key === undefined || context.req.method !== 'POST') return next();
  if (!KEY.test(key)) {
    throw invalid({
      parameter: 'Idempotency-Key',
      detail: `This must be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters.`,
    });
  }
  context.set('idempotency', { key, fingerprints: await fingerprints(context) });
  const first = await answerAgain(context).catch(goOnWithoutStore);
  if (first) return first;
  await next();
  if (!(context.error instanceof ProblemError)) return;
  // Another request with this key may have been quicker, and be what this one found in its way: then its answer is the answer.
  const refusal = context.res;
  // Hono gives an answer the headers of the one that is there.
  context.res = undefined;
  const othersAnswer = await answerAgain(context).catch(goOnWithoutStore);
  if (othersAnswer) addLogDetails({ reason: undefined });
  context.res = othersAnswer ?? refusal;
});

// What can be done without D1 is done; what cannot fails by itself, or, D1 being back by then, because the key is taken.
function goOnWithoutStore(error: unknown): undefined {
  if (!isUnavailable(error, 'd1')) throw error;
}

/** The answer as it is stored with the write, for a request that carries an `Idempotency-Key`. */
export async function keptAnswer(
  context: ManagementContext,
  status: number,
  answer: Answer,
): Promise<KeptAnswer | undefined> {
  const { services, administrator, idempotency } = context.var;
  if (!idempotency) return undefined;
  const { key, fingerprints } = idempotency;
  const sealedBody = await seal(answer, 'answer', await services.masterKeys());
  return { actor: actorOf(administrator), key, fingerprint: fingerprints[0], status, sealedBody };
}

async function answerAgain(context: ManagementContext): Promise<Response | undefined> {
  const { services, administrator, idempotency } = context.var;
  if (!idempotency) return undefined;
  const since = Date.now() - IDEMPOTENCY_AGE * 1000;
  const stored = await findAnswer(services.db, actorOf(administrator), idempotency.key, since);
  if (!stored) return undefined;
  if (!idempotency.fingerprints.includes(stored.fingerprint)) {
    const detail = 'This key came with another request before: a new request takes a new key.';
    throw invalid({ parameter: 'Idempotency-Key', detail });
  }
  const change = await findChange(services.db, stored.version);
  if (change && isPending(change, Date.now())) return accepted(context, stored.version);
  await deliverOwedBy(context, stored.version);
  return replay(context, stored);
}

async function replay(context: ManagementContext, { version, status, sealedBody }: StoredAnswer): Promise<Response> {
  const { body, tagged } = await unseal<Answer>(sealedBody, 'answer', await context.var.services.masterKeys());
  return respond(context, status, body, { 'Idempotent-Replayed': 'true', ...(tagged && { ETag: etag(version) }) });
}

// Keyed, as a secret's hash is: there may be one in the body.
async function fingerprints({ req, var: { services } }: ManagementContext): Promise<[string, ...string[]]> {
  const { pathname, search } = new URL(req.url);
  const said = new Redacted(`${req.method} ${pathname}${search}\n${await req.text()}`);
  return candidateHashes(said, await services.acceptedKeys());
}
