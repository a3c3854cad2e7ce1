import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  patchWithKeys,
  patchWithout,
  patchWithWorkload,
  readKeys,
} from '../../src/console/pages/client/credential-patches.ts';
import { decodeToken } from '../../src/console/pages/client/decoded-token.ts';
import { mergePatchOf } from '../../src/console/pages/client/merge-patch.ts';
import { grantsWithout } from '../../src/console/pages/client/removal.ts';
import { solutionOf } from '../../src/console/pages/client/solutions.ts';
import { usageSeries } from '../../src/console/pages/client/usage-series.ts';
import { type Outcome, runBounded } from '../../src/console/pages/clients/bounded.ts';
import {
  isFiltered,
  listCommand,
  METHODS,
  readFilters,
  toQuery,
  withFilter,
  writeFilters,
} from '../../src/console/pages/clients/filters.ts';
import { toLocal, toUtc, zoneNote } from '../../src/console/ui/fields/local-time.ts';
import { applyMergePatch } from '../../src/lib/merge-patch.ts';
import { FINDINGS } from '../../src/management/diagnosis/finding-texts.ts';
import { AUTH_METHODS } from '../../src/store/client-authentication.ts';

const NOW = Date.parse('2026-11-29T12:34:56.789Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('the filters of the list', () => {
  test('survive the way into an address and back', () => {
    const filters = {
      name: 'Ünïcode & =+',
      status: 'disabled',
      auth_method: 'private_key_jwt',
      owner: 'a@example.com',
      unused_since: '90d',
      expires_before: '2027-01-31',
      sort: '-last_used_at',
    };
    expect(readFilters(writeFilters(filters))).toEqual(filters);
    expect(readFilters(`?${writeFilters(filters)}`)).toEqual(filters);
  });

  test.each([
    ['status=gone', {}],
    ['sort=owner', {}],
    ['auth_method=none', {}],
    ['unused_since=soon', {}],
    ['unused_since=90d&x=1', { unused_since: '90d' }],
    ['name=&owner=%20', {}],
    ['reserved_claims=false', {}],
  ])('leave out what the API would refuse: %s', (search, expected) => {
    expect(readFilters(search)).toEqual(expected);
  });

  test('have the methods of the API', () => {
    expect([...METHODS].sort()).toEqual([...AUTH_METHODS].sort());
  });

  test('are sent as times, which stay the same for an hour', () => {
    const filters = { unused_since: '90d', expires_before: '30d', status: 'active' };
    const query = toQuery(filters, NOW);
    expect(query).toEqual({
      status: 'active',
      unused_since: '2026-08-31T12:00:00.000Z',
      expires_before: '2026-12-29T13:00:00.000Z',
    });
    expect(toQuery(filters, NOW + 1000)).toEqual(query);
    expect(toQuery({ unused_since: '2026-10-01' }, NOW)).toEqual({ unused_since: '2026-10-01T00:00:00.000Z' });
    expect(toQuery({ unused_since: '2026-10-01T02:00:00+02:00' }, NOW)).toEqual({
      unused_since: '2026-10-01T00:00:00.000Z',
    });
  });

  test('can be taken back one by one', () => {
    expect(withFilter({ status: 'active', name: 'a' }, 'status', '')).toEqual({ name: 'a' });
    expect(withFilter({ status: 'active' }, 'status', 'disabled')).toEqual({ status: 'disabled' });
    expect(isFiltered({ sort: '-name' })).toBe(false);
    expect(isFiltered({ name: 'a' })).toBe(true);
  });

  test('are the options of the command line', () => {
    const filters = readFilters('?unused_since=90d&status=active&sort=-last_used_at&name=In+voice');
    expect(listCommand(filters, 'org_1').replaceAll(' \\\n ', '')).toBe(
      "edgemint clients list --name 'In voice' --status active --unused-since 90d --sort=-last_used_at --organization org_1",
    );
    expect(listCommand({ reserved_claims: 'true' }, 'org_1')).toBe(
      'edgemint clients reserved-claims --organization org_1',
    );
  });
});

