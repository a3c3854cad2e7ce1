import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ClientRecord } from '../../src/gates/protocol.ts';
import { drain } from '../faults/copies.ts';
import { rowsOf } from '../management/rows.ts';
import { gates, isTokenActive, pushAt } from './gate.ts';
import before from './recorded/5b008d2.json';
import feed from './recorded/feed.json';
import latest from './recorded/latest.json';
import {
  BURST,
  dpop,
  REVOKED,
  type RecordedGate,
  type Recording,
  recordGates,
  restore,
  SPENT_ASSERTION,
  SPENT_PROOF,
  THUMBPRINT,
} from './recorded-storage.ts';

// Storage that other versions of the code wrote: `5b008d2` is the last commit before the contract was written by hand, `latest` is the
// first one after it, `feed` the first one with the revocation feed. A deploy lets this code meet either; a rollback lets that code meet what this one writes.
const RECORDINGS = { '5b008d2': before, latest, feed } as unknown as Readonly<Record<string, Recording>>;

/** JSON members, as `<table>.<column>.<path>: <type>`, that this code may write and the recorded code did not. All are optional. */
const OPTIONAL: readonly string[] = [
  'record.1.grants[].access_token_typ: string',
  'record.1.grants[].roles[]: number',
  'record.1.grants[].scope_policy: string',
  'meter.3.client_used_at: number',
  'meter.3.client_use_flushed: number',
  'meter.3.issued.day.count: number',
  'meter.3.issued.day.from: number',
  'meter.3.issued.month.count: number',
  'meter.3.issued.month.from: number',
  'meter.3.resources[].hour: number',
  'meter.3.resources[].resource: string',
  'meter.3.resources[].count: number',
  'meter.3.resources[].flushed: number',
  'meter.3.scopes.since: number',
  'meter.3.scopes.grants: number',
  'meter.3.scopes.others: number',
  'meter.3.scopes.servers[].resource: string',
  'meter.3.scopes.servers[].since: number',
  'meter.3.scopes.servers[].all: number',
  'meter.3.scopes.servers[].issued: number',
  'meter.3.scopes.servers[].scopes: []',
];

/** Tables and indexes that this code creates, and those recordings may lack whose code did not know them. It ignores them. */
const NEW: readonly string[] = ['feed_outbox', 'feed_outbox_due_at'];

afterEach(() => {
  vi.useRealTimers();
});

/** The recording of what this code writes. */
let written: Promise<Recording> | undefined;

const recordOf = ({ tables }: RecordedGate) =>
  JSON.parse(String(tables.find(({ name }) => name === 'record')?.rows[0]?.[1])) as ClientRecord;

/** Returns a DPoP proof or an assertion that was not used before. */
const unused = (kind: string) => ({ ...SPENT_PROOF, id: `${kind} ${crypto.randomUUID()}` });

