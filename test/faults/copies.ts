import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { vi } from 'vitest';
import type { ClientStatusCopy } from '../../src/gates/protocol.ts';
import { gateOf } from '../client-gate/gate.ts';
import type { Credentials } from '../http.ts';

type Client = Pick<Credentials, 'client_id'>;

/** Returns the key of the KV entry that says that a token is revoked. */
export function revokedKey(token: string): string {
  const { client_id, jti } = decodeJwt<{ client_id: string }>(token);
  return `revoked:${client_id}:${jti}`;
}

/** Returns the key of the KV entry that holds the status of a client, for all of its tokens. */
export const clientKey = ({ client_id }: Client) => `client:${client_id}`;

export const standingOf = (client: Client) => env.KV.get<ClientStatusCopy>(clientKey(client), 'json');

/** Returns every key of KV with its expiry, in seconds since the epoch by KV's own clock. */
export async function everyKey(): Promise<Map<string, number | undefined>> {
  const found = new Map<string, number | undefined>();
  let cursor: string | null = null;
  do {
    const page: KVNamespaceListResult<unknown, string> = await env.KV.list(cursor === null ? {} : { cursor });
    for (const { name, expiration } of page.keys) found.set(name, expiration);
    cursor = page.list_complete ? null : page.cursor;
  } while (cursor !== null);
  return found;
}

export interface OwedRow {
  readonly [column: string]: SqlStorageValue;
  readonly store: 'kv' | 'd1';
  readonly key: string;
  readonly value: string;
  readonly due_at: number;
  readonly attempts: number;
}

/** Returns the entries of a client's outbox in its gate, the next one first. */
export function owedBy(client: Client): Promise<OwedRow[]> {
  return runInDurableObject(gateOf(client), (_, { storage: { sql } }) => {
    const made = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").toArray().length > 0;
    return made ? sql.exec<OwedRow>('SELECT * FROM outbox ORDER BY due_at').toArray() : [];
  });
}

/** Waits, by the real clock, until a client's gate has delivered its outbox by itself. */
export async function awaitDelivery(client: Client): Promise<void> {
  await vi.waitUntil(async () => (await owedBy(client)).length === 0, { interval: 20 });
}

/** Runs a gate's alarm now, even if it is set for later. */
export function ring(client: Client): Promise<boolean> {
  return runDurableObjectAlarm(gateOf(client));
}

/**
 * Runs a gate's alarms, each at its time, by advancing the faked clock, until its outbox is empty.
 * @returns the number of alarms
 */
export async function drain(client: Client): Promise<number> {
  for (let alarms = 0; alarms < 100; alarms++) {
    const [next] = await owedBy(client);
    if (!next) return alarms;
    if (next.due_at > Date.now()) vi.setSystemTime(next.due_at);
    await ring(client);
  }
  throw new Error('something is still owed');
}
