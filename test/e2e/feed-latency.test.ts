import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VerificationError, type Verifier, verifier } from '../../src/sdk/verify.ts';
import { quantile } from '../bench/statistics.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import type { RegisteredClient } from '../interop/management.ts';
import { sized } from '../size.ts';

const AUDIENCE = 'https://orders.example.com';
/** The promise of docs/promises.md, with room for a busy machine. */
const LATENCY_MAX_MS = 20_000;
const KINDS = ['token', 'cut-off', 'disabled client', 'organization'] as const;
const ROUNDS = Number(process.env.EDGEMINT_LATENCY_ROUNDS ?? sized({ small: 1, soak: 2 }));
/** How many of each kind are revoked in a round. */
const UNITS = sized({ small: 3, soak: 50 });
/** They are spread over more than the time between two polls. */
const SPREAD_MS = 7000;
/** How often each token is verified until it is refused, in milliseconds. */
const INTERVAL_MS = sized({ small: 250, soak: 500 });

let edgemint: RunningEdgemint;
let orders: Verifier;

beforeEach(async () => {
  edgemint = await startEdgemint();
  orders = verifier({ issuer: edgemint.issuer, audience: AUDIENCE, revocations: 'feed' });
  await manage('POST', 'resource-servers', { identifier: AUDIENCE, name: 'Orders', scopes: [{ name: 'orders:read' }] });
});
afterEach(() => edgemint?.stop());

async function manage<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${edgemint.rootApiKey}` };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await fetch(`${edgemint.issuer}/v1/${path}`, init);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function post(path: string, form: Record<string, string>): Promise<Response> {
  const answer = await fetch(`${edgemint.issuer}/oauth2/${path}`, { method: 'POST', body: new URLSearchParams(form) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

interface Revocation {
  readonly kind: (typeof KINDS)[number];
  readonly token: string;
  /** Resolves when the server has acknowledged it. */
  readonly revoke: () => Promise<unknown>;
}

/** Creates an organization with a client for each kind of revocation. */
async function createUnit(name: string): Promise<Revocation[]> {
  const { id } = await manage<{ id: string }>('POST', 'organizations', { name });
  const grants = [{ resource_server: AUDIENCE, scopes: ['orders:read'] }];
  return Promise.all(
    KINDS.map(async (kind) => {
      const fields = { organization_id: id, client_name: `${name} ${kind}`, grants };
      const { client_id, client_secret } = await manage<RegisteredClient>('POST', 'clients', fields);
      const credentials = { client_id, client_secret };
      const granted = await post('token', { grant_type: 'client_credentials', ...credentials });
      const { access_token: token } = (await granted.json()) as { access_token: string };
      const ways = {
        token: () => post('revoke', { token, ...credentials }),
        'cut-off': () => manage('POST', `clients/${client_id}/revoke-tokens`),
        'disabled client': () => manage('PATCH', `clients/${client_id}`, { status: 'disabled' }),
        organization: () => manage('PATCH', `organizations/${id}`, { status: 'disabled' }),
      };
      return { kind, token, revoke: ways[kind] };
    }),
  );
}

/** Returns the milliseconds from the acknowledgement of a revocation until the verifier refuses the token. */
async function latencyOf({ token, revoke }: Revocation): Promise<number> {
  await sleep(Math.random() * SPREAD_MS);
  await revoke();
  const acknowledgedAt = performance.now();
  for (;;) {
    const error = await orders.verify(token).catch((thrown: unknown) => thrown);
    if (error instanceof VerificationError && error.reason === 'revoked') return performance.now() - acknowledgedAt;
    if (error instanceof Error) throw error;
    await sleep(INTERVAL_MS);
  }
}

test('an offline verifier refuses within 20 s what was revoked, in every way', async () => {
  const latencies = new Map<string, number[]>(KINDS.map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const units = [];
    for (let unit = 0; unit < UNITS; unit += 5) {
      const names = Array.from({ length: Math.min(5, UNITS - unit) }, (_, index) => `${round}-${unit + index}`);
      units.push(...(await Promise.all(names.map(createUnit))));
    }
    const all = units.flat();
    for (const { token } of all) await orders.verify(token);
    // The organization last: it ends the others as well.
    const [own, organizations] = [
      all.filter(({ kind }) => kind !== 'organization'),
      all.filter(({ kind }) => kind === 'organization'),
    ];
    for (const group of [own, organizations]) {
      await Promise.all(group.map(async (one) => latencies.get(one.kind)?.push(await latencyOf(one))));
    }
  }
  for (const [kind, values] of latencies) {
    const sorted = values.toSorted((one, other) => one - other);
    const [median, worst] = [quantile(sorted, 0.5), sorted.at(-1) ?? Number.NaN].map((ms) => (ms / 1000).toFixed(1));
    console.info(`${kind}: refused after ${median} s (median), ${worst} s (worst) of ${sorted.length}`);
    expect(sorted).toHaveLength(ROUNDS * UNITS);
    expect(sorted.at(-1)).toBeLessThan(LATENCY_MAX_MS);
  }
}, 1_500_000);
