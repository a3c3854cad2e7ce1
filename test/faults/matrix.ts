import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { gateOf } from '../client-gate/gate.ts';
import {
  api as ask,
  type Credentials,
  create,
  createClient,
  done,
  getToken,
  introspect,
  requestToken,
  revoke,
  send,
  world,
} from '../http.ts';
import { type Faulty, startNewIsolate, withFault } from '../instruments.ts';
import { askWith, assertionOf, keyClient, proofOf } from '../machines.ts';
import { newSigner, type Signer } from '../remote-keys/signers.ts';
import { introspectAsRoot } from '../tokens/verdict.ts';
import type { Trouble } from './store-errors.ts';

// The answers of every endpoint while a store fails: one test for each answer.

/** Tokens of one resource server, by their state. */
interface Tokens {
  readonly live: string;
  readonly revoked: string;
  /** Issued before all tokens of its client were revoked. */
  readonly 'cut off': string;
  /** Its client has been disabled since. */
  readonly disabled: string;
}

/** One organization with a token in each possible state. KV has received the copies of all revocations. */
export interface Scene {
  readonly organization: string;
  /** A client whose gate holds its record. */
  readonly seen: Credentials;
  /** A client that authenticates by its own key, and whose gate holds its record. */
  readonly keyed: { readonly client_id: string; readonly signer: Signer };
  /** The client that introspects. */
  readonly caller: Credentials;
  /** The clients to which the tokens belong. */
  readonly owners: readonly Pick<Credentials, 'client_id'>[];
  readonly strong: Tokens;
  /** Tokens of a resource server that chose `edge` introspection. */
  readonly edge: Tokens;
}

const QUICK = { rate_limit: { per_minute: 600_000, burst: 100_000 } };

export async function scene(name: string): Promise<Scene> {
  const { organization, identifier: strong } = await world(name);
  const edge = `https://edge.${name}.example.com`;
  await create('resource-servers', {
    organization_id: organization,
    identifier: edge,
    name: 'edge',
    scopes: [{ name: 'read' }],
    introspection: 'edge',
  });
  const grants = [strong, edge].map((resource_server) => ({ resource_server, scopes: ['read'] }));
  const client = (client_name: string) =>
    createClient({ organization_id: organization, client_name, grants, default_resource: strong, ...QUICK });
  const seen = await client('seen');
  const cutOff = await client('cut off');
  const disabled = await client('disabled');
  const signer = await newSigner('ES256');
  const keyed = {
    client_id: await keyClient({ organization, identifier: strong }, 'keyed', [signer.publicJwk], QUICK),
    signer,
  };
  const caller = await createClient({
    organization_id: organization,
    client_name: 'caller',
    introspects: [strong, edge],
  });
  const tokensFor = async (resource: string): Promise<Tokens> => {
    const token = async (of: Credentials) => (await getToken(of, { resource })).access_token;
    const revoked = await token(seen);
    expect((await revoke(seen, revoked)).status).toBe(200);
    return { live: await token(seen), revoked, 'cut off': await token(cutOff), disabled: await token(disabled) };
  };
  const made = { strong: await tokensFor(strong), edge: await tokensFor(edge) };
  await done('POST', `clients/${cutOff.client_id}/revoke-tokens`);
  await done('PATCH', `clients/${disabled.client_id}`, { body: { status: 'disabled' } });

  const revokedKey = (token: string) => `revoked:${seen.client_id}:${decodeJwt(token).jti}`;
  const copies = [
    revokedKey(made.strong.revoked),
    revokedKey(made.edge.revoked),
    `client:${cutOff.client_id}`,
    `client:${disabled.client_id}`,
    'key-ring',
  ];
  for (const key of copies) await vi.waitFor(async () => expect(await env.KV.get(key), key).not.toBeNull());
  await boundToken(keyed);
  return { organization, seen, keyed, caller, owners: [seen, cutOff, disabled, keyed], ...made };
}

