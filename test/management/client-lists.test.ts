import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { listUnusedClients, type UnusedClient } from '../../src/store/client-scans.ts';
import { database } from '../../src/store/database.ts';
import { instrument } from '../instruments.ts';
import { crowd, rowsReadDuring } from './crowds.ts';

/** Every tenth client was never used, every third is disabled, and some have the same last use. */
const USES = {
  created_at: 'n % 100',
  last_used_at: 'CASE WHEN n % 10 = 0 THEN NULL ELSE 200 + n / 7 END',
  status: "CASE WHEN n % 3 = 0 THEN 'disabled' ELSE 'active' END",
};

test('the active clients that are not used since a time are read from one range of an index, page by page', async () => {
  const db = database(instrument(env).DB);
  const organization = await crowd(3000, USES);
  const unused = Array.from({ length: 3000 }, (_, n) => ({
    clientId: `${organization}-${String(n).padStart(6, '0')}`,
    unusedFrom: n % 10 === 0 ? n % 100 : 200 + Math.floor(n / 7),
    isActive: n % 3 !== 0,
  }))
    .filter(({ isActive, unusedFrom }) => isActive && unusedFrom < 300)
    .map(({ clientId, unusedFrom }) => ({ clientId, unusedFrom }))
    .toSorted((one, other) => one.unusedFrom - other.unusedFrom || (one.clientId < other.clientId ? -1 : 1));
  const found: UnusedClient[] = [];
  for (let after: UnusedClient | undefined; ; after = found.at(-1)) {
    const { rows, result } = await rowsReadDuring(() =>
      listUnusedClients(db, organization, { since: 300, after, limit: 7 }),
    );
    expect(rows).toBeLessThan(60);
    if (result.length === 0) break;
    found.push(...result);
  }
  expect(found).toEqual(unused);
  expect(unused.length).toBeGreaterThan(500);
});