describe('work for many clients', () => {
  test('runs for a few at a time, and reports each that failed', async () => {
    let running = 0;
    let most = 0;
    const outcomes: Outcome<number>[] = [];
    const work = async (item: number) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if (item % 3 === 0) throw new Error(`no ${item}`);
    };
    await runBounded([1, 2, 3, 4, 5, 6, 7], 3, work, (outcome) => outcomes.push(outcome));
    expect(most).toBe(3);
    expect(outcomes).toHaveLength(7);
    expect(outcomes.filter(({ isDone }) => !isDone)).toEqual([
      { item: 3, isDone: false, why: 'no 3' },
      { item: 6, isDone: false, why: 'no 6' },
    ]);
  });

  test('begins no more once it is stopped', async () => {
    const stop = new AbortController();
    const done: number[] = [];
    const work = async (item: number) => {
      done.push(item);
      if (item === 2) stop.abort();
    };
    await runBounded([1, 2, 3, 4], 1, work, () => {}, stop.signal);
    expect(done).toEqual([1, 2]);
  });
});

describe('the usage of a client', () => {
  const hours = [
    { hour: '2026-11-29T11:00:00.000Z', issued: 5, refused: { slow_down: 2 } },
    { hour: '2026-11-28T23:00:00.000Z', issued: 3, refused: { wrong_secret: 1, slow_down: 1 } },
    { hour: '2026-10-01T00:00:00.000Z', issued: 99, refused: { slow_down: 99 } },
  ];

  test('has an interval for each hour, also for those without requests', () => {
    const { series, from, issued, refused, reasons } = usageSeries(hours, NOW - 23 * HOUR, NOW, HOUR);
    expect(new Date(from).toISOString()).toBe('2026-11-28T13:00:00.000Z');
    expect(series.map(({ name, values }) => [name, values.length])).toEqual([
      ['Issued', 24],
      ['slow_down', 24],
      ['wrong_secret', 24],
    ]);
    expect(series[0]?.values[22]).toBe(5);
    expect(series[0]?.values[10]).toBe(3);
    expect({ issued, refused }).toEqual({ issued: 8, refused: 4 });
    expect(reasons).toEqual([
      { reason: 'slow_down', count: 3 },
      { reason: 'wrong_secret', count: 1 },
    ]);
  });

  test('is summed by day in UTC', () => {
    const { series } = usageSeries(hours, NOW - DAY, NOW, DAY);
    expect(series[0]?.values).toEqual([3, 5]);
  });

  test('draws rare reasons as one line', () => {
    const refused = { a: 9, b: 8, c: 7, d: 6, e: 5, f: 4 };
    const { series } = usageSeries([{ hour: '2026-11-29T11:00:00.000Z', issued: 0, refused }], NOW - HOUR, NOW, HOUR);
    expect(series.map(({ name }) => name)).toEqual(['Issued', 'a', 'b', 'c', 'd', 'Other refusals']);
    expect(series.at(-1)?.values).toEqual([9, 0]);
  });

  test('without any request is zero', () => {
    expect(usageSeries([], NOW - HOUR, NOW, HOUR)).toMatchObject({
      issued: 0,
      refused: 0,
      series: [{ name: 'Issued' }],
    });
  });
});

test.each(Object.keys(FINDINGS))('the finding %s has an action that solves it', (finding) => {
  expect(solutionOf(finding)?.label).toMatch(/^[A-Z]/);
});

test('a finding of a newer server has none', () => {
  expect(solutionOf('new_one')).toBeUndefined();
  expect(solutionOf('constructor')).toBeUndefined();
});