describe.each(Object.keys(RECORDINGS))('a gate with the storage that %s wrote', (version) => {
  const { at, live, deleted } = RECORDINGS[version] as Recording;
  const { client_id } = live;
  const record = recordOf(live);
  const bySecret = { client_id, proof: { kind: 'secret', hashes: [record.secrets[1]?.hash ?? ''] } } as const;
  const byKey = (anchor: string, spends = unused('assertion')) =>
    ({ client_id, proof: { kind: 'key', anchor, spends }, dpop: dpop(unused('dpop')) }) as const;
  const keyRef = `private_key_jwt jkt ${record.authentication?.keys[0]?.thumbprint} for ES256`;
  const identityRef = `federated_jwt sha-256 ${record.authentication?.federated_identities[0]?.digest}`;

  // The client is not in D1, so the gate knows it only from its storage.
  async function restored(gate: RecordedGate): Promise<void> {
    vi.useFakeTimers({ toFake: ['Date'], now: at + 2000 });
    await restore(gate);
  }

  test('admits the client, and refuses what was used, revoked or never right', async () => {
    await restored(live);
    const admitted = await gates.admit({ ...bySecret, dpop: dpop(unused('dpop')), claims: { region: 'eu' } });
    expect(admitted).toMatchObject({
      outcome: 'admitted',
      issued_at: at / 1000 + 2,
      grant: {
        client_id,
        resource: 'https://recorded.example.com',
        scopes: ['admin', 'read', 'write'],
        roles: ['writer'],
        claims: { tier: 'gold', region: 'eu' },
        access_token_ttl: 600,
        signing_alg: 'ES256',
      },
      // The eviction lost a reservation of a tenth of the burst except for one token, and this request spent one.
      rate: { limit: { per_minute: 1, burst: BURST }, remaining: BURST - BURST / 10 },
      confirmation: { jkt: THUMBPRINT },
    });
    expect(await gates.admit(byKey(keyRef))).toMatchObject({ outcome: 'admitted' });
    expect(await gates.admit(byKey(identityRef))).toMatchObject({ outcome: 'admitted' });
    expect(await gates.admit(byKey(`${keyRef}x`))).toMatchObject({ outcome: 'invalid_client', known: true });
    expect(await gates.admit(byKey(keyRef, SPENT_ASSERTION))).toMatchObject({
      outcome: 'invalid_client',
      replayed: true,
    });
    expect(await gates.admit({ ...bySecret, dpop: dpop(SPENT_PROOF) })).toMatchObject({ error: 'invalid_dpop_proof' });
    expect(await gates.admit(bySecret)).toMatchObject({ outcome: 'refused', error: 'dpop_required' });
    expect(await gates.authenticate(bySecret)).toMatchObject({ outcome: 'authenticated', may_rotate_secret: true });

    expect(await isTokenActive({ client_id, client_secret: '' }, at / 1000)).toBe(false);
    expect(await isTokenActive({ client_id, client_secret: '' }, at / 1000 + 2)).toBe(true);
    expect(await isTokenActive({ client_id, client_secret: '' }, at / 1000 + 2, REVOKED.jti)).toBe(false);
  });

  test('knows the last use and the counts that D1 does not have', async () => {
    await restored(live);
    const { last_used_at, issued, ...activity } = await gates.activity({ client_id });
    // Such code counted by hour only.
    expect(issued).toMatchObject({ day: { count: 3 }, month: { count: 3 } });
    // Code before the feed did not note the client's last use.
    expect(last_used_at).toBe(version === 'feed' ? at - 610_000 : undefined);
    expect(activity).toEqual({
      outcome: 'activity',
      secrets: [{ id: record.secrets[1]?.id, last_used_at: at - 10_000 }],
      usage: [{ hour: at - (at % 3_600_000), outcome: 'issued', count: 3 }],
    });
  });

  test('delivers what it owes to KV and D1', async () => {
    await env.DB.batch([env.DB.prepare('DELETE FROM audit_events'), env.DB.prepare('DELETE FROM live_revocations')]);
    await restored(live);
    await runDurableObjectAlarm(env.CLIENT_GATE.getByName(client_id));
    await drain({ client_id });
    expect(await env.KV.get(`revoked:${client_id}:${REVOKED.jti}`)).toBe('');
    expect(await env.KV.get(`client:${client_id}`, 'json')).toEqual({ status: 'active', cut_off: at / 1000 });
    // Code that did not know the feed owes it nothing.
    const owesFeed = live.tables.some(({ name }) => name === 'feed_outbox');
    const fed = await rowsOf('SELECT kind, audience, cut_off, is_disabled FROM live_revocations ORDER BY kind');
    const client = { kind: 'client', audience: '', cut_off: at / 1000, is_disabled: 0 };
    const token = { kind: 'token', audience: 'https://recorded.example.com', cut_off: null, is_disabled: 0 };
    expect(fed).toEqual(owesFeed ? [client, token] : []);
    const events = await rowsOf('SELECT * FROM audit_events WHERE target = ? ORDER BY id', client_id);
    const event = {
      at,
      actor: 'root',
      action: 'client.tokens_revoked',
      target: client_id,
      address: '192.0.2.1',
      changes: '{"reason":"recorded"}',
      version: null,
      request_id: null,
    };
    expect(events).toEqual([
      { ...event, id: 'evt_cut_off', organization_id: record.organization_id },
      { ...event, id: 'evt_kept', organization_id: null },
    ]);
  });

  test('knows that its client was deleted, and goes back to no older record', async () => {
    await restored(deleted);
    const gone = { client_id: deleted.client_id, client_secret: '' };
    expect(await isTokenActive(gone, at / 1000)).toBe(false);
    await pushAt(gone, 2, record);
    expect(await gates.credentials(gone)).toEqual({ outcome: 'unknown_client' });
  });

  // As such code leaves it if a newer edge pushes a client with an end during a deployment: it stores the record, and refuses the client.
  test('that code kept a record with an end: the client is active again until then, and KV and the feed are told', async () => {
    const end = at / 1000 + 1800;
    const expiring = { ...record, status: 'expiring', expires_at: end };
    const tables = live.tables.map((table) =>
      table.name === 'record' ? { ...table, rows: [[1, JSON.stringify(expiring)]] } : table,
    );
    await env.DB.prepare('DELETE FROM live_revocations').run();
    await restored({ ...live, tables });
    await env.KV.put(`client:${client_id}`, JSON.stringify({ status: 'expiring', cut_off: at / 1000 }));
    vi.setSystemTime(at + 5000);
    const request = () => gates.admit({ ...bySecret, dpop: dpop(unused('dpop')) });
    // The tokens from before have ended, so it waits for the next second.
    const admission = request();
    await scheduler.wait(100);
    vi.setSystemTime(at + 6000);
    expect(await admission).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 600 } });
    await drain({ client_id });
    expect(await env.KV.get(`client:${client_id}`, 'json')).toEqual({
      status: 'active',
      cut_off: at / 1000 + 5,
      expires_at: end,
    });
    const fed = () => rowsOf("SELECT cut_off, is_disabled FROM live_revocations WHERE kind = 'client'");
    expect(await fed()).toEqual([{ cut_off: at / 1000 + 5, is_disabled: 0 }]);

    vi.setSystemTime(end * 1000);
    expect(await request()).toMatchObject({ outcome: 'invalid_client', expired: true });
    await drain({ client_id });
    expect(await fed()).toEqual([{ cut_off: end, is_disabled: 1 }]);
  });

  test('is what this code writes: the same tables, columns and JSON members', async () => {
    written ??= recordGates();
    const now = await written;
    for (const gate of ['live', 'deleted'] as const) {
      const recorded = RECORDINGS[version]?.[gate] as RecordedGate;
      const names = recorded.tables.map(({ name }) => name);
      const isKnown = (name: string) => names.includes(name) || !NEW.includes(name);
      const known = { ...now[gate], tables: now[gate].tables.filter(({ name }) => isKnown(name)) };
      expect(schemaOf(known)).toEqual(schemaOf(recorded));
      const [current, expected] = [membersOf(known), membersOf(recorded)];
      expect(expected.difference(current)).toEqual(new Set());
      expect(current.difference(expected).difference(new Set(OPTIONAL))).toEqual(new Set());
    }
  });
});

const schemaOf = ({ tables }: RecordedGate) => tables.map(({ name, sql }) => [name, sql.replace(/\s+/g, ' ')]);

/** Returns the place and type of every value in a gate's storage: `<table>.<column>.<path>: <type>`. */
function membersOf({ tables }: RecordedGate): Set<string> {
  const members = tables.flatMap(({ name, rows }) =>
    rows.flatMap((row) => row.flatMap((value, column) => typesOf(parsed(value), `${name}.${column}`))),
  );
  return new Set(members);
}

function parsed(value: string | number | null): unknown {
  return typeof value === 'string' && /^[[{]/.test(value) ? JSON.parse(value) : value;
}

function typesOf(value: unknown, path: string): string[] {
  if (value === null) return [`${path}: null`];
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}: []`] : value.flatMap((item) => typesOf(item, `${path}[]`));
  if (typeof value !== 'object') return [`${path}: ${typeof value}`];
  // The members of `last_used` are ids, which differ each time.
  const nameOf = (member: string) => (path.endsWith('.last_used') ? '*' : member);
  return Object.entries(value).flatMap(([member, inner]) => typesOf(inner, `${path}.${nameOf(member)}`));
}