/** The requests of the matrix. */
export type Cell =
  | 'a token, for a client that was seen'
  | 'a token, for a client that was never seen'
  | 'a token by an assertion, bound to a key'
  | 'introspection, strong'
  | 'introspection, edge'
  | 'introspection, strong because the request asks for it'
  | 'revocation'
  | 'the JWKS'
  | 'the metadata'
  | 'management: the root key revokes a token'
  | 'management: the root key revokes all tokens of a client'
  | 'management: a read'
  | 'management: a write';

export type Answers = Readonly<Record<Cell, unknown>>;

export const UNAVAILABLE = '503, Retry-After: 2';
export const RIGHT = { live: 'active', revoked: 'inactive', 'cut off': 'inactive', disabled: 'inactive' };

/** The answers while all stores work. */
export const AS_EVER: Answers = {
  'a token, for a client that was seen': '200',
  'a token, for a client that was never seen': '200',
  'a token by an assertion, bound to a key': '200',
  'introspection, strong': RIGHT,
  'introspection, edge': RIGHT,
  'introspection, strong because the request asks for it': RIGHT,
  revocation: '200: inactive',
  'the JWKS': '200: 6 keys',
  'the metadata': '200',
  'management: the root key revokes a token': '200: inactive',
  'management: the root key revokes all tokens of a client': '200: inactive',
  'management: a read': '200',
  'management: a write': '200',
};

async function outcomeOf({ status, headers }: Response): Promise<string> {
  return status === 503 ? `503, Retry-After: ${headers.get('Retry-After')}` : String(status);
}

async function verdict(answer: Response): Promise<string> {
  if (answer.status !== 200) return outcomeOf(answer);
  return (await answer.json<{ active: boolean }>()).active ? 'active' : 'inactive';
}

async function verdicts(caller: Credentials, tokens: Tokens, form: Record<string, string> = {}) {
  const names = Object.keys(RIGHT) as (keyof Tokens)[];
  const said = await Promise.all(
    names.map(async (name) => [name, await verdict(await introspect(caller, tokens[name], form))]),
  );
  return Object.fromEntries(said);
}

/** The memory of the isolate and the gates: `warm` is full; `cold` is empty, like a new isolate whose gates were evicted. */
type Isolate = 'warm' | 'cold';

/** The isolates in which the trouble at this index is met: by turns in a small run, both in a soak. */
export type IsolatesOf = (index: number) => readonly Isolate[];

export const byTurns: IsolatesOf = (index) => [index % 2 === 0 ? 'warm' : 'cold'];
export const both: IsolatesOf = () => ['warm', 'cold'];

async function boundToken({ client_id, signer }: Scene['keyed']): Promise<Response> {
  return askWith(await assertionOf(client_id, signer), {}, { dpop: await proofOf(signer) });
}

async function prepare({ seen, keyed, caller, owners, strong, edge }: Scene, isolate: Isolate): Promise<void> {
  if (isolate === 'cold') {
    for (const client of [caller, ...owners]) await evictDurableObject(gateOf(client));
    startNewIsolate();
    return;
  }
  await getToken(seen);
  expect((await boundToken(keyed)).status).toBe(200);
  await verdicts(caller, strong);
  await verdicts(caller, edge);
}

/** Revocations that were made while a store failed: of a token and of a client's tokens. Their audit events must exist in the end. */
export interface Revoked {
  readonly jti: string;
  readonly clientId: string;
}

