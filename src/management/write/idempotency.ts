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

/** The part of an answer that is stored sealed. */
interface Answer {
  readonly body: unknown;
  /** Whether the answer has the write's version as its entity tag. */
  readonly tagged: boolean;
}

const KEY = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}$`);

/**
 * Honours `Idempotency-Key`
 * ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)): a repeated
 * POST gets the first successful answer again, after the owed pushes are delivered, and the write is not applied twice.
 */
export const idempotent = createMiddleware<ManagementEnv>(async (context, next) => {
  const key = context.req.header('Idempotency-Key');
  if (key === undefined || context.req.method !== 'POST') return next();
  if (!KEY.test(key)) {
    throw invalid({
      parameter: 'Idempotency-Key',
      detail: `\`Idempotency-Key\` must be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters.`,
    });
  }
  context.set('idempotency', { key, fingerprints: await fingerprints(context) });
  const first = await answerAgain(context).catch(continueWithoutD1);
  if (first) return first;
  await next();
  if (!(context.error instanceof ProblemError)) return;
  // A concurrent request with the same key may have caused this conflict. Then answer with that request's answer.
  const refusal = context.res;
  // Hono would merge the headers of the current response into the new one.
  context.res = undefined;
  const othersAnswer = await answerAgain(context).catch(continueWithoutD1);
  if (othersAnswer) addLogDetails({ reason: undefined });
  context.res = othersAnswer ?? refusal;
});

// Continue without D1: some requests do not need it. One that does fails by itself, or, if D1 is back by then, breaks the key's constraint.
function continueWithoutD1(error: unknown): undefined {
  if (!isUnavailable(error, 'd1')) throw error;
}

/** Seals an answer to store it with its write. @returns undefined if the request has no `Idempotency-Key` */
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
    const detail = 'This key was used for a different request. Use a new key for each new request.';
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

// HMACs like those of secrets, because the body may contain a secret.
async function fingerprints({ req, var: { services } }: ManagementContext): Promise<[string, ...string[]]> {
  const { pathname, search } = new URL(req.url);
  const text = new Redacted(`${req.method} ${pathname}${search}\n${await req.text()}`);
  return candidateHashes(text, await services.acceptedKeys());
}
