import { z } from '@hono/zod-openapi';
import { listMasterKeyUses, type MasterKeyUse, reseal } from '../../keys/reseal.ts';
import { keepRetiredMasterKey } from '../../store/retired-master-keys.ts';
import { type RingRows, readRing } from '../../store/ring.ts';
import { resealSigningKey } from '../../store/signing-keys.ts';
import { Time, timeOrNull } from '../fields/schemas.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { actionRouteFor, listRouteFor, None } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { retryOnStaleWrite } from '../write/preconditions.ts';

const MasterKey = z
  .object({
    id: z.string().openapi({ description: 'Names the key, and tells nothing about it.', example: 'h3Vb0kPq' }),
    status: z.enum(['current', 'previous', 'retired']).openapi({
      description:
        '`previous`: it stands in `MASTER_KEY` behind the current one. `retired`: it does not any more; what it hashed and tagged is accepted still.',
    }),
    signing_keys: z.int().openapi({ description: 'How many signing keys are sealed under it.', example: 0 }),
    may_go_at: Time.nullable().openapi({
      description:
        'From when on a previous one may be taken out of `MASTER_KEY`; null as long as something must be resealed.',
    }),
  })
  .openapi('MasterKey');

const MasterKeys = z.object({ data: z.array(MasterKey), next_cursor: z.null() }).openapi('MasterKeys');

const tag = 'Master keys';
const listRoute = listRouteFor(
  { path: '/master-keys', requires: 'root', tag, summary: 'List the master keys, and what they are needed for' },
  None,
  {},
  MasterKey,
);
const resealAllRoute = actionRouteFor(
  {
    path: '/master-keys/reseal',
    requires: 'root',
    tag,
    summary: 'Seal everything under the current master key',
    description:
      'Once `MASTER_KEY` has a new key before the old one: seals the signing keys anew, and keeps of the old key what the hashes of ' +
      'secrets and the tags of ids need. Its answer tells when the old one may be taken out.',
  },
  None,
  None,
  MasterKeys,
);

/** Mounts `/master-keys` below `/v1`. */
export function masterKeys(app: ManagementApp): void {
  app.openapi(listRoute, async (context) => context.json(await toResponse(context, await read(context)), 200));

  app.openapi(resealAllRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { db, config, masterKeys } = context.var.services;
      const now = Date.now();
      const rows = await read(context);
      const [current, ...others] = await masterKeys();
      const resealed = await reseal(rows, config.masterKeys, [current, ...others], now);
      const after = {
        keys: rows.keys.map((key) => {
          const found = resealed.keys.find(({ before }) => before.kid === key.kid);
          return found ? { ...key, sealedPrivateJwk: found.sealedPrivateJwk } : key;
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
          },
        },
        statements: [
          ...resealed.keys.map(({ before, sealedPrivateJwk }) => resealSigningKey(db, before, sealedPrivateJwk)),
          ...resealed.retired.map((row) => keepRetiredMasterKey(db, row)),
        ],
        status: 200,
        body: await toResponse(context, after),
      });
    }),
  );
}

async function read({ var: { services } }: ManagementContext): Promise<RingRows> {
  // The first ring is made on its first need, and this is one.
  await services.keyRing.current(Date.now());
  return readRing(services.db);
}

async function toResponse({ var: { services } }: ManagementContext, rows: RingRows) {
  const uses = listMasterKeyUses(rows, await services.masterKeys());
  return { data: uses.map(shown), next_cursor: null };
}

function shown({ id, status, signingKeys, mayGoAt }: MasterKeyUse) {
  return { id, status, signing_keys: signingKeys, may_go_at: timeOrNull(mayGoAt) };
}
