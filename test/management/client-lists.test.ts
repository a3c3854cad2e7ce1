import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, createClient, done } from '../http.ts';
import { seeded } from '../random.ts';
import { crowd, rowsReadDuring } from './crowds.ts';
import { pointedAt, problemOf } from './rows.ts';

/** Some clients were never used, every third is disabled, many are as old as another one, or have the same last use. */
const COLUMNS = {
  created_at: 'n % 100',
  last_used_at: 'CASE WHEN n % 10 = 0 THEN NULL ELSE 200 + (n * 7919) % 5000 / 7 END',
  status: "CASE WHEN n % 3 = 0 THEN 'disabled' ELSE 'active' END",
  owner: "CASE WHEN n % 50 = 1 THEN 'few' WHEN n % 50 = 2 THEN NULL ELSE 'most' END",
  token_endpoint_auth_method: "CASE WHEN n % 40 = 3 THEN 'tls_client_auth' ELSE 'client_secret_basic' END",
  expires_at: 'CASE WHEN n % 7 = 0 THEN n % 300 WHEN n % 7 < 6 THEN 1000 ELSE NULL END',
  additional_auth_methods: `CASE WHEN n % 5 < 4 THEN '["client_secret_post","private_key_jwt"]' ELSE '[]' END`,
};

interface Listed {
  readonly client_id: string;
  readonly client_name: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

interface Page {
  readonly data: readonly Listed[];
  readonly next_cursor: string | null;
}

const get = (query: Record<string, string>) => done<Page>('GET', `clients?${new URLSearchParams(query)}`);

/** Reads all pages, and notes the most rows that D1 read for one of them. */
async function walk(query: Record<string, string>): Promise<{ names: string[]; mostRows: number }> {
  const names: string[] = [];
  let mostRows = 0;
  let cursor: string | null = null;
  do {
    const { rows, result }: { rows: number; result: Page } = await rowsReadDuring(() =>
      get({ ...query, ...(cursor !== null && { cursor }) }),
    );
    names.push(...result.data.map(({ client_name }) => client_name));
    mostRows = Math.max(mostRows, rows);
    cursor = result.next_cursor;
  } while (cursor !== null);
  return { names, mostRows };
}

/** The `n`th client of a crowd, as the columns say. */
function member(n: number) {
  const isNeverUsed = n % 10 === 0;
  return {
    name: `Client ${String(n).padStart(6, '0')}`,
    id: String(n).padStart(6, '0'),
    created: n % 100,
    lastUse: isNeverUsed ? n % 100 : 200 + Math.floor(((n * 7919) % 5000) / 7),
    status: n % 3 === 0 ? 'disabled' : 'active',
    owner: n % 50 === 1 ? 'few' : n % 50 === 2 ? null : 'most',
    methods: [
      n % 40 === 3 ? 'tls_client_auth' : 'client_secret_basic',
      ...(n % 5 < 4 ? ['client_secret_post', 'private_key_jwt'] : []),
    ],
    expiry: n % 7 === 0 ? n % 300 : n % 7 < 6 ? 1000 : Number.POSITIVE_INFINITY,
    roles: [...(n % 60 === 5 ? ['rare'] : []), ...(n % 8 < 7 ? ['usual'] : [])],
  };
}
type Member = ReturnType<typeof member>;

const FILTERS: Readonly<Record<string, Readonly<Record<string, (one: Member) => boolean>>>> = {
  name: {
    'client 0000': ({ id }) => id.startsWith('0000'),
    CLIENT: () => true,
    other: () => false,
  },
  owner: { few: ({ owner }) => owner === 'few', most: ({ owner }) => owner === 'most' },
  status: { active: ({ status }) => status === 'active', disabled: ({ status }) => status === 'disabled' },
  auth_method: {
    tls_client_auth: ({ methods }) => methods.includes('tls_client_auth'),
    private_key_jwt: ({ methods }) => methods.includes('private_key_jwt'),
    client_secret_basic: ({ methods }) => methods.includes('client_secret_basic'),
    federated_jwt: () => false,
  },
  unused_since: {
    [new Date(50).toISOString()]: ({ lastUse }) => lastUse < 50,
    [new Date(600).toISOString()]: ({ lastUse }) => lastUse < 600,
  },
  expires_before: {
    [new Date(200).toISOString()]: ({ expiry }) => expiry < 200,
    [new Date(2000).toISOString()]: ({ expiry }) => expiry < 2000,
  },
  role: { rare: ({ roles }) => roles.includes('rare'), usual: ({ roles }) => roles.includes('usual') },
};

const SORTS: Readonly<Record<string, (one: Member) => number>> = {
  name: ({ id }) => Number(id),
  created_at: ({ created }) => created,
  last_used_at: ({ lastUse }) => lastUse,
};

/** Chooses up to four filters and an order. */
function randomQuery({ below }: ReturnType<typeof seeded>): Record<string, string> {
  const pick = <T>(some: readonly T[]) => some[below(some.length)] as T;
  const names = Object.keys(FILTERS).toSorted(() => below(3) - 1);
  const filters = names.slice(0, below(5)).map((name) => [name, pick(Object.keys(FILTERS[name] ?? {}))] as const);
  const sort = `${pick(['', '-'])}${pick(Object.keys(SORTS))}`;
  return { ...Object.fromEntries(filters), sort };
}

function expected(count: number, { sort = 'name', ...filters }: Record<string, string>): string[] {
  const key = SORTS[sort.replace('-', '')] ?? (() => 0);
  const wanted = Array.from({ length: count }, (_, n) => member(n))
    .filter((one) => Object.entries(filters).every(([name, value]) => FILTERS[name]?.[value]?.(one)))
    .toSorted((one, other) => key(one) - key(other) || (one.id < other.id ? -1 : 1));
  return (sort.startsWith('-') ? wanted.toReversed() : wanted).map(({ name }) => name);
}

async function newCrowd(count: number): Promise<string> {
  const organization = await crowd(count, COLUMNS);
  for (const [name, has] of [
    ['rare', 'n % 60 = 5'],
    ['usual', 'n % 8 < 7'],
  ] as const) {
    const { id } = await create('roles', { organization_id: organization, name });
    await env.DB.prepare(
      `INSERT INTO client_roles (client_id, role_id) SELECT client_id, ?1 FROM
       (SELECT client_id, CAST(substr(client_name, 8) AS INTEGER) AS n FROM clients WHERE organization_id = ?2) WHERE ${has}`,
    )
      .bind(id, organization)
      .run();
  }
  return organization;
}

describe('a list of many clients', () => {
  const COUNT = 1500;
  let organization: string;
  beforeAll(async () => {
    organization = await newCrowd(COUNT);
  });

  test('has the wanted ones in the wanted order, with any filters together', async () => {
    const random = seeded(15);
    for (let time = 0; time < 60; time++) {
      const query = randomQuery(random);
      const limit = String([100, 100, 37][time % 3]);
      const { names } = await walk({ organization_id: organization, limit, ...query });
      expect(names, JSON.stringify(query)).toEqual(expected(COUNT, query));
    }
  });

  test('may be filtered by everything at once', async () => {
    const identifier = `https://${crypto.randomUUID()}.example`;
    await create('resource-servers', { organization_id: organization, identifier, name: 'everything' });
    const [before, after] = [new Date(600).toISOString(), new Date(2000).toISOString()];
    const all = { owner: 'most', status: 'active', auth_method: 'private_key_jwt', name: 'c', role: 'usual' };
    const usual = { ...all, unused_since: before, expires_before: after };
    for (const sort of Object.keys(SORTS).flatMap((name) => [name, `-${name}`])) {
      const query = { organization_id: organization, sort, limit: '7', ...usual };
      const wanted = { ...usual, name: 'CLIENT', sort };
      expect((await walk(query)).names, sort).toEqual(expected(COUNT, wanted));
      expect((await walk({ ...query, resource_server: identifier, reserved_claims: 'true' })).names).toEqual([]);
    }
  });

  test('that are sorted by one property goes on where the page ended, in any page size', async () => {
    for (const sort of Object.keys(SORTS).flatMap((name) => [name, `-${name}`])) {
      const { names } = await walk({ organization_id: organization, limit: '7', name: 'client 0001', sort });
      const all = expected(COUNT, { sort });
      expect(names, sort).toEqual(all.filter((name) => name.startsWith('Client 0001')));
    }
  });
});

test('a page of 20,000 clients reads as few rows as one of a few clients, with any filters together', async () => {
  const organization = await newCrowd(20_000);
  const random = seeded(16);
  let most = 0;
  for (let time = 0; time < 60; time++) {
    const query: Record<string, string> = { organization_id: organization, limit: '10', ...randomQuery(random) };
    for (let page = 0; page < 2; page++) {
      const { rows, result } = await rowsReadDuring(() => get(query));
      expect(rows, JSON.stringify(query)).toBeLessThan(12_000);
      most = Math.max(most, rows);
      if (result.next_cursor === null) break;
      query.cursor = result.next_cursor;
    }
  }
  console.log(`most rows read for a page: ${most}`);
});

test('an unknown order, a method that there is not, and a time that is none are refused', async () => {
  const organization = await crowd(1, {});
  for (const [parameter, value] of [
    ['sort', 'owner'],
    ['sort', '+name'],
    ['sort', ''],
    ['auth_method', 'password'],
    ['unused_since', '90d'],
    ['expires_before', 'soon'],
    ['unused_since', '2026-02-30T00:00:00Z'],
  ] as const) {
    const query = new URLSearchParams({ organization_id: organization, [parameter]: value });
    expect(await pointedAt(await api('GET', `clients?${query}`)), `${parameter}=${value}`).toEqual([parameter]);
  }
});

test('a cursor of another order is refused, and says of which it is', async () => {
  const organization = await crowd(3, {});
  const cursorOf = async (sort: string) =>
    (await get({ organization_id: organization, limit: '1', sort })).next_cursor ?? '';
  const sorts = Object.keys(SORTS).flatMap((name) => [name, `-${name}`]);
  for (const of of sorts) {
    for (const sort of sorts) {
      const query = new URLSearchParams({ organization_id: organization, sort, cursor: await cursorOf(of) });
      const answer = await api('GET', `clients?${query}`);
      if (of === sort) expect(answer.status).toBe(200);
      else
        expect((await problemOf(answer, 422)).errors).toMatchObject([
          { parameter: 'cursor', detail: expect.stringContaining(`\`sort=${of}\``) },
        ]);
    }
  }
  for (const keys of [
    ['created_at', 'x', 'y'],
    ['-name', 1, 'y'],
    ['owner', 'x', 'y'],
    ['created_at', 1],
  ]) {
    const cursor = btoa(JSON.stringify(keys)).replace(/=+$/, '');
    const query = new URLSearchParams({ organization_id: organization, sort: String(keys[0]), cursor });
    expect((await pointedAt(await api('GET', `clients?${query}`))).length, String(keys)).toBeGreaterThan(0);
  }
});

test('the last use may be given in any time zone, and in the future', async () => {
  const organization = await crowd(2, { last_used_at: `${Date.parse('2026-05-01T12:00:00Z')} + n` });
  const found = async (unused_since: string) =>
    (await get({ organization_id: organization, unused_since })).data.length;
  expect(await found('2026-05-01T14:00:00+02:00')).toBe(0);
  expect(await found('2026-05-01T12:00:00.001Z')).toBe(1);
  expect(await found('2026-05-01T07:00:00.002-05:00')).toBe(2);
  expect(await found('2999-01-01T00:00:00Z')).toBe(2);
});

test('a method is found as registered and as additional one, after each change of the client', async () => {
  const { id: organization_id } = await create('organizations', { name: crypto.randomUUID() });
  const { client_id } = await createClient({ organization_id, client_name: 'Changing' });
  const methods = async () => {
    const all = ['client_secret_basic', 'client_secret_post', 'tls_client_auth', 'private_key_jwt'];
    const found = await Promise.all(
      all.map(
        async (auth_method) => (await get({ organization_id: organization_id ?? '', auth_method })).data.length > 0,
      ),
    );
    return all.filter((_, index) => found[index]);
  };
  expect(await methods()).toEqual(['client_secret_basic']);
  const change = (body: object) => done('PATCH', `clients/${client_id}`, { body });
  await change({ additional_auth_methods: ['tls_client_auth'], tls_client_auth_san_dns: 'a.example.com' });
  expect(await methods()).toEqual(['client_secret_basic', 'tls_client_auth']);
  await change({ token_endpoint_auth_method: 'client_secret_post' });
  expect(await methods()).toEqual(['client_secret_post', 'tls_client_auth']);
  await change({ additional_auth_methods: [] });
  expect(await methods()).toEqual(['client_secret_post']);
});
