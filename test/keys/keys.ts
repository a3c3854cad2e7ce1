import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, vi } from 'vitest';
import { type Credentials, create, createClient } from '../http.ts';
import worker from '../worker.ts';
import { Isolate } from './isolate.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const DAY = 86_400 * SECOND;

/** When the clock of a file's first test starts. */
export const START = Date.parse('2028-01-01T00:00:00Z');

export const ALGS = ['ES256', 'RS256', 'EdDSA'] as const;
type Alg = (typeof ALGS)[number];

/** A signing key in the management API. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Alg;
  readonly status: 'next' | 'active' | 'retiring';
  readonly created_at: string;
  readonly activated_at: string | null;
  readonly retired_at: string | null;
  readonly signs_from: string;
  readonly public_jwk: Record<string, unknown>;
}

/** Returns the `kid`s of the keys with a status, by algorithm. */
export function kidsOf(keys: readonly SigningKey[], status: SigningKey['status']): Record<string, string> {
  return Object.fromEntries(keys.filter((key) => key.status === status).map(({ alg, kid }) => [alg, kid]));
}

/** Creates a client for each algorithm, with the longest token lifetime, and a client that may introspect all their tokens. */
export async function clientsByAlg(): Promise<{ clients: Record<Alg, Credentials>; caller: Credentials }> {
  const { id: organization_id } = await create('organizations', { name: 'keys' });
  const prefix = crypto.randomUUID();
  const identifiers = ALGS.map((alg) => `https://${prefix}.example.com/${alg}`);
  const made = ALGS.map(async (alg, index) => {
    const identifier = identifiers[index] ?? '';
    await create('resource-servers', { organization_id, identifier, name: alg, scopes: [], signing_alg: alg });
    const client = await createClient({
      organization_id,
      client_name: alg,
      access_token_ttl: DAY / SECOND,
      grants: [{ resource_server: identifier, scopes: [] }],
    });
    return [alg, client] as const;
  });
  const clients = Object.fromEntries(await Promise.all(made)) as Record<Alg, Credentials>;
  return { clients, caller: await createClient({ organization_id, client_name: 'caller', introspects: identifiers }) };
}

/** Gives each test a fake clock that starts a day after the previous test ended, when the keys that it left are old enough to sign. */
export function continueClockBetweenTests(): void {
  let now = START;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now });
  });
  afterEach(() => {
    now = Date.now() + DAY;
    vi.useRealTimers();
  });
}

/** Returns an isolate that restarts for each test, under a clock that continues between tests. */
export function isolatePerTest(): Isolate {
  const isolate = new Isolate();
  continueClockBetweenTests();
  beforeEach(() => isolate.restart());
  return isolate;
}

/** Lists the signing keys by the management API of an isolate. */
export async function listKeys(isolate: Isolate): Promise<SigningKey[]> {
  return (await isolate.done<{ data: SigningKey[] }>('GET', 'signing-keys')).data;
}

/** Runs the scheduled handler once, with a `SIGNING_KEY_MAX_AGE` in seconds. */
export async function runScheduled(maxAge: number = 30 * 86_400): Promise<void> {
  await worker.scheduled(createScheduledController(), { ...env, SIGNING_KEY_MAX_AGE: String(maxAge) });
}
