import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { readRecords } from '../../src/store/client-records.ts';
import { database } from '../../src/store/database.ts';
import { heldRecord } from '../client-gate/gate.ts';
import type { Credentials } from '../http.ts';
import { type Fault, type Faulty, type Hold, withFault } from '../instruments.ts';
import worker from '../worker.ts';

/** Runs the scheduled handler once. */
export function runScheduled(): Promise<void> {
  return worker.scheduled(createScheduledController(), env);
}

/** How many pushes are owed, to one client's gates or to all. */
export async function owedTo(client?: Credentials): Promise<number> {
  const owed = env.DB.prepare('SELECT COUNT(*) AS count FROM gate_pushes WHERE ?1 IS NULL OR client_id = ?1');
  return (await owed.bind(client?.client_id ?? null).first<number>('count')) ?? 0;
}

/** A client as D1 has it and as its gate has it, without their versions. */
export async function bothRecords(client: Credentials): Promise<{ d1: unknown; gate: unknown }> {
  const { records } = await readRecords(database(env.DB), [client.client_id]);
  const { version: written, ...d1 } = records.get(client.client_id) ?? { version: 0 };
  const { version: held, ...gate } = await heldRecord(client);
  return { d1, gate };
}

const isWrite = (sql: string) => sql.includes('version_sequence') && sql.includes('audit_events');

/** Runs something while every management write is made, and its reply is lost: an error comes instead, or nothing ever. */
export function losingReplies<T>(how: 'error' | 'silence', during: () => Promise<T>): Promise<T> {
  const fault: Fault = async (call, sql) => {
    const answer = await call();
    if (!isWrite(sql)) return answer;
    if (how === 'silence') return new Promise(() => {});
    throw new Error('Network connection lost.');
  };
  return withFault('d1', fault, during);
}

/** Runs something while a store fails at what comes with these words alone. */
export function failingAt<T>(store: Faulty, words: string, during: () => Promise<T>): Promise<T> {
  const fault: Fault = (call, asked) =>
    asked.includes(words) ? Promise.reject(new Error('Network connection lost.')) : call();
  return withFault(store, fault, during);
}

/** Runs something while nobody can tell a client's gate what has changed; it answers all else. */
export function failingPushes<T>({ client_id }: Credentials, during: () => Promise<T>): Promise<T> {
  return failingAt(`gate:${client_id}`, 'update', during);
}

/** Runs something while a gate's loads from D1 are held: what D1 is asked, or what it has answered. Polled, since one request's promise is no other's. */
export function holdingLoads<T>(
  what: 'questions' | 'answers',
  during: (hold: Pick<Hold, 'held' | 'release'>) => Promise<T>,
): Promise<T> {
  let held = 0;
  let isReleased = false;
  const wait = async () => {
    held++;
    while (!isReleased) await scheduler.wait(5);
  };
  const release = () => {
    isReleased = true;
  };
  const fault: Fault = async (call, sql) => {
    if (!sql.includes('insert into "gates"')) return call();
    if (what === 'questions') await wait();
    const answer = await call();
    if (what === 'answers') await wait();
    return answer;
  };
  return withFault('d1', fault, () => during({ held: () => held, release }).finally(release));
}

/** Runs something while the first question to D1 that begins with these words is held; all others go through. */
export function holdingFirst<T>(
  words: string,
  during: (hold: Pick<Hold, 'held' | 'release'>) => Promise<T>,
): Promise<T> {
  let held = 0;
  let isReleased = false;
  const release = () => {
    isReleased = true;
  };
  const fault: Fault = async (call, sql) => {
    if (sql.startsWith(words) && held++ === 0) {
      while (!isReleased) await scheduler.wait(5);
    }
    return call();
  };
  return withFault('d1', fault, () => during({ held: () => held, release }).finally(release));
}

/** How the reading of records for pushes begins. */
export const READING_RECORDS = 'select "value" from "version_sequence"';
