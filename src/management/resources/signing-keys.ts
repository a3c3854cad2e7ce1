import { z } from '@hono/zod-openapi';
import type { SigningAlg } from '../../gates/protocol.ts';
import { SIGNING_ALGS } from '../../jwt/signing-algs.ts';
import { TAKEOVER_AGE } from '../../keys/constants.ts';
import { completeRotation, propagateKeyRevocations } from '../../keys/rotate.ts';
import {
  applyKeyChange,
  findKey,
  hasTakenOverSince,
  planRevocation,
  planRotation,
  signsFrom,
} from '../../keys/rotation.ts';
import { readRing, type StoredSigningKey } from '../../store/ring.ts';
import { areSigningKeysUnchanged, changeSigningKeys } from '../../store/signing-keys.ts';
import { KID_LENGTH_MAX } from '../constants.ts';
import { Time, time, timeOrNull } from '../fields/schemas.ts';
import type { ManagementApp } from '../http/context.ts';
import { invalid, ProblemError } from '../http/problem.ts';
import { actionRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { retryOnStaleWrite } from '../write/preconditions.ts';

const Alg = z.enum(SIGNING_ALGS);

const SigningKey = z
  .object({
    kid: z.string(),
    alg: Alg,
    status: z.enum(['next', 'active', 'retiring']).openapi({
      description: '`retiring`: it signs no more, and is published until its last token has expired.',
    }),
    created_at: Time,
    activated_at: Time.nullable(),
    retired_at: Time.nullable(),
    signs_from: Time.openapi({
      description: 'It may sign from then on: every verifier that caches the JWKS as long as it may has it.',
    }),
    public_jwk: z.record(z.string(), z.unknown()).openapi({ type: 'object' }),
  })
  .openapi('SigningKey');

const SigningKeys = z.object({ data: z.array(SigningKey), next_cursor: z.null() }).openapi('SigningKeys');

const tag = 'Signing keys';
const listRoute = listRouteFor(
  { path: '/signing-keys', requires: 'root', tag, summary: 'List the signing keys' },
  None,
  {},
  SigningKey,
);
const rotateRoute = actionRouteFor(
  {
    path: '/signing-keys/rotate',
    requires: 'root',
    tag,
    summary: 'Let the next signing keys sign, or take out a compromised one',
    description:
      'The old ones stay published until the last token that they signed has expired. In an emergency the compromised one leaves the JWKS ' +
      'at once, and its tokens are inactive: answered 202, and delivered when no isolate has the key any more. Where the next key is too ' +
      'young for every verifier to have it, an emergency leaves its algorithm without one that signs until it is not.',
  },
  None,
  z
    .strictObject({
      alg: Alg.optional().openapi({ description: 'Else the keys of all algorithms.' }),
      emergency: z.boolean().default(false).openapi({
        description: 'Takes the active keys out at once, or the one that `kid` names, with all their tokens.',
      }),
      kid: z.string().max(KID_LENGTH_MAX).optional().openapi({
        description:
          'In an emergency: the compromised key, whatever its status. Best named: who is active may have changed.',
      }),
    })
    .refine(({ kid, alg, emergency }) => kid === undefined || (emergency && alg === undefined), {
      path: ['kid'],
      error: 'goes with `emergency`, and without `alg`',
    })
    .openapi('SigningKeyRotation'),
  SigningKeys,
);

/** Mounts `/signing-keys` below `/v1`. */
export function signingKeys(app: ManagementApp): void {
  app.openapi(listRoute, async (context) => {
    const { db, keyRing } = context.var.services;
    // The first ring is made on its first need, and this is one.
    await keyRing.current(Date.now());
    const { keys } = await readRing(db);
    return context.json({ data: keys.map(toResponse), next_cursor: null }, 200);
  });

  app.openapi(rotateRoute, (context) => {
    const { db, env, keyRing, masterKeys } = context.var.services;
    const { alg, emergency, kid } = context.req.valid('json');
    const algs = alg ? [alg] : SIGNING_ALGS;
    // Whatever others make of the keys meanwhile, an emergency is about those that signed when it was first looked at, and no others.
    let compromised = kid === undefined ? undefined : [kid];
    return retryOnStaleWrite(async () => {
      const now = Date.now();
      await keyRing.current(now);
      const { keys } = await readRing(db);
      if (emergency) compromised ??= activeKids(keys, algs, now);
      const rotated = emergency
        ? planRevocation(keys, keysNamed(keys, compromised ?? [], kid !== undefined), now)
        : planRotation(
            keys,
            algs.filter((one) => isReady(keys, one, now)),
            now,
          );
      const change = await completeRotation(rotated, await masterKeys());
      const { activated, retired, revoked } = change;
      const kids = (some: readonly StoredSigningKey[]) => some.map((key) => key.kid);
      return commit(context, {
        event: {
          at: now,
          organizationId: null,
          action: emergency ? 'signing_keys.revoked' : 'signing_keys.rotated',
          target: [...revoked, ...activated][0]?.kid ?? '',
          changes: {
            active: kids(activated),
            ...(emergency ? { revoked: kids(revoked) } : { retiring: kids(retired) }),
          },
        },
        guard: areSigningKeysUnchanged(change),
        statements: changeSigningKeys(db, change),
        ...(emergency && {
          settle: async () => {
            keyRing.endLease();
            await propagateKeyRevocations(db, env.KV);
          },
        }),
        status: 200,
        body: { data: applyKeyChange(keys, change).map(toResponse), next_cursor: null },
      });
    });
  });
}

/** Whether the next key of an algorithm can sign. @throws ProblemError `conflict` where some verifier may not have it yet */
function isReady(keys: readonly StoredSigningKey[], alg: SigningAlg, now: number): true {
  const next = findKey(keys, alg, 'next');
  if (!next) throw new ProblemError('conflict', { detail: `There is no next ${alg} key.` });
  const from = signsFrom(next);
  if (now >= from) return true;
  const detail = `The next ${alg} key was published a moment ago. It can sign from ${time(from)} on.`;
  throw new ProblemError('conflict', {
    detail,
    headers: { 'Retry-After': String(Math.ceil((from - now) / 1000)) },
  });
}

/** @throws ProblemError `conflict` where one became active a moment ago: the one before it may be meant, or the request be a repeat */
function activeKids(keys: readonly StoredSigningKey[], algs: readonly SigningAlg[], now: number): string[] {
  const active = algs.flatMap((alg) => findKey(keys, alg, 'active') ?? []);
  const fresh = active.find((key) => hasTakenOverSince(key, now - TAKEOVER_AGE * 1000));
  if (!fresh) return active.map(({ kid }) => kid);
  const detail = `The ${fresh.alg} key ${fresh.kid} became active a moment ago: name the compromised one as kid.`;
  throw new ProblemError('conflict', { detail });
}

/** Those of the keys that are there still. @throws ProblemError where none is: `invalid` where the request named it */
function keysNamed(keys: readonly StoredSigningKey[], kids: readonly string[], isNamed: boolean): StoredSigningKey[] {
  const found = keys.filter(({ kid }) => kids.includes(kid));
  if (found.length > 0) return found;
  if (isNamed) throw invalid({ pointer: '/kid', detail: 'There is no such key, or it is revoked already.' });
  throw new ProblemError('conflict', {
    detail: 'Somebody else revoked them a moment ago: look at the keys as they are.',
  });
}

function toResponse(key: StoredSigningKey) {
  const { kid, alg, status, createdAt, activatedAt, retiredAt, publicJwk } = key;
  return {
    kid,
    alg,
    status,
    created_at: time(createdAt),
    activated_at: timeOrNull(activatedAt),
    retired_at: timeOrNull(retiredAt),
    signs_from: time(signsFrom(key)),
    public_jwk: JSON.parse(publicJwk) as Record<string, unknown>,
  };
}
