import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, done, getToken, world } from '../http.ts';
import { failing } from '../instruments.ts';
import worker from '../worker.ts';
import { crowd, rowsReadDuring } from './crowds.ts';
import { pointedAt } from './rows.ts';
import { rotated, type Secret } from './secrets.ts';

interface Listed extends Secret {
  readonly client_id: string;
  readonly client_name: string;
}

interface Page {
  readonly data: readonly Listed[];
  readonly next_cursor: string | null;
}

const DAY = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY).toISOString();
const get = (query: Record<string, string>) => done<Page>('GET', `secrets?${new URLSearchParams(query)}`);

/** Reads all pages, and notes the most rows that D1 read for one of them. */
async function walk(query: Record<string, string>): Promise<{ found: Listed[]; mostRows: number }> {
  const found: Listed[] = [];
  let mostRows = 0;
  let cursor: string | null = null;
  do {
    const { rows, result }: { rows: number; result: Page } = await rowsReadDuring(() =>
      get({ ...query, ...(cursor !== null && { cursor }) }),
    );
    found.push(...result.data);
    mostRows = Math.max(mostRows, rows);
    cursor = result.next_cursor;
  } while (cursor !== null);
  return { found, mostRows };
}

describe('the secrets of an organization with 10,000 clients', () => {
  const COUNT = 10_000;
  let organization: string;
  beforeAll(async () => {
    organization = await crowd(COUNT, {});
    const other = await crowd(COUNT, {});
    for (const id of [organization, other]) {
      // Every client has a primary secret, every second one a secondary one. One in a hundred of those ends within 30 days, as many have
      // ended, and as many are unused for ten days. As code of an older version writes them: without the organization.
      await env.DB.prepare(
        `INSERT INTO client_secrets (id, client_id, rank, hash, hint, created_at, rotated_at, expires_at)
         SELECT 'sec_1' || client_id, client_id, 'primary', client_id || 1, 'hint', 1, NULL, NULL FROM clients WHERE organization_id = ?1
         UNION ALL
         SELECT 'sec_2' || client_id, client_id, 'secondary', client_id || 2, 'hint', 1,
           CASE WHEN n % 100 = 4 THEN ?2 - 10 * ?3 ELSE ?2 END,
           CASE WHEN n % 100 = 0 THEN ?2 + (n / 100 % 30 + 0.5) * ?3 WHEN n % 100 = 2 THEN ?2 - ?3 ELSE ?2 + 90 * ?3 END
         FROM (SELECT client_id, CAST(substr(client_name, 8) AS INTEGER) AS n FROM clients WHERE organization_id = ?1) WHERE n % 2 = 0`,
      )
        .bind(id, Date.now(), DAY)
        .run();
    }
    const isMigrated = async () =>
      (await env.DB.prepare('SELECT 1 FROM client_secrets WHERE organization_id IS NULL LIMIT 1').first()) === null;
    for (let run = 0; run < 20 && !(await isMigrated()); run++) {
      await worker.scheduled(createScheduledController(), env);
    }
    expect(await isMigrated()).toBe(true);
  }, 120_000);

  test('that end soon are all found, the first to end first, and each page reads as few rows as one of few clients', async () => {
    const { found, mostRows } = await walk({ organization_id: organization, expires_before: inDays(31) });
    expect(found).toHaveLength(COUNT / 100);
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    const ends = found.map(({ expires_at }) => expires_at ?? '');
    expect(ends).toEqual(ends.toSorted());
    expect(found[0]).toMatchObject({ rank: 'secondary', client_name: expect.stringMatching(/^Client \d+00$/) });
    console.log(`most rows read for a page: ${mostRows}`);
    expect(mostRows).toBeLessThan(400);
  });

  test('that nobody uses are all found, and each page reads as few rows', async () => {
    const { found, mostRows } = await walk({ organization_id: organization, safe_to_delete: 'true', limit: '50' });
    expect(found).toHaveLength(COUNT / 100);
    expect(found.every(({ client_name, safe_to_delete }) => safe_to_delete && /04$/.test(client_name))).toBe(true);
    expect(mostRows).toBeLessThan(800);
  });

  test('are listed page by page', async () => {
    const { rows, result } = await rowsReadDuring(() => get({ organization_id: organization }));
    expect(result.data).toHaveLength(25);
    expect(rows).toBeLessThan(400);
    const next = await rowsReadDuring(() =>
      get({ organization_id: organization, cursor: result.next_cursor ?? '', limit: '50' }),
    );
    expect(next.result.data[0]?.id).toBe(`sec_1${organization}-000025`);
    expect(next.result.data).toHaveLength(50);
    const elsewhere = { organization_id: organization, safe_to_delete: 'true', cursor: result.next_cursor ?? '' };
    expect(await pointedAt(await api('GET', `secrets?${new URLSearchParams(elsewhere)}`))).toEqual(['cursor']);
  });
});

