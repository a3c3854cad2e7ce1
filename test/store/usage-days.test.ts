import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { UsageCount } from '../../src/gates/protocol.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { INSTANCE } from '../../src/store/usage-days.ts';
import { create, createClient } from '../http.ts';
import { usageRowsOf } from '../management/rows.ts';
import { seeded } from '../random.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const db = database(env.DB);

/**
 * The counts of an organization, or of the instance: by day, kind, name and hour.
 * @param from the first day. A gate of another test file may still report what was counted there, on earlier days
 */
async function sumsOf(owner: string, from = 0): Promise<Record<string, number>> {
  const { results } = await env.DB.prepare(
    `SELECT day || ' ' || kind.key || ' ' || name.key || ' ' || hour.key AS name, hour.value AS count
    FROM usage_days, json_each(counts) AS kind, json_each(kind.value) AS name, json_each(name.value) AS hour WHERE owner = ? AND day >= ?`,
  )
    .bind(owner, from)
    .all<{ name: string; count: number }>();
  return Object.fromEntries(results.map(({ name, count }) => [name, count]));
}

async function newClients(number: number): Promise<{ organization: string; clientIds: string[] }> {
  const { id: organization = '' } = await create('organizations', { name: crypto.randomUUID() });
  const clients = await Promise.all(
    Array.from({ length: number }, (_, index) =>
      createClient({ organization_id: organization, client_name: `c${index}` }),
    ),
  );
  return { organization, clientIds: clients.map(({ client_id }) => client_id) };
}

test('the sums are exactly those of the clients’ counts, in whatever order flushes arrive, and however often', async () => {
  const START = Date.UTC(2028, 0, 10);
  const { below } = seeded(11);
  const organizations = [await newClients(3), await newClients(2)];
  const clients = organizations.flatMap(({ organization, clientIds }) =>
    clientIds.map((clientId) => ({ organization, clientId, counts: new Map<string, UsageCount>() })),
  );
  const flushes: { clientId: string; counts: UsageCount[] }[] = [];
  for (let step = 0; step < 120; step++) {
    const { clientId, counts } = clients[below(clients.length)] ?? {
      clientId: '',
      counts: new Map<string, UsageCount>(),
    };
    const hour = START + below(50) * HOUR;
    const outcome = ['issued', 'rate_limited', 'invalid_scope'][below(3)] ?? '';
    const key = `${hour} ${outcome}`;
    counts.set(key, { hour, outcome, count: (counts.get(key)?.count ?? 0) + 1 + below(9) });
    if (below(3) === 0) flushes.push({ clientId, counts: [...counts.values()] });
    const again = flushes[below(flushes.length + 1)];
    if (again) await flushUsage(db, again.clientId, { counts: again.counts }, START);
  }
  for (const { clientId, counts } of clients) {
    await flushUsage(db, clientId, { counts: [...counts.values()] }, START);
    const sorted = [...counts.values()].sort((one, other) =>
      one.hour === other.hour ? (one.outcome < other.outcome ? -1 : 1) : one.hour - other.hour,
    );
    expect(await usageRowsOf(clientId)).toEqual(sorted);
  }
  const expected = (owner: string) => {
    const sums: Record<string, number> = {};
    for (const { organization, counts } of clients) {
      if (owner !== INSTANCE && owner !== organization) continue;
      for (const { hour, outcome, count } of counts.values()) {
        const day = Math.floor(hour / DAY) * DAY;
        const name = `${day} outcomes ${outcome} ${(hour - day) / HOUR}`;
        sums[name] = (sums[name] ?? 0) + count;
      }
    }
    return sums;
  };
  for (const { organization } of organizations) expect(await sumsOf(organization)).toEqual(expected(organization));
  expect(await sumsOf(INSTANCE, START)).toEqual(expected(INSTANCE));
});
