import { DISABLING_NOTICE, USE_PRECISION } from './constants.ts';

// The rules of a policy for unused clients, as pure functions. Times are milliseconds since the epoch.

/** A policy of an organization. At least one number of days is set. */
export interface UnusedClientsPolicy {
  readonly reportAfterDays: number | null;
  readonly disableAfterDays: number | null;
  /** When the days were last changed. */
  readonly since: number;
  /** When the organization was last enabled; null if it never was disabled. */
  readonly organizationEnabledAt: number | null;
}

/** An active client that the policy does not leave alone. */
export interface JudgedClient {
  readonly createdAt: number;
  /** null if it was never used. */
  readonly lastUsedAt: number | null;
  /** When it was last enabled; null if it never was disabled. */
  readonly enabledAt: number | null;
  /** When it was last reported as unused; null if it never was. */
  readonly reportedAt: number | null;
  /** When it ends; null if it does not. */
  readonly expiresAt: number | null;
}

/** What the policy does with a client. */
export type Judgement = 'keep' | 'report' | 'disable';

/** Returns what the policy does with a client now. */
export function judge(client: JudgedClient, policy: UnusedClientsPolicy, now: number): Judgement {
  // It cannot be used any more. If it is brought back, that counts as enabling it.
  if (client.expiresAt !== null && client.expiresAt <= now) return 'keep';
  const disableAt = disablingTime(client, policy);
  if (disableAt !== undefined && now >= disableAt) return 'disable';
  const { reportAfterDays } = policy;
  if (reportAfterDays === null || isReported(client, policy)) return 'keep';
  return now >= dueTime(unusedSince(client, policy), reportAfterDays) ? 'report' : 'keep';
}

/**
 * Returns the beginning of a client's disuse: its last use, or its creation; or when it was enabled, because it could not be used before.
 */
export function unusedSince(
  { createdAt, lastUsedAt, enabledAt }: JudgedClient,
  { organizationEnabledAt }: UnusedClientsPolicy,
): number {
  return Math.max(lastUsedAt ?? createdAt, enabledAt ?? 0, organizationEnabledAt ?? 0);
}

/**
 * Returns when the policy disables a client that stays unused, or undefined if it does not: it has no days for that, or the client must be
 * reported first.
 */
export function disablingTime(client: JudgedClient, policy: UnusedClientsPolicy): number | undefined {
  const { reportAfterDays, disableAfterDays, since } = policy;
  if (disableAfterDays === null) return undefined;
  const earliest = Math.max(
    dueTime(unusedSince(client, policy), disableAfterDays),
    // A policy that is new, or stricter than before, finds clients that nobody was warned about.
    since + DISABLING_NOTICE * 1000,
  );
  if (reportAfterDays === null) return earliest;
  if (!isReported(client, policy)) return undefined;
  const warning = Math.min(DISABLING_NOTICE * 1000, days(disableAfterDays - reportAfterDays));
  return Math.max(earliest, (client.reportedAt ?? 0) + warning);
}

/** Returns the latest last use with which a client can be due for anything now. */
export function latestDueUse({ reportAfterDays, disableAfterDays }: UnusedClientsPolicy, now: number): number {
  const fewest = Math.min(reportAfterDays ?? Number.POSITIVE_INFINITY, disableAfterDays ?? Number.POSITIVE_INFINITY);
  return now - days(fewest) - USE_PRECISION * 1000;
}

/** Whether the client was reported in its current disuse. */
function isReported(client: JudgedClient, policy: UnusedClientsPolicy): boolean {
  return client.reportedAt !== null && client.reportedAt > unusedSince(client, policy);
}

function dueTime(since: number, afterDays: number): number {
  return since + days(afterDays) + USE_PRECISION * 1000;
}

function days(count: number): number {
  return count * 86_400_000;
}
