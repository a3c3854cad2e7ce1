import { z } from '@hono/zod-openapi';
import { signsFrom } from '../keys/rotation.ts';
import { makeSigningKey } from '../keys/signing-key.ts';
import { SIGNING_ALGS, type SigningAlg } from '../store/client-record.ts';
import { areNext, readSigningKeys, rotateSigningKey, type StoredSigningKey } from '../store/signing-keys.ts';
import { commit } from './commit.ts';
import type { ManagementApp } from './context.ts';
import { untilFresh } from './preconditions.ts';
import { ProblemError } from './problem.ts';
import { does, lists, None } from './routes.ts';
import { Time, time, timeOrNull } from './schemas.ts';

const Alg = z.enum(SIGNING_ALGS);

const SigningKey = z
  .object({
    kid: z.string(),
    alg: Alg,
    status: z.enum(['next', 'active', 'retiring']),
    created_at: Time,
    activated_at: Time.nullable(),
    retired_at: Time.nullable(),
    public_jwk: z.record(z.string(), z.unknown()).openapi({ type: 'object' }),
  })
  .openapi('SigningKey');

const SigningKeys = z.object({ data: z.array(SigningKey), next_cursor: z.null() }).openapi('SigningKeys');

const tag = 'Signing keys';
const listAll = lists(
  { path: '/signing-keys', takes: 'root', tag, summary: 'List the signing keys' },
  None,
  {},
  SigningKey,
);
const rotate = does(
  {
    path: '/signing-keys/rotate',
    takes: 'root',
    tag,
    summary: 'Let the next signing keys sign',
    description: 'The old ones stay published until the last token that they signed has expired.',
  },
  None,
  z.strictObject({ alg: Alg.optional().openapi({ description: 'Else the keys of all algorithms.' }) }),
  SigningKeys,
);

/** Mounts `/signing-keys` below `/v1`. */
export function signingKeys(app: ManagementApp): void {
  app.openapi(listAll, async (context) => {
    const { db, keyRing } = context.var.services;
    // The first ring is made on its first need, and this is one.
    await keyRing.current(Date.now());
    const found = await readSigningKeys(db);
    return context.json({ data: found.map(show), next_cursor: null }, 200);
  });

  app.openapi(rotate, (context) =>
    untilFresh(async () => {
      const { services } = context.var;
      const { alg } = context.req.valid('json');
      const now = Date.now();
      await services.keyRing.current(now);
      const keys = await readSigningKeys(services.db);
      const pairs = (alg ? [alg] : SIGNING_ALGS).map((one) => readyPair(keys, one, now));
      const masterKeys = await services.masterKeys();
      const rotations = await Promise.all(
        pairs.map(async (pair) => ({ ...pair, made: await makeSigningKey(pair.alg, 'next', masterKeys, now), now })),
      );
      const after = keys.map((key) => rotated(key, rotations, now)).concat(rotations.map(({ made }) => made));
      const [first] = rotations;
      return commit(context, {
        event: {
          at: now,
          organizationId: null,
          action: 'signing_keys.rotated',
          target: first?.next.kid ?? '',
          changes: {
            active: rotations.map(({ next }) => next.kid),
            retiring: rotations.map(({ active }) => active.kid),
          },
        },
        guard: areNext(rotations.map(({ next }) => next)),
        statements: rotations.flatMap((rotation) => rotateSigningKey(services.db, rotation)),
        status: 200,
        body: { data: after.map(show), next_cursor: null },
      });
    }),
  );
}

/** @throws ProblemError `conflict` where some verifier may not have the next key yet */
function readyPair(keys: readonly StoredSigningKey[], alg: SigningAlg, now: number) {
  const find = (status: StoredSigningKey['status']) => keys.find((key) => key.alg === alg && key.status === status);
  const [active, next] = [find('active'), find('next')];
  if (!active || !next) throw new ProblemError('conflict', { detail: `There is no next ${alg} key.` });
  const from = signsFrom(next);
  if (now >= from) return { alg, active, next };
  const detail = `The next ${alg} key was published a moment ago. It can sign from ${time(from)} on.`;
  throw new ProblemError('conflict', {
    detail,
    headers: { 'Retry-After': String(Math.ceil((from - now) / 1000)) },
  });
}

interface Rotation {
  readonly active: StoredSigningKey;
  readonly next: StoredSigningKey;
}

function rotated(key: StoredSigningKey, rotations: readonly Rotation[], now: number): StoredSigningKey {
  if (rotations.some(({ active }) => active.kid === key.kid)) return { ...key, status: 'retiring', retiredAt: now };
  if (rotations.some(({ next }) => next.kid === key.kid)) return { ...key, status: 'active', activatedAt: now };
  return key;
}

function show({ kid, alg, status, createdAt, activatedAt, retiredAt, publicJwk }: StoredSigningKey) {
  return {
    kid,
    alg,
    status,
    created_at: time(createdAt),
    activated_at: timeOrNull(activatedAt),
    retired_at: timeOrNull(retiredAt),
    public_jwk: JSON.parse(publicJwk) as Record<string, unknown>,
  };
}