test('a patch has the fields that differ, and removes members that are gone', () => {
  const before = { a: 1, b: { c: [1, { d: null }], gone: 1, same: 2 }, e: null, f: ['x'], g: {}, left: 'alone' };
  expect(mergePatchOf(before, structuredClone(before))).toEqual({});
  const after = { a: 1, b: { c: [1, { d: 2 }], same: 2 }, e: { new: 1 }, f: [], g: null };
  expect(mergePatchOf(before, after)).toEqual({ b: { c: [1, { d: 2 }], gone: null }, e: { new: 1 }, f: [], g: null });
  expect(applyMergePatch(before, mergePatchOf(before, after))).toEqual({ ...after, g: undefined, left: 'alone' });
});

describe('the grants without unused scopes', () => {
  const a = { resource_server: 'a', scopes: ['r', 'w'] };
  const b = { resource_server: 'b', scopes: ['r'] };
  const bare = { resource_server: 'c', scopes: [] };

  test('keep what is not chosen', () => {
    expect(grantsWithout([a, b], [b], [{ resource_server: 'a', scope: 'w' }])).toEqual([
      { resource_server: 'a', scopes: ['r'] },
      b,
    ]);
  });

  test('lose a grant of which nothing is left, unless tokens without scopes are used', () => {
    const removed = [{ resource_server: 'b', scope: 'r' }];
    expect(grantsWithout([a, b], [a], removed)).toEqual([a]);
    expect(grantsWithout([a, b], [a, { ...b, scopes: [] }], removed)).toEqual([a, { ...b, scopes: [] }]);
  });

  test('lose a grant without scopes only if it is chosen', () => {
    expect(grantsWithout([bare], [], [])).toEqual([bare]);
    expect(grantsWithout([bare], [], [{ resource_server: 'c', scope: null }])).toEqual([]);
  });
});

describe('a token', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('is decoded', () => {
    expect(decodeToken(`${part({ alg: 'ES256' })}.${part({ sub: 'ü' })}.c2ln`)).toEqual({
      header: { alg: 'ES256' },
      claims: { sub: 'ü' },
    });
  });

  test.each(['', 'a.b', 'a.b.c', `${part(1)}.${part({})}.x`, `${part({})}.${part({})}.x.y`])(
    'that is none is not: %s',
    (token) => {
      expect(decodeToken(token)).toBeUndefined();
    },
  );
});

describe('the credentials of a client', () => {
  const key = (kid: string) => ({ kty: 'EC', crv: 'P-256', kid });
  const client = {
    token_endpoint_auth_method: 'client_secret_basic',
    additional_auth_methods: [],
    jwks: null,
    jwks_uri: null,
    federated_identities: [],
    tls_client_auth_san_dns: null,
  } as unknown as Parameters<typeof patchWithout>[0];

  test('are pasted as a JWK or a JWK Set', () => {
    expect(readKeys(JSON.stringify(key('a')))).toEqual({ keys: [key('a')] });
    expect(readKeys(JSON.stringify({ keys: [key('a'), key('b')] }))).toEqual({ keys: [key('a'), key('b')] });
  });

  test.each(['', 'x', '[]', '{"keys": []}', '{"keys": [1]}', '{"kid": "a"}'])('are no keys: %s', (text) => {
    expect(readKeys(text)).toHaveProperty('fault');
  });

  test.each(['d', 'p', 'k', 'priv'])('are not sent if they have the private member %s', (member) => {
    const fault = expect.stringContaining('private');
    expect(readKeys(JSON.stringify({ keys: [key('a'), { ...key('b'), [member]: 'x' }] }))).toEqual({ fault });
  });

  test('are accepted by their method from then on', () => {
    expect(patchWithKeys(client, [key('a')])).toEqual({
      jwks: { keys: [key('a')] },
      additional_auth_methods: ['private_key_jwt'],
    });
    const holder = { ...client, jwks: { keys: [key('a')] }, token_endpoint_auth_method: 'private_key_jwt' as const };
    expect(patchWithKeys(holder, [key('b')])).toEqual({ jwks: { keys: [key('a'), key('b')] } });
    expect(patchWithKeys(client, [{ ...key('a'), x5c: [] }])).toMatchObject({
      additional_auth_methods: ['self_signed_tls_client_auth'],
    });
  });

  test('of a workload have only what was typed', () => {
    const fields = { issuer: ' https://issuer.example ', subject: '', audience: '', claims: '{"id": "74"}' };
    expect(patchWithWorkload(client, fields)).toEqual({
      patch: {
        federated_identities: [{ issuer: 'https://issuer.example', claims: { id: '74' } }],
        additional_auth_methods: ['federated_jwt'],
      },
    });
    expect(patchWithWorkload(client, { ...fields, claims: '[]' })).toHaveProperty('fault');
  });

  test('are removed one by one, and the last one with its additional method', () => {
    const methods = ['private_key_jwt', 'client_secret_post'] as const;
    const holder = { ...client, additional_auth_methods: methods, jwks: { keys: [key('a'), key('b')] } };
    expect(patchWithout(holder, '/jwks/keys/0')).toEqual({ jwks: { keys: [key('b')] } });
    expect(patchWithout({ ...holder, jwks: { keys: [key('a')] } }, '/jwks/keys/0')).toEqual({
      jwks: null,
      additional_auth_methods: ['client_secret_post'],
    });
    const identities = [{ issuer: 'a' }, { issuer: 'b' }] as unknown as (typeof client)['federated_identities'];
    expect(patchWithout({ ...client, federated_identities: identities }, '/federated_identities/1')).toEqual({
      federated_identities: [{ issuer: 'a' }],
    });
    expect(patchWithout(client, '/tls_client_auth_san_dns')).toEqual({ tls_client_auth_san_dns: null });
    expect(patchWithout(client, '')).toBeUndefined();
  });
});

