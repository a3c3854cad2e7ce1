import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { vi } from 'vitest';
import { create, done, world } from '../http.ts';
import { failing } from '../instruments.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { gateOf, gates, heldRecord, identified, push } from './gate.ts';

// Records what a gate writes to its storage, and restores it. The recordings of several versions of the code lie in `recorded/`, one
// file for each. To record a new one, let a test print `JSON.stringify(await recordGates())`.

/** A table or an index of a gate's storage. */
interface RecordedTable {
  readonly name: string;
  /** Its CREATE statement. */
  readonly sql: string;
  /** The rows, each as its columns in order. Empty for an index. */
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** A gate's storage as it was recorded. */
export interface RecordedGate {
  readonly client_id: string;
  readonly tables: readonly RecordedTable[];
  /** The time for which its alarm was set, in milliseconds since the epoch. */
  readonly alarm: number | null;
}

export interface Recording {
  /** The time of the recording, in milliseconds since the epoch. */
  readonly at: number;
  /**
   * A gate with rows in every table except `bucket`, which only older versions write (see older-storage.test.ts). The recordings do not
   * cover these members of its record, which are null or empty: `default_resource`, `introspects_at_edge`, the `expires_at` of a secret,
   * the `access_token_ttl` of a grant, and, in `authentication`, `jwks_uri`, `tls_subject` and the `certificate` of a key.
   */
  readonly live: RecordedGate;
  /** The gate of a client that was deleted. */
  readonly deleted: RecordedGate;
}

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = Date.UTC(2027, 8, 1, 10, 30);

export const THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
export const SPENT_PROOF = { id: 'dpop spent-proof', expires_at: START / 1000 + 86_400 };
export const SPENT_ASSERTION = { id: 'assertion spent-assertion', expires_at: START / 1000 + 86_400 };
export const REVOKED = { jti: 'revoked-token', expires_at: START / 1000 + 86_400 };
export const BURST = 40;

/** Returns a DPoP proof in the form in which the edge hands it to a gate. */
export const dpop = (spends: { readonly id: string; readonly expires_at: number }) => ({
  jkt: THUMBPRINT,
  alg: 'ES256',
  spends,
  has_nonce: true,
});

const unusedProof = () => dpop({ ...SPENT_PROOF, id: `dpop ${crypto.randomUUID()}` });

const eventOf = (client_id: string, id: string) => ({
  id,
  at: Date.now(),
  actor: 'root',
  action: 'client.tokens_revoked',
  target: client_id,
  address: '192.0.2.1',
  changes: { reason: 'recorded' },
});

/** Lets two gates write to each table that this version writes, and returns their storage. Sets the clock. */
export async function recordGates(): Promise<Recording> {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  const live = await recordLive();
  const deleted = await recordDeleted();
  return { at: Date.now(), live, deleted };
}

async function recordLive(): Promise<RecordedGate> {
  const { publicJwk } = await newSigner('ES256', { kid: 'first', alg: 'ES256' });
  const { worker, organization, identifier } = await world('recorded', {
    additional_auth_methods: ['private_key_jwt', 'federated_jwt'],
    jwks: { keys: [publicJwk] },
    federated_identities: [
      {
        issuer: 'https://issuer.example.com',
        audience: 'https://auth.example.com',
        subject: 'job:*',
        claims: { project: ['one', 'two'] },
      },
    ],
    dpop_bound_access_tokens: true,
    access_token_ttl: 600,
    claims: { tier: 'gold' },
    requestable_claims: ['region'],
    may_rotate_secret: true,
    rate_limit: { per_minute: 1, burst: BURST },
  });
  const { client_id } = worker;
  const path = `clients/${client_id}`;
  const role = {
    organization_id: organization,
    name: 'writer',
    grants: [{ resource_server: identifier, scopes: ['admin'] }],
  };
  await create('roles', role);
  await done('PATCH', path, { body: { roles: ['writer'], introspects: [identifier] } });
  await done('POST', `${path}/secrets/rotate`, { body: {} });

  const bySecret = await identified(worker);
  const admit = (request: object) => gates.admit({ ...bySecret, dpop: unusedProof(), ...request });
  await admit({ dpop: dpop(SPENT_PROOF) });
  const { authentication } = await heldRecord(worker);
  const anchor = `private_key_jwt jkt ${authentication?.keys[0]?.thumbprint} for ES256`;
  await admit({ proof: { kind: 'key', anchor, spends: SPENT_ASSERTION } });
  await admit({ scopes: ['unknown'] });
  // The counts so far are flushed to D1. The next count is only in storage.
  vi.setSystemTime(START + 10 * 60_000);
  await runDurableObjectAlarm(gateOf(worker));
  await admit({});
  vi.setSystemTime(Date.now() + 10_000);
  await runDurableObjectAlarm(gateOf(worker));

  await failing('kv', () =>
    failing('d1', async () => {
      await gates.revoke({ ...bySecret, ...REVOKED, audience: identifier });
      await gates.cutOff({ client_id, event: eventOf(client_id, 'evt_cut_off') });
      await runDurableObjectAlarm(gateOf(worker));
      await gates.keepEvent({ client_id, event: { ...eventOf(client_id, 'evt_kept'), organizationId: null } });
    }),
  );
  return recordingOf(client_id);
}

async function recordDeleted(): Promise<RecordedGate> {
  const { worker } = await world('recorded-deleted');
  await gates.admit(await identified(worker));
  await push(worker, null);
  await runDurableObjectAlarm(gateOf(worker));
  return recordingOf(worker.client_id);
}

function recordingOf(client_id: string): Promise<RecordedGate> {
  return runInDurableObject(gateOf({ client_id }), async (_, { storage }) => {
    const made = storage.sql.exec<{ type: string; name: string; sql: string }>(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type DESC, name",
    );
    const tables = made.toArray().map(({ type, name, sql }) => ({
      name,
      sql,
      rows: type === 'table' ? ([...storage.sql.exec(`SELECT * FROM ${name}`).raw()] as RecordedTable['rows']) : [],
    }));
    return { client_id, tables, alarm: await storage.getAlarm() };
  });
}

/** Restores recorded storage in a gate, as if this code had been deployed over the code that wrote it. */
export async function restore({ client_id, tables, alarm }: RecordedGate): Promise<void> {
  await runInDurableObject(gateOf({ client_id }), async (_, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
    for (const { name, sql, rows } of tables) {
      storage.sql.exec(sql);
      for (const row of rows) storage.sql.exec(`INSERT INTO ${name} VALUES (${row.map(() => '?')})`, ...row);
    }
    if (alarm !== null) await storage.setAlarm(alarm);
  });
  await evictDurableObject(gateOf({ client_id }));
}
