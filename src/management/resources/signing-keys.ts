import { z } from '@hono/zod-openapi';
import type { SigningAlg } from '../../gates/protocol.ts';
import { SIGNING_ALGS } from '../../jwt/signing-algs.ts';
import { TAKEOVER_AGE } from '../../keys/constants.ts';
import { completeRotation, propagateKeyRevocations, rotationNotices } from '../../keys/rotate.ts';
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
import { CreatedAt, Time, time, timeOrNull } from '../fields/schemas.ts';
import { text } from '../fields/text.ts';
import type { ManagementApp } from '../http/context.ts';
import { invalid, ProblemError } from '../http/problem.ts';
import { actionRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { retryOnStaleWrite } from '../write/preconditions.ts';

const Alg = z.enum(SIGNING_ALGS);

const SigningKey = z
  .object({
    kid: z.string().openapi({ description: 'The key id (`kid`).' }),
    alg: Alg.openapi({ description: 'The signature algorithm.' }),
    status: z.enum(['next', 'active', 'retiring']).openapi({
      description:
        '`next`: published, and signs after the next rotation. `active`: signs tokens. `retiring`: no longer signs, and stays published until its last token has expired.',
    }),
    created_at: CreatedAt,
    activated_at: Time.nullable().openapi({ description: 'When it became active. Null if it has not.' }),
    retired_at: Time.nullable().openapi({ description: 'When it stopped signing. Null if it has not.' }),
    signs_from: Time.openapi({
      description:
        'The earliest time at which it may sign. By then, every verifier that respects the cache lifetime of the JWKS has it.',
    }),
    public_jwk: z.record(z.string(), z.unknown()).openapi({ type: 'object', description: 'The public key as a JWK.' }),
  })
  .openapi('SigningKey');

const SigningKeys = z.object({ data: z.array(SigningKey), next_cursor: z.null() }).openapi('SigningKeys');

const tag = 'Signing keys';
const listSigningKeysRoute = listRouteFor(
  { path: '/signing-keys', requires: 'root', tag, summary: 'List the signing keys' },
  None,
  {},
  SigningKey,
);
const rotateSigningKeysRoute = actionRouteFor(
  {
    path: '/signing-keys/rotate',
    requires: 'root',
    tag,
    summary: 'Rotate the signing keys, or revoke a compromised one',
    description:
      'The next keys become active. The old keys stay published until the last token that they signed has expired. ' +
      'In an emergency, the compromised key leaves the JWKS at once and its tokens become inactive. The answer is 202; the change is ' +
      '`delivered` when no isolate holds the key any more. If the next key was published too recently for every verifier to have it, ' +
      'no tokens are signed with its algorithm until then.',
  },
  None,
  z
    .strictObject({
      alg: Alg.optional().openapi({ description: 'The algorithm whose key is rotated. Default: all algorithms.' }),
      emergency: z.boolean().default(false).openapi({
        description:
          'Whether to revoke the active keys, or the key that `kid` names, with all their tokens. Default: false.',
      }),
      kid: text({ max: KID_LENGTH_MAX }).optional().openapi({
        description:
          'The compromised key of an emergency, of any status. Set it if you know it: another key may have become active. Default: the active keys.',
      }),
    })
    .refine(({ kid, alg, emergency }) => kid === undefined || (emergency && alg === undefined), {
      path: ['kid'],
      error: 'requires `emergency` and excludes `alg`',
    })
    .openapi('SigningKeyRotation'),
  SigningKeys,
);

/** Mounts `/signing-keys` below `/v1`. */
export function signingKeys(app: ManagementApp): void {
  app.openapi(listSigningKeysRoute, async (context) => {
    const { db, keyRing } = context.var.services;
    // The first key ring is created on first use.
    await keyRing.current(Date.now());
    const { keys } = await readRing(db);
    return context.json({ data: keys.map(toResponse), next_cursor: null }, 200);
  });

  app.openapi(rotateSigningKeysRoute, (context) => {
    const { db, env, keyRing, masterKeys } = context.var.services;
    const { alg, emergency, kid } = context.req.valid('json');
    const algs = alg ? [alg] : SIGNING_ALGS;
    // A retry must revoke the keys that were active at the first attempt, and not those that a concurrent rotation has activated.
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
            algs.filter((candidate) => isReady(keys, candidate, now)),
            now,
          );
      const change = await completeRotation(rotated, await masterKeys());
      const { activated, retired, revoked } = change;
      const kids = (selected: readonly StoredSigningKey[]) => selected.map((key) => key.kid);
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
        notices: rotationNotices(change),
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

/** Returns true if the next key of an algorithm can sign. @throws ProblemError `conflict` if some verifier may not have it yet */
function isReady(keys: readonly StoredSigningKey[], alg: SigningAlg, now: number): true {
  const next = findKey(keys, alg, 'next');
  if (!next) throw new ProblemError('conflict', { detail: `There is no next ${alg} key.` });
  const from = signsFrom(next);
  if (now >= from) return true;
  const detail = `The next ${alg} key was published too recently. It can sign from ${time(from)}.`;
  throw new ProblemError('conflict', {
    detail,
    headers: { 'Retry-After': String(Math.ceil((from - now) / 1000)) },
  });
}

/**
 * Returns the ids of the active keys.
 * @throws ProblemError `conflict` if one became active recently: its predecessor may be the compromised key, or the request a retry
 */
function activeKids(keys: readonly StoredSigningKey[], algs: readonly SigningAlg[], now: number): string[] {
  const active = algs.flatMap((alg) => findKey(keys, alg, 'active') ?? []);
  const fresh = active.find((key) => hasTakenOverSince(key, now - TAKEOVER_AGE * 1000));
  if (!fresh) return active.map(({ kid }) => kid);
  const detail = `The ${fresh.alg} key ${fresh.kid} became active only recently. Set \`kid\` to the id of the compromised key.`;
  throw new ProblemError('conflict', { detail });
}

/**
 * Returns the keys with these ids that are not revoked yet.
 * @param isNamed whether the request named the key
 * @throws ProblemError if there is none: `invalid` if the request named it, else `conflict`
 */
function keysNamed(keys: readonly StoredSigningKey[], kids: readonly string[], isNamed: boolean): StoredSigningKey[] {
  const found = keys.filter(({ kid }) => kids.includes(kid));
  if (found.length > 0) return found;
  if (isNamed) throw invalid({ pointer: '/kid', detail: 'There is no key with this id, or it is already revoked.' });
  throw new ProblemError('conflict', {
    detail: 'A concurrent request has revoked these keys. List the keys to see their state.',
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
