import type { Gates } from '../gates/gates.ts';
import { deliverPushes } from '../gates/pushes.ts';
import type { Database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import type { OwedPush } from '../store/gate-pushes.ts';
import {
  type DueOrganization,
  disableUnused,
  type KnownUse,
  listUnused,
  nextDueOrganization,
  noteLook,
  recordLook,
  type UnusedClient,
} from '../store/unused-clients.ts';
import type { Notice } from '../store/webhook-outbox.ts';
import { StaleWriteError } from '../store/write.ts';
import {
  DISABLED_PER_RUN,
  GATES_ASKED_AT_ONCE,
  GATES_ASKED_PER_PAGE,
  UNUSED_CHECK_INTERVAL,
  UNUSED_PAGE,
  UNUSED_PAGES_PER_RUN,
  UNUSED_RUN_MS,
} from './constants.ts';
import { disablingTime, type Judgement, judge, latestDueUse, type UnusedClientsPolicy, unusedSince } from './policy.ts';

interface Stores {
  readonly db: Database;
  readonly gates: Gates;
}

/** How many clients a run reported and disabled. */
export interface DisuseCounts {
  readonly reported: number;
  readonly disabled: number;
}

/**
 * Applies the policies for unused clients of the organizations that are due, page by page and in turns. Safe to run late, twice, or only in
 * part: D1 has how far it is, and each write holds only if its client is as it was read.
 *
 * D1 learns of a use some minutes later, or much later if it was down, so the client's gate is asked before anything is done; a client
 * whose gate does not answer is left for the next time. A use after that is found by the push (see `ClientRecord.unused_since`).
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function disableUnusedClients(stores: Stores, now: number): Promise<DisuseCounts> {
  const until = performance.now() + UNUSED_RUN_MS;
  let reported = 0;
  let disabled = 0;
  for (let pages = 0; pages < UNUSED_PAGES_PER_RUN && performance.now() < until; pages++) {
    if (disabled >= DISABLED_PER_RUN) break;
    const organization = await nextDueOrganization(stores.db, now);
    if (!organization) break;
    const counts = await lookAtPage(stores, organization, DISABLED_PER_RUN - disabled, now);
    reported += counts.reported;
    disabled += counts.disabled;
  }
  return { reported, disabled };
}

async function lookAtPage(
  stores: Stores,
  organization: DueOrganization,
  disabledMax: number,
  now: number,
): Promise<DisuseCounts> {
  const { db } = stores;
  const policy = policyOf(organization);
  const over = { cursor: null, checkAt: now + UNUSED_CHECK_INTERVAL * 1000 };
  if (!policy || organization.status !== 'active') {
    await noteLook(db, organization, over);
    return { reported: 0, disabled: 0 };
  }
  const upTo = latestDueUse(policy, now);
  const read = await listUnused(db, organization.id, { upTo, after: organization.unusedCursor, limit: UNUSED_PAGE });
  const { page, due } = cut(read, policy, disabledMax, now);
  const counts = await act(stores, organization, policy, due, now);
  const last = page.at(-1);
  const isOver = page.length === read.length && read.length < UNUSED_PAGE;
  const cursor = last && ([last.lastUsedAt ?? last.createdAt, last.clientId] as [number, string]);
  await noteLook(db, organization, isOver || !cursor ? over : { cursor, checkAt: now });
  return counts;
}

function policyOf(organization: DueOrganization): UnusedClientsPolicy | undefined {
  const { unusedReportDays, unusedDisableDays, unusedPolicySince, createdAt, enabledAt } = organization;
  if (unusedReportDays === null && unusedDisableDays === null) return undefined;
  return {
    reportAfterDays: unusedReportDays,
    disableAfterDays: unusedDisableDays,
    since: unusedPolicySince ?? createdAt,
    organizationEnabledAt: enabledAt,
  };
}

/** Returns as much of a page as a run can act on, and those of its clients that are due, as far as D1 knows. */
function cut(
  read: readonly UnusedClient[],
  policy: UnusedClientsPolicy,
  disabledMax: number,
  now: number,
): { page: readonly UnusedClient[]; due: readonly UnusedClient[] } {
  const due: UnusedClient[] = [];
  let disabled = 0;
  for (const [index, client] of read.entries()) {
    const judgement = client.isExcepted ? 'keep' : judge(client, policy, now);
    if (judgement === 'keep') continue;
    if (due.length >= GATES_ASKED_PER_PAGE || (judgement === 'disable' && disabled >= disabledMax)) {
      return { page: read.slice(0, index), due };
    }
    if (judgement === 'disable') disabled++;
    due.push(client);
  }
  return { page: read, due };
}

/** Reports and disables those clients of a page that are due by what their gates know as well. */
async function act(
  { db, gates }: Stores,
  organization: DueOrganization,
  policy: UnusedClientsPolicy,
  due: readonly UnusedClient[],
  now: number,
): Promise<DisuseCounts> {
  const judged: Record<Judgement, KnownUse[]> = { keep: [], report: [], disable: [] };
  for (const known of await lastUses(gates, due)) {
    judged[judge({ ...known.client, lastUsedAt: known.usedAt }, policy, now)].push(known);
  }
  const { keep: used, report: reported } = judged;
  const notices = reported.map((known) => noticeOf(organization.id, policy, known, now));
  await recordLook(db, { used, reported, notices }, now);
  const owed: OwedPush[] = [];
  let disabled = 0;
  for (const known of judged.disable) {
    try {
      owed.push(...(await disableUnused(db, organization, known, now)).owed);
      disabled++;
    } catch (error) {
      // It was changed or used meanwhile, or another run disabled it.
      if (!(error instanceof StaleWriteError)) throw error;
    }
  }
  // What a gate does not take stays owed.
  await deliverPushes(db, gates, owed).catch(ignoreUnavailable);
  return { reported: reported.length, disabled };
}

/** Returns the last uses of clients, without those whose gate does not answer. */
async function lastUses(gates: Gates, clients: readonly UnusedClient[]): Promise<KnownUse[]> {
  const known: KnownUse[] = [];
  for (let begin = 0; begin < clients.length; begin += GATES_ASKED_AT_ONCE) {
    const asked = clients.slice(begin, begin + GATES_ASKED_AT_ONCE).map((client) => lastUse(gates, client));
    known.push(...(await Promise.all(asked)).flatMap((use) => use ?? []));
  }
  return known;
}

async function lastUse(gates: Gates, client: UnusedClient): Promise<KnownUse | undefined> {
  if (!client.hasGate) return { client, usedAt: client.lastUsedAt };
  try {
    const { last_used_at, secrets } = await gates.activity({ client_id: client.clientId });
    // A gate that an older version left knows only the uses of secrets.
    const uses = [last_used_at, client.lastUsedAt, ...secrets.map((secret) => secret.last_used_at)];
    return { client, usedAt: Math.max(...uses.map((at) => at ?? 0)) || null };
  } catch (error) {
    ignoreUnavailable(error);
    return undefined;
  }
}

function noticeOf(
  organizationId: string,
  policy: UnusedClientsPolicy,
  { client, usedAt }: KnownUse,
  now: number,
): Notice {
  const { clientId, clientName, owner } = client;
  const judged = { ...client, lastUsedAt: usedAt };
  const since = unusedSince(judged, policy);
  return {
    // Another run builds the same id.
    id: `evt_unused_${since}_${clientId}`,
    at: now,
    organizationId,
    type: 'client.unused',
    target: clientId,
    data: {
      client_name: clientName,
      owner,
      last_used_at: timeOrNull(usedAt),
      unused_since: timeOrNull(since),
      // When it is disabled if it stays unused.
      disable_at: timeOrNull(disablingTime({ ...judged, reportedAt: now }, policy)),
    },
  };
}

function timeOrNull(milliseconds: number | null | undefined): string | null {
  return milliseconds === null || milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof StoreUnavailableError)) throw error;
}
