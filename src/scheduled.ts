import { disableUnusedClients } from './disuse/unused-clients.ts';
import { noticeUnusedSecrets } from './disuse/unused-secrets.ts';
import { resumePushes } from './gates/pushes.ts';
import { completeRotation, propagateKeyRevocations, rotationNotices } from './keys/rotate.ts';
import { findDueAlgs, planRotation, removalCutoff } from './keys/rotation.ts';
import { StoredRing } from './keys/stored-ring.ts';
import { log, loggable } from './log/log.ts';
import { logFailure } from './platform/failures.ts';
import type { Services } from './services.ts';
import { SCHEDULE } from './store/actors.ts';
import { type BackgroundTask, recordSuccesses } from './store/background-tasks.ts';
import { noticeExpiringApiKeys } from './store/expiring-api-keys.ts';
import { noticeExpiringClients } from './store/expiring-clients.ts';
import { noticeExpiringSecrets } from './store/expiring-secrets.ts';
import { migrateIdentifiers } from './store/identifiers.ts';
import { moveOlderUsage } from './store/older-usage.ts';
import { checkOrganizationQuotas } from './store/organization-quotas.ts';
import { purge } from './store/purges.ts';
import { readRing } from './store/ring.ts';
import { migrateSecrets } from './store/secret-lists.ts';
import { areSigningKeysUnchanged, changeSigningKeys, deleteRetiredSigningKeys } from './store/signing-keys.ts';
import { StaleWriteError, write } from './store/write.ts';

type ScheduledServices = Pick<Services, 'env' | 'config' | 'db' | 'masterKeys' | 'gates' | 'webhooks'>;

/** A background task. `now` is in milliseconds since the epoch. Returns counts of what it did. */
type Task = (services: ScheduledServices, now: number) => Promise<Readonly<Record<string, number>>>;

const TASKS: readonly (readonly [BackgroundTask, Task])[] = [
  ['rotate_signing_keys', rotateSigningKeys],
  ['remove_signing_keys', async ({ db }, now) => ({ removed: await deleteRetiredSigningKeys(db, removalCutoff(now)) })],
  ['copy_key_ring', copyKeyRing],
  ['resume_pushes', ({ db, gates }) => resumePushes(db, gates)],
  ['migrate_identifiers', storeComparableForms],
  ['migrate_usage', async ({ db }, now) => ({ moved: await moveOlderUsage(db, now) })],
  ['migrate_secrets', async ({ db }) => ({ migrated: await migrateSecrets(db) })],
  ['purge', ({ db }, now) => purge(db, now)],
  ['notice_expiring_api_keys', async ({ db }, now) => ({ noticed: await noticeExpiringApiKeys(db, now) })],
  ['notice_expiring_clients', async ({ db }, now) => ({ noticed: await noticeExpiringClients(db, now) })],
  ['notice_expiring_secrets', async ({ db }, now) => ({ noticed: await noticeExpiringSecrets(db, now) })],
  ['disable_unused_clients', async ({ db, gates }, now) => ({ ...(await disableUnusedClients({ db, gates }, now)) })],
  ['notice_unused_secrets', async ({ db, gates }, now) => ({ noticed: await noticeUnusedSecrets({ db, gates }, now) })],
  ['check_quotas', async ({ db }, now) => ({ noticed: await checkOrganizationQuotas(db, now) })],
  // Last, because it takes as long as its receivers.
  ['send_webhooks', async ({ webhooks }, now) => ({ ...(await webhooks.sendDue(now)) })],
];

/**
 * Runs the background tasks, once a minute. A task may run late or twice, and its failure does not stop the others.
 * @param now milliseconds since the epoch
 */
export async function scheduled(services: ScheduledServices, now: number): Promise<void> {
  const succeeded: BackgroundTask[] = [];
  for (const [name, task] of TASKS) {
    const begun = Date.now();
    const report = (ok: boolean, counts: Readonly<Record<string, number>>) =>
      log({ event: 'scheduled', task: name, ok, ms: Date.now() - begun, counts });
    try {
      const counts = await task(services, now);
      succeeded.push(name);
      // Usually there is nothing to do, and that is not logged.
      if (Object.values(counts).some((count) => count > 0)) report(true, counts);
    } catch (error) {
      logFailure(error);
      report(false, {});
    }
  }
  await recordSuccesses(services.db, succeeded, now).catch(logFailure);
}

/** Rotates the signing keys of each algorithm whose active key is older than the configured age. */
async function rotateSigningKeys(
  { db, config, masterKeys }: ScheduledServices,
  now: number,
): Promise<{ rotated: number }> {
  const { keys } = await readRing(db);
  const algs = findDueAlgs(keys, config.signingKeyMaxAge, now);
  if (algs.length === 0) return { rotated: 0 };
  const change = await completeRotation(planRotation(keys, algs, now), await masterKeys());
  const [active, retiring] = [change.activated, change.retired].map((keys) => keys.map(({ kid }) => kid));
  try {
    await write(db, {
      event: {
        at: now,
        organizationId: null,
        actor: SCHEDULE,
        action: 'signing_keys.rotated',
        target: active?.[0] ?? '',
        address: '',
        changes: { active, retiring },
      },
      guard: areSigningKeysUnchanged(change),
      statements: changeSigningKeys(db, change),
      notices: rotationNotices(change),
    });
  } catch (error) {
    // Another run, or an administrator, changed the keys first.
    if (error instanceof StaleWriteError) return { rotated: 0 };
    throw error;
  }
  return { rotated: algs.length };
}

/** Stores the comparable form of identifiers that older code wrote, and reports those that mean the same. */
async function storeComparableForms({ db }: ScheduledServices, now: number) {
  const { migrated, collisions } = await migrateIdentifiers(db, now);
  for (const { id, otherId } of collisions)
    log({ event: 'identifier_collision', resource_server: loggable(id), collides_with: loggable(otherId) });
  return { migrated, collisions: collisions.length };
}

async function copyKeyRing({ db, env }: ScheduledServices): Promise<{ revoked: number; copied: number }> {
  const revoked = await propagateKeyRevocations(db, env.KV);
  const isCopied = await new StoredRing(env).updateCopy();
  return { revoked, copied: isCopied ? 1 : 0 };
}
