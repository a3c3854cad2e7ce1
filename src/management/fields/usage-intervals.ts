import { hoursOf } from '../../store/usage-days.ts';
import type { UsageDay, UsageRange, UsageTotal } from '../../store/usage-reports.ts';

// Reports of usage, from the sums by day. Pure functions; times are in milliseconds since the epoch.

const HOUR_MS = 3_600_000;

export const INTERVALS = ['hour', 'day'] as const;
export type Interval = (typeof INTERVALS)[number];

/** What was counted in an hour or a day. */
export interface IntervalUsage {
  readonly start: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** The clients with the most requests first. Absent if the days do not have them. */
  readonly clients?: readonly ClientTotal[];
  /** The resource servers with the most tokens first; `identifier` is null for the sum of those without a count of their own. */
  readonly resourceServers?: readonly { readonly identifier: string | null; readonly issued: number }[];
}

export interface ClientTotal extends UsageTotal {
  readonly clientId: string;
}

/** Returns the hours or days with requests that begin within a range, newest first. */
export function byInterval(days: readonly UsageDay[], interval: Interval, { from, to }: UsageRange): IntervalUsage[] {
  const usage = days.flatMap((day) => {
    const starts = interval === 'day' ? [day.start] : hoursWithRequests(day);
    return starts.filter((start) => start >= from && start <= to).map((start) => usageOf(day, interval, start));
  });
  return usage.sort((one, other) => other.start - one.start);
}

export interface RankedClient extends ClientTotal {
  /** How many requests the sums may lack. */
  readonly missedAtMost: number;
}

/**
 * Ranks the clients of several days by their requests in a range. A client that is not among those of a full list had no more requests that
 * day than the last one of it.
 * @param full the number of clients of a full list
 */
export function rankClients(days: readonly UsageDay[], { from, to }: UsageRange, full: number): RankedClient[] {
  const totals = new Map<string, UsageTotal>();
  for (const { start, clients = {} } of days) {
    for (const [clientId, { hours }] of Object.entries(clients)) {
      for (const [hour, [issued, refused]] of hoursOf(start, hours)) {
        if (hour < from || hour > to) continue;
        const total = totals.get(clientId) ?? { issued: 0, refused: 0 };
        totals.set(clientId, { issued: total.issued + issued, refused: total.refused + refused });
      }
    }
  }
  const lists = days.map(({ clients = {} }) => {
    const requests = Object.values(clients).map((client) => client.requests);
    return { clients, least: requests.length < full ? 0 : Math.min(...requests) };
  });
  const missed = (clientId: string) =>
    lists.reduce((sum, { clients, least }) => sum + (Object.hasOwn(clients, clientId) ? 0 : least), 0);
  const ranked = [...totals].map(([clientId, total]) => ({ clientId, ...total, missedAtMost: missed(clientId) }));
  return ranked.sort(byRequests);
}

function hoursWithRequests({ start, outcomes = {} }: UsageDay): number[] {
  return [...new Set(Object.values(outcomes).flatMap((hours) => hoursOf(start, hours).map(([hour]) => hour)))];
}

function usageOf(
  { start: day, outcomes = {}, clients, resource_servers }: UsageDay,
  interval: Interval,
  start: number,
) {
  const hourOfDay = (start - day) / HOUR_MS;
  /** The values of the hours that belong to the interval. One look-up for an hour: 32 full days have 150,000 counts. */
  const valuesOf = <T>(hours: Readonly<Record<string, T>>): T[] => {
    if (interval === 'day') return Object.values(hours);
    const value = hours[hourOfDay];
    return value === undefined ? [] : [value];
  };
  const sums = (counts: Readonly<Record<string, Readonly<Record<string, number>>>>) =>
    Object.entries(counts)
      .map(([name, hours]) => [name, valuesOf(hours).reduce((sum, count) => sum + count, 0)] as const)
      .filter(([, count]) => count > 0);
  return {
    start,
    outcomes: Object.fromEntries(sums(outcomes)),
    ...(clients && {
      clients: Object.entries(clients)
        .map(([clientId, { hours }]) => ({ clientId, ...totalOf(valuesOf(hours)) }))
        .filter(({ issued, refused }) => issued + refused > 0)
        .sort(byRequests),
    }),
    ...(resource_servers && {
      resourceServers: sums(resource_servers)
        .map(([name, issued]) => ({ identifier: name === '' ? null : name, issued }))
        .sort((one, other) => other.issued - one.issued),
    }),
  };
}

function totalOf(hours: readonly (readonly [issued: number, refused: number])[]): UsageTotal {
  const sum = (index: 0 | 1) => hours.reduce((total, hour) => total + hour[index], 0);
  return { issued: sum(0), refused: sum(1) };
}

// Clients with as many requests are in the order of their ids, so that the order does not change from request to request.
function byRequests(one: ClientTotal, other: ClientTotal): number {
  const difference = other.issued + other.refused - one.issued - one.refused;
  return difference === 0 ? (one.clientId < other.clientId ? -1 : 1) : difference;
}