/** Sends all requests at once while a store fails. */
async function answersDuring(
  made: Scene,
  isolate: Isolate,
  during: <T>(ask: () => Promise<T>, victim: Credentials) => Promise<T>,
): Promise<{ answers: Answers; revoked: Revoked }> {
  const { organization, seen, keyed, caller, strong, edge } = made;
  const tokenOf = async (client: Credentials) => (await getToken(client)).access_token;
  const another = () =>
    createClient({
      organization_id: organization,
      client_name: crypto.randomUUID(),
      grants: [{ resource_server: decodeJwt(strong.live).aud, scopes: ['read'] }],
    });
  const [neverSeen, victim] = [await another(), await another()];
  const [own, roots, victims] = [await tokenOf(seen), await tokenOf(seen), await tokenOf(victim)];
  await prepare(made, isolate);

  const asked: Record<Cell, () => Promise<unknown>> = {
    'a token, for a client that was seen': async () => outcomeOf(await requestToken(seen)),
    'a token, for a client that was never seen': async () => outcomeOf(await requestToken(neverSeen)),
    'a token by an assertion, bound to a key': async () => outcomeOf(await boundToken(keyed)),
    'introspection, strong': () => verdicts(caller, strong),
    'introspection, edge': () => verdicts(caller, edge),
    'introspection, strong because the request asks for it': () => verdicts(caller, edge, { introspection: 'strong' }),
    revocation: async () => outcomeOf(await revoke(seen, own)),
    'the JWKS': async () => {
      const answer = await send('/.well-known/jwks.json');
      if (answer.status !== 200) return outcomeOf(answer);
      return `200: ${(await answer.json<JSONWebKeySet>()).keys.length} keys`;
    },
    'the metadata': async () => outcomeOf(await send('/.well-known/oauth-authorization-server')),
    'management: the root key revokes a token': async () =>
      outcomeOf(await ask('POST', 'tokens/revoke', { body: { token: roots } })),
    'management: the root key revokes all tokens of a client': async () =>
      outcomeOf(await ask('POST', `clients/${victim.client_id}/revoke-tokens`)),
    'management: a read': async () => outcomeOf(await ask('GET', `clients/${seen.client_id}`)),
    'management: a write': async () =>
      outcomeOf(
        await ask('PATCH', `clients/${seen.client_id}`, { body: { metadata: { change: crypto.randomUUID() } } }),
      ),
  };
  const answers = await during(async () => {
    const all = Object.entries(asked).map(async ([cell, request]) => [cell, await request()] as const);
    return Object.fromEntries(await Promise.all(all)) as Record<Cell, unknown>;
  }, victim);

  // An acknowledged revocation must hold from then on. Without an acknowledgement the answer proves nothing, so it is not checked.
  const tokens: Partial<Record<Cell, string>> = {
    revocation: own,
    'management: the root key revokes a token': roots,
    'management: the root key revokes all tokens of a client': victims,
  };
  for (const [cell, token] of Object.entries(tokens) as [Cell, string][]) {
    if (answers[cell] === '200') answers[cell] = `200: ${await verdict(await introspectAsRoot(token))}`;
  }
  return { answers, revoked: { jti: String(decodeJwt(roots).jti), clientId: victim.client_id } };
}

/**
 * Declares a test for each answer during each failure of a store, in a warm isolate, in a cold one, or in both.
 * @param gates 'gates of these clients' fails only the gates of the tokens' clients
 */
export function cells(
  store: Faulty | 'gates of these clients',
  troubles: readonly Trouble[],
  expected: Answers,
  isolatesOf: IsolatesOf,
  made: () => Scene,
  ended: (revoked: Revoked) => void = () => {},
): void {
  // Pass the names as array items: vitest shortens a name in a title if it comes from an object's property.
  describe.each(troubles.map(({ name, fault }, index) => [name, fault, index] as const))('%s', (_, fault, index) => {
    describe.each(isolatesOf(index))('%s', (isolate) => {
      let answers: Answers;
      beforeAll(async () => {
        const during = <T>(request: () => Promise<T>, victim: Credentials): Promise<T> => {
          if (store !== 'gates of these clients') return withFault(store, fault, request);
          return [...made().owners, victim].reduceRight(
            (inner, { client_id }) =>
              () =>
                withFault(`gate:${client_id}`, fault, inner),
            request,
          )();
        };
        const found = await answersDuring(made(), isolate, during);
        answers = found.answers;
        ended(found.revoked);
      }, 120_000);
      afterAll(async () => {
        // The change may be committed but not delivered. Repeating it delivers it.
        const { client_id } = made().seen;
        expect((await ask('PATCH', `clients/${client_id}`, { body: { metadata: {} } })).status).toBe(200);
      });

      test.each(Object.entries(expected) as [Cell, unknown][])('%s', (cell, answer) => {
        expect(answers[cell]).toEqual(answer);
      });
    });
  });
}
