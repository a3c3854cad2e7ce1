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

/** Counts the owed pushes, of one client's gates or of all. */
export async function owedTo(client?: Credentials): Promise<number> {
  const owed = env.DB.prepare('SELECT COUNT(*) AS count FROM gate_pushes WHERE ?1 IS NULL OR client_id = ?1');
  return (await owed.bind(client?.client_id ?? null).first<number>('count')) ?? 0;
}

/** Returns a client's record in D1 and in its gate, without their versions. */
export async function bothRecords(client: Credentials): Promise<{ d1: unknown; gate: unknown }> {
  const { records } = await readRecords(database(env.DB), [client.client_id]);
  const { version: written, ...d1 } = records.get(client.client_id) ?? { version: 0 };
  const { version: held, ...gate } = await heldRecord(client);
  return { d1, gate };
}

const isWrite = (sql: string) => sql.includes('version_sequence') && sql.includes('audit_events');

/** Runs `during` while every management write is committed but its reply is lost: D1 throws, or never answers. */
export function losingReplies<T>(how: 'error' | 'silence', during: () => Promise<T>): Promise<T> {
  const fault: Fault = async (call, sql) => {
    const answer = await call();
    if (!isWrite(sql)) return answer;
    if (how === 'silence') return new Promise(() => {});
    throw new Error('Network connection lost.');
  };
  return withFault('d1', fault, during);
}

/** Runs `during` while a store fails the calls that contain these words, and answers all others. */
export function failingAt<T>(store: Faulty, words: string, during: () => Promise<T>): Promise<T> {
  const fault: Fault = (call, asked) =>
    asked.includes(words) ? Promise.reject(new Error('Network connection lost.')) : call();
  return withFault(store, fault, during);
}

/** Runs `during` while a client's gate fails every push, and answers all other calls. */
export function failingPushes<T>({ client_id }: Credentials, during: () => Promise<T>): Promise<T> {
  return failingAt(`gate:${client_id}`, 'update', during);
}

/**
 * Runs `during` while gates' loads from D1 are held, before D1 is asked or after it has answered. It polls, because a request must not wait
 * for another request's promise.
 */
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

/** Runs `during` while the first D1 call that begins with these words is held; all others go through. */
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

/** The beginning of the batch that reads records for pushes. */
export const READING_RECORDS = 'select "value" from "version_sequence"';