describe('a secondary secret', () => {
  /** Creates a client that rotated so long ago, in days, and uses both of its secrets. */
  async function rotatedLongAgo(days: number) {
    const { organization: id, worker: client } = await world(crypto.randomUUID());
    const { client: renewed } = await rotated(client);
    await env.DB.prepare("UPDATE client_secrets SET rotated_at = ? WHERE client_id = ? AND rank = 'secondary'")
      .bind(Date.now() - days * DAY, client.client_id)
      .run();
    const safe = () => get({ organization_id: id, safe_to_delete: 'true' });
    return { id, client, renewed, safe };
  }

  test('is not safe to delete until it is unused for a day, or if its gate knows of a use', async () => {
    expect((await (await rotatedLongAgo(1)).safe()).data).toEqual([]);
    const { id, client, renewed, safe } = await rotatedLongAgo(2);
    expect((await safe()).data).toMatchObject([
      {
        client_id: client.client_id,
        client_name: 'worker',
        rank: 'secondary',
        last_used_at: null,
        safe_to_delete: true,
      },
    ]);
    await getToken(renewed);
    expect((await safe()).data).toHaveLength(1);
    await getToken(client);
    expect((await safe()).data).toEqual([]);
    const all = (await get({ organization_id: id })).data;
    expect(all.filter(({ client_id }) => client_id === client.client_id)).toMatchObject([
      { rank: 'secondary', safe_to_delete: false, last_used_at: expect.any(String) },
      { rank: 'primary', safe_to_delete: false, last_used_at: expect.any(String) },
    ]);
  });

  test('is not called safe to delete while the gate of its client does not answer, and the others are listed', async () => {
    const { id, client, renewed, safe } = await rotatedLongAgo(2);
    await getToken(renewed);
    await failing('gate', async () => {
      expect((await safe()).data).toEqual([]);
      const all = (await get({ organization_id: id })).data;
      expect(all.filter(({ client_id }) => client_id === client.client_id)).toMatchObject([
        { safe_to_delete: false, last_used_at: null, reason: expect.stringContaining('does not answer') },
        { safe_to_delete: false, reason: 'It is the primary secret.' },
      ]);
    });
    expect((await safe()).data).toHaveLength(1);
  });

  test('that has expired or leaked does not end soon', async () => {
    const { id, client } = await rotatedLongAgo(0);
    const soon = () => get({ organization_id: id, expires_before: inDays(30) });
    const set = (column: string, at: number | null) =>
      env.DB.prepare(`UPDATE client_secrets SET ${column} = ? WHERE client_id = ? AND rank = 'secondary'`)
        .bind(at, client.client_id)
        .run();
    expect((await soon()).data).toEqual([]);
    await set('expires_at', Date.now() + DAY);
    expect((await soon()).data).toHaveLength(1);
    await set('expires_at', Date.now() - DAY);
    expect((await soon()).data).toEqual([]);
    await set('expires_at', Date.now() + DAY);
    await set('leaked_at', Date.now());
    expect((await soon()).data).toEqual([]);
  });
});

test('a filter that cannot be combined, and one without meaning, are refused', async () => {
  const { id = '' } = await create('organizations', { name: crypto.randomUUID() });
  const at = async (query: object) =>
    pointedAt(await api('GET', `secrets?${new URLSearchParams({ organization_id: id, ...query })}`));
  expect(await at({ safe_to_delete: 'true', expires_before: inDays(1) })).toEqual(['safe_to_delete']);
  expect(await at({ safe_to_delete: 'false' })).toEqual(['safe_to_delete']);
  expect(await at({ limit: '51' })).toEqual(['limit']);
  expect(await pointedAt(await api('GET', 'secrets'))).toEqual(['organization_id']);
});
