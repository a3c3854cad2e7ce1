import { z } from '@hono/zod-openapi';
import { listMasterKeyUses, type MasterKeyUse, reseal } from '../../keys/reseal.ts';
import { keepRetiredMasterKey } from '../../store/retired-master-keys.ts';
import { type RingRows, readRing } from '../../store/ring.ts';
import { resealSigningKey } from '../../store/signing-keys.ts';
import { countSealedWebhooks, resealWebhooks, type SealedSecrets, webhooksSealedUnder } from '../../store/webhooks.ts';
import { sealSecrets, unsealSecrets } from '../../webhooks/secret.ts';
import { RESEALED_WEBHOOKS_MAX } from '../constants.ts';
import { Time, timeOrNull } from '../fields/schemas.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { actionRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { retryOnStaleWrite } from '../write/preconditions.ts';

const MasterKey = z
  .object({
    id: z
      .string()
      .openapi({ description: 'The id of the key. It reveals nothing about the key.', example: 'h3Vb0kPq' }),
    status: z.enum(['current', 'previous', 'retired']).openapi({
      description:
        '`current`: the first key of `MASTER_KEY`, which seals new values. `previous`: another key of `MASTER_KEY`. `retired`: no longer in `MASTER_KEY`; secrets that it hashed and ids that it tagged are still accepted.',
    }),
    signing_keys: z.int().openapi({ description: 'The number of signing keys that are sealed under it.', example: 0 }),
    webhooks: z.int().openapi({ description: 'The number of webhooks whose secrets are sealed under it.', example: 0 }),
    may_go_at: Time.nullable().openapi({
      description:
        'When a previous key may be removed from `MASTER_KEY`. Null if values must be resealed first, and for other keys.',
    }),
  })
  .openapi('MasterKey');

const MasterKeys = z.object({ data: z.array(MasterKey), next_cursor: z.null() }).openapi('MasterKeys');

const tag = 'Master keys';
const listMasterKeysRoute = listRouteFor(
  { path: '/master-keys', requires: 'root', tag, summary: 'List the master keys and their use' },
  None,
  {},
  MasterKey,
);
const resealMasterKeysRoute = actionRouteFor(
  {
    path: '/master-keys/reseal',
    requires: 'root',
    tag,
    summary: 'Reseal everything under the current master key',
    description:
      'For a rotation of the master key, after a new key is put before the old one in `MASTER_KEY`. Reseals the signing keys and the secrets of webhooks, and keeps ' +
      'the parts of the old key that the hashes of secrets and the tags of ids need. The answer says when the old key may be removed. ' +
      `One request reseals ${RESEALED_WEBHOOKS_MAX} webhooks: repeat it while \`webhooks\` of an old key is not 0.`,
  },
  None,
  None,
  MasterKeys,
);

/** Mounts `/master-keys` below `/v1`. */
export function masterKeys(app: ManagementApp): void {
  app.openapi(listMasterKeysRoute, async (context) =>
    context.json(await toResponse(context, await readKeys(context), []), 200),
  );

  app.openapi(resealMasterKeysRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { db, config, masterKeys } = context.var.services;
      const now = Date.now();
      const rows = await readKeys(context);
      const [current, ...others] = await masterKeys();
      const found = await webhooksSealedUnder(
        db,
        others.map(({ id }) => id),
        RESEALED_WEBHOOKS_MAX,
      );
      const webhooks = await Promise.all(
        found.map(async (before) => {
          const secrets = await unsealSecrets(before.sealedSecrets, [current, ...others]);
          return { before, ...(await sealSecrets(secrets, [current, ...others])) };
        }),
      );
      const resealed = await reseal(rows, config.masterKeys, [current, ...others], now);
      const after = {
        keys: rows.keys.map((key) => {
          const change = resealed.keys.find(({ before }) => before.kid === key.kid);
          return change ? { ...key, sealedPrivateJwk: change.sealedPrivateJwk } : key;
        }),
        retired: [
          ...rows.retired.filter(({ id }) => !resealed.retired.some((row) => row.id === id)),
          ...resealed.retired,
        ],
      };
      return commit(context, {
        event: {
          at: now,
          organizationId: null,
          action: 'master_key.resealed',
          target: current.id,
          changes: {
            signing_keys: resealed.keys.map(({ before }) => before.kid),
            retired: resealed.retired.map(({ id }) => id),
            ...(found.length > 0 && { webhooks: found.length }),
          },
        },
        statements: [
          ...resealed.keys.map(({ before, sealedPrivateJwk }) => resealSigningKey(db, before, sealedPrivateJwk)),
          ...resealed.retired.map((row) => keepRetiredMasterKey(db, row)),
          ...resealWebhooks(db, webhooks, current.id),
        ],
        status: 200,
        body: await toResponse(context, after, found),
      });
    }),
  );
}

/** Reads the signing keys and the retired master keys. @throws StoreUnavailableError */
async function readKeys({ var: { services } }: ManagementContext): Promise<RingRows> {
  // The first key ring is created on first use.
  await services.keyRing.current(Date.now());
  return readRing(services.db);
}

/** @param resealed the webhooks that the write of this answer reseals */
async function toResponse(
  { var: { services } }: ManagementContext,
  rows: RingRows,
  resealed: readonly Pick<SealedSecrets, 'sealedUnder'>[],
) {
  const masterKeys = await services.masterKeys();
  const ids = masterKeys.map(({ id }) => id);
  const counts = new Map(await countSealedWebhooks(services.db, ids));
  const move = (id: string, change: number) => counts.set(id, (counts.get(id) ?? 0) + change);
  for (const { sealedUnder } of resealed) {
    move(sealedUnder, -1);
    move(masterKeys[0].id, 1);
  }
  const uses = listMasterKeyUses(rows, counts, masterKeys);
  return { data: uses.map(toItem), next_cursor: null };
}

function toItem({ id, status, signingKeys, webhooks, mayGoAt }: MasterKeyUse) {
  return { id, status, signing_keys: signingKeys, webhooks, may_go_at: timeOrNull(mayGoAt) };
}
