import type { Operation } from './operations.ts';

/** When the list was read from https://developers.cloudflare.com/workers/platform/pricing/ and the pages of the other products. */
export const PRICES_READ = '2026-11-29';

/**
 * Cloudflare's list prices on the plan Workers Paid, beyond what the plan includes: dollars for a million of each. Not here: storage, because
 * a client's gate has some kilobytes; the base fee of $5 a month.
 */
export const PRICES: Readonly<Record<Operation, number>> = {
  requests: 0.3,
  cpuMs: 0.02,
  // Calls and alarms.
  gateRequests: 0.15,
  // $12.50 for a million GB-seconds, and an object counts as 128 MB. An idle object that could hibernate costs nothing, even before it does;
  // a gate has no timers and no sockets, so that is each gate that answers no call.
  gateMs: (12.5 * 0.128) / 1000,
  gateRowsRead: 0.001,
  gateRowsWritten: 1,
  // Billed as a row written.
  alarmsSet: 1,
  d1RowsRead: 0.001,
  d1RowsWritten: 1,
  kvReads: 0.5,
  // Writes, deletions and lists.
  kvWrites: 5,
  logLines: 0.6,
};
