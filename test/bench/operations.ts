/** What the platform bills, with the words of the page. */
export const OPERATIONS = {
  requests: 'Worker requests',
  cpuMs: 'CPU, ms',
  gateRequests: 'Durable Object requests (calls and alarms)',
  gateMs: 'Durable Object duration, ms',
  gateRowsRead: 'Durable Object rows read',
  gateRowsWritten: 'Durable Object rows written',
  alarmsSet: 'alarms set (each a row written)',
  d1RowsRead: 'D1 rows read',
  d1RowsWritten: 'D1 rows written',
  kvReads: 'KV reads',
  kvWrites: 'KV writes',
  logLines: 'log lines',
} as const;

export type Operation = keyof typeof OPERATIONS;

/** How many of each operation were counted. */
export type Operations = Readonly<Record<Operation, number>>;

/** What a counting Worker has counted: all operations but CPU time, and how often a gate was started. */
export type Counted = Omit<Operations, 'cpuMs'> & { readonly gateStarts: number };

/** Returns the operations of one token, if these are of so many. */
export function perToken(counted: Operations, tokens: number): Operations {
  return mapped((operation) => counted[operation] / tokens);
}

/** Returns one plus a share of another. */
export function plus(one: Operations, other: Operations, share: number): Operations {
  return mapped((operation) => one[operation] + other[operation] * share);
}

function mapped(value: (operation: Operation) => number): Operations {
  const names = Object.keys(OPERATIONS) as Operation[];
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Operations;
}