describe('a time that is typed', () => {
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    ['Europe/Berlin', '2027-01-01T00:00', '2026-12-31T23:00:00.000Z'],
    ['Europe/Berlin', '2027-07-01T00:00', '2027-06-30T22:00:00.000Z'],
    ['America/Los_Angeles', '2026-12-31T23:59', '2027-01-01T07:59:00.000Z'],
    ['America/St_Johns', '2027-01-01T00:00', '2027-01-01T03:30:00.000Z'],
    ['Europe/Berlin', '2026-10-25T01:59', '2026-10-24T23:59:00.000Z'],
    ['Europe/Berlin', '2026-10-25T03:00', '2026-10-25T02:00:00.000Z'],
    ['UTC', '2028-02-29T12:30', '2028-02-29T12:30:00.000Z'],
  ])('is of the time zone of the browser, and sent in UTC: %s %s', (zone, local, utc) => {
    vi.stubEnv('TZ', zone);
    expect(toUtc(local)).toBe(utc);
    expect(toLocal(utc)).toBe(local);
    expect(zoneNote(utc)).toBe(`In your time zone, ${zone}: ${utc.replace('.000Z', 'Z')} in UTC.`);
    expect(zoneNote(null)).toBe(`In your time zone, ${zone}.`);
  });

  test.each([
    ['Europe/Berlin', '2026-10-25T02:30', '2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'],
    ['Australia/Lord_Howe', '2027-04-04T01:45', '2027-04-03T14:45:00.000Z', '2027-04-03T15:15:00.000Z'],
  ])('that comes twice is the first one, and says so: %s', (zone, local, first, second) => {
    vi.stubEnv('TZ', zone);
    expect(toUtc(local)).toBe(first);
    expect([first, second].map(toLocal)).toEqual([local, local]);
    expect(zoneNote(first)).toMatch(/comes twice: the first one is meant\.$/);
    expect(zoneNote(second)).toMatch(/comes twice: the second one is meant\.$/);
  });

  test('that the clocks skip is shown as the one after the change', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    expect(toUtc('2027-03-28T02:30')).toBe('2027-03-28T01:30:00.000Z');
    expect(toLocal('2027-03-28T01:30:00.000Z')).toBe('2027-03-28T03:30');
    expect(zoneNote('2027-03-28T01:30:00.000Z')).not.toContain('twice');
  });
});
