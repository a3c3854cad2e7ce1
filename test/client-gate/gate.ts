import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { hashSecret } from '../../src/credentials/secret-hash.ts';
import { Gates } from '../../src/gates/gates.ts';
import type { ClientRecord, Proof } from '../../src/gates/protocol.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { Credentials } from '../http.ts';

// Calls to a gate as the edge makes them, without the Worker in front of it.

export const gates = new Gates(env.CLIENT_GATE);

export const gateOf = ({ client_id }: Pick<Credentials, 'client_id'>) => env.CLIENT_GATE.getByName(client_id);

/** Returns a client and its proof in the form in which the edge sends them to the gate. */
export async function identified({
  client_id,
  client_secret,
}: Credentials): Promise<{ client_id: string; proof: Proof }> {
  return { client_id, proof: { kind: 'secret', hashes: [await hashOf(client_secret)] } };
}

export async function hashOf(secret: string): Promise<string> {
  return hashSecret(new Redacted(secret), await deriveMasterKeys(readConfig(env).masterKeys));
}

/** Asks a client's gate to admit a token request. */
export async function admit(client: Credentials, asked: object = {}) {
  return gates.admit({ ...(await identified(client)), ...asked });
}

/** Returns the client's record in the gate's storage. */
export function heldRecord(client: Credentials): Promise<ClientRecord> {
  return runInDurableObject(gateOf(client), (_, { storage }) => {
    const { json } = storage.sql.exec<{ json: string }>('SELECT json FROM record').one();
    return JSON.parse(json);
  });
}

/** Pushes the gate's record with changed fields as the next version, or pushes the client's deletion. Returns that version. */
export async function push(client: Credentials, changes: Partial<ClientRecord> | null): Promise<number> {
  const held = await heldRecord(client);
  const version = held.version + 1;
  await pushAt(client, version, changes && { ...held, ...changes });
  return version;
}

/** Pushes a record under a version, or pushes the client's deletion. */
export async function pushAt({ client_id }: Credentials, version: number, record: ClientRecord | null): Promise<void> {
  const id = gateOf({ client_id }).id.toString();
  await gates.update(id, { client_id, version, record: record && { ...record, version } });
}

/** Returns whether the gate says that a token of the client is active. */
export async function isTokenActive(
  { client_id }: Credentials,
  issuedAt: number,
  jti = crypto.randomUUID(),
): Promise<boolean> {
  return (await gates.standingOf(client_id, { jti, issuedAt, audience: '' })).isActive;
}

/** Returns the names of the gate's tables. */
export function tablesOf({ client_id }: Pick<Credentials, 'client_id'>): Promise<string[]> {
  return runInDurableObject(gateOf({ client_id }), (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .toArray()
      .map(({ name }) => name),
  );
}

/** Returns the time for which the gate's alarm is set, in milliseconds since the epoch, or null. */
export function alarmOf(client: Pick<Credentials, 'client_id'>): Promise<number | null> {
  return runInDurableObject(gateOf(client), (_, { storage }) => storage.getAlarm());
}
