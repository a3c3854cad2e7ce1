import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import migration from '../../../migrations/0010_workload_index.sql?raw';
import { workloadKeys } from '../../../src/federation/selector.ts';
import { WORKLOAD_AGE, WORKLOAD_QUERIES_AT_ONCE } from '../../../src/oauth/constants.ts';
import { WORKLOADS_PER_KEY_MAX } from '../../../src/store/constants.ts';
import { database } from '../../../src/store/database.ts';
import { findWorkloads } from '../../../src/store/workloads.ts';
import { create, createClient, done, postForm, world } from '../../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../../instruments.ts';
import { askWith, JWT_BEARER, JWT_SPIFFE } from '../../machines.ts';
import { publishIssuer, publishJson } from '../../remote.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { sized } from '../../size.ts';
import { readToken } from '../answers.ts';
import { present, refusalOf, tokenOf, unavailabilityOf, workloadClient } from './workloads.ts';

// Tokens of workloads without a `client_id`: the client is the only one that trusts the token.

type Members = Record<string, unknown>;

const HOST = 'issuer.unnamed.example';
const signer = await newSigner('RS256', { kid: 'first', alg: 'RS256', use: 'sig' });
const issuer = await publishIssuer(HOST, [signer.publicJwk]);
const here = await world('unnamed');
const other = await world('unnamed-other');

afterEach(() => {
  vi.useRealTimers();
});

let counter = 0;
const newSubject = () => `w${crypto.randomUUID()}`;
const address = () => `2001:db8:3:${(++counter).toString(16)}::1`;
const signed = (sub: string, claims: Members = {}, header: Members = {}) =>
  tokenOf(signer, { iss: issuer, sub, ...claims }, header);

/** Requests a token with a platform's token alone. */
function ask(token: string, form: Record<string, string> = {}, from = address()): Promise<Response> {
  return askWith(token, form, { address: from });
}

const clientOf = async (response: Response) => (await readToken(response)).claims.client_id;

describe('the one client that trusts a token is found', () => {
  test.each<[string, Members, Members]>([
    ['by a subject', { subject: 'exact' }, { sub: 'exact' }],
    ['by a subject pattern', { subject: 'orders-*:main' }, { sub: 'orders-a:b:main' }],
    [
      'by claims alone',
      { claims: { repository_id: '74', ref: ['a', 'b'] } },
      { sub: 'x', repository_id: 74, ref: 'b' },
    ],
    ['by a nested claim', { claims: { '/pod/uid': 'u-1' } }, { sub: 'y', pod: { uid: 'u-1' } }],
    ['by a member of a listed claim', { claims: { groups: 'g-1' } }, { sub: 'z', groups: ['g-0', 'g-1'] }],
    ['by another audience', { subject: 'aud', audience: 'urn:aud' }, { sub: 'aud', aud: 'urn:aud' }],
  ])('%s', async (_, identity, claims) => {
    const client = await workloadClient(here, [{ issuer, ...identity }]);
    expect(await clientOf(await ask(await tokenOf(signer, { iss: issuer, ...claims })))).toBe(client);
  });

  test('by one of several identities, and each of them', async () => {
    const subjects = [newSubject(), newSubject()];
    const client = await workloadClient(
      here,
      subjects.map((subject) => ({ issuer, subject })),
    );
    for (const sub of subjects) expect(await clientOf(await ask(await signed(sub)))).toBe(client);
  });

  test('at every endpoint', async () => {
    const sub = newSubject();
    await workloadClient(here, [{ issuer, subject: sub }]);
    for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
      const form = { token: 'x', client_assertion_type: JWT_BEARER, client_assertion: await signed(sub) };
      expect((await postForm(path, form)).status).toBe(200);
    }
  });

  test('by a JWT-SVID, with and without the type for it', async () => {
    const svids = await newSigner('ES256', { kid: 'svid', use: 'jwt-svid' });
    const bundle = `https://${HOST}/bundle`;
    await publishJson(HOST, '/bundle', { keys: [svids.publicJwk] });
    const trust = { issuer: 'spiffe://unnamed.example', jwks_uri: bundle };
    const exact = await workloadClient(here, [{ ...trust, subject: 'spiffe://unnamed.example/ns/shop/sa/orders' }]);
    const pattern = await workloadClient(here, [{ ...trust, subject: 'spiffe://unnamed.example/ns/bank/*' }]);
    const found = [
      ['orders', 'shop', exact],
      ['ledger', 'bank', pattern],
    ] as const;
    for (const [name, namespace, client] of found) {
      const sub = `spiffe://unnamed.example/ns/${namespace}/sa/${name}`;
      const token = await tokenOf(svids, { sub });
      expect(await clientOf(await ask(token))).toBe(client);
      expect(await clientOf(await ask(token, { client_assertion_type: JWT_SPIFFE }))).toBe(client);
    }
  });

  // Many clusters have the same issuer, and only the keys tell them apart.
  test('by the signature, if the tokens of two clients have the same claims', async () => {
    const clusters = await Promise.all([newSigner('ES256'), newSigner('ES256')]);
    const cluster = 'https://kubernetes.default.svc.cluster.local';
    const sub = 'system:serviceaccount:shop:orders';
    for (const [index, { publicJwk }] of clusters.entries()) {
      const identity = { issuer: cluster, subject: sub, jwks: { keys: [publicJwk] } };
      const client = await workloadClient(index === 0 ? here : other, [identity]);
      const token = await tokenOf(clusters[index] as (typeof clusters)[0], { iss: cluster, sub });
      expect(await clientOf(await ask(token))).toBe(client);
    }
  });
});

// GitHub's subject has the ids of owner and repository since 2026, unless the repository is older and did not opt in.
test('both forms of the subject of GitHub Actions are found', async () => {
  const github = 'https://token.actions.githubusercontent.com';
  const actions = await newSigner('RS256', { kid: 'actions', alg: 'RS256', use: 'sig' });
  const keys = { jwks: { keys: [actions.publicJwk] } };
  const ids = { repository_owner: 'octo-org', repository_owner_id: '65', repository: 'octo-org/octo-repo' };
  const identities = {
    'repo:octo-org@65/octo-repo@74:environment:production': {
      subject: 'repo:octo-org@65/octo-repo@74:environment:production',
    },
    'repo:octo-org@65/octo-repo@75:ref:refs/heads/main': { subject: 'repo:octo-org@65/octo-repo@75:*' },
    'repo:octo-org/octo-repo:ref:refs/heads/main': { subject: 'repo:octo-org/octo-repo:ref:refs/heads/main' },
    'repo:octo-org@65/octo-repo@76:pull_request': { claims: { repository_id: '76', repository_owner_id: '65' } },
  };
  for (const [sub, identity] of Object.entries(identities)) {
    const client = await workloadClient(here, [{ issuer: github, ...keys, ...identity }]);
    const repository_id = /@(7\d)/.exec(sub)?.[1] ?? '73';
    const token = await tokenOf(actions, { iss: github, sub, ...ids, repository_id });
    expect(await clientOf(await ask(token)), sub).toBe(client);
    expect(await clientOf(await present(client, token)), sub).toBe(client);
  }
});

describe('a token is refused', () => {
  test('that two clients trust, until only one does', async () => {
    const sub = newSubject();
    const one = await workloadClient(here, [{ issuer, subject: sub }]);
    const two = await workloadClient(other, [{ issuer, subject: `${sub.slice(0, -1)}*` }]);
    const token = await signed(sub);
    expect(await refusalOf(() => ask(token))).toBe('ambiguous_identity');
    expect(await clientOf(await present(one, token))).toBe(one);
    expect(await clientOf(await present(two, token))).toBe(two);
    await done('PATCH', `clients/${two}`, { body: { status: 'disabled' } });
    expect(await clientOf(await ask(token))).toBe(one);
    await done('PATCH', `clients/${two}`, { body: { status: 'active' } });
    startNewIsolate();
    expect(await refusalOf(() => ask(token))).toBe('ambiguous_identity');
    await done('DELETE', `clients/${one}`);
    expect(await clientOf(await ask(token))).toBe(two);
  });

  // Otherwise a workload would become the other organization's client for as long as its own issuer does not answer.
  test('with 503, if only one of two clients has the keys, until both have them', async () => {
    const host = 'half.unnamed.example';
    const sub = newSubject();
    const down = `https://${host}/jwks`;
    await workloadClient(here, [{ issuer, subject: sub, jwks_uri: down }]);
    const two = await workloadClient(other, [{ issuer, subject: sub }]);
    const token = await signed(sub);
    expect(await unavailabilityOf(() => ask(token))).toBe('remote_keys_unavailable');
    expect(await clientOf(await present(two, token))).toBe(two);
    await publishJson(host, '/jwks', { keys: [signer.publicJwk] });
    startNewIsolate();
    expect(await refusalOf(() => ask(token))).toBe('ambiguous_identity');
  });

  test('without any gate call, if its issuer, its claims or its signature are invented', async () => {
    const sub = newSubject();
    await workloadClient(here, [{ issuer, subject: sub }]);
    const stranger = await newSigner('RS256', { kid: 'first' });
    const tokens = {
      no_such_key: await tokenOf(stranger, { iss: issuer, sub }),
      no_such_identity: await tokenOf(stranger, { iss: 'https://invented.example', sub }),
    };
    resetCalls();
    for (const [reason, token] of Object.entries(tokens)) expect(await refusalOf(() => ask(token))).toBe(reason);
    expect(calls.gate).toBe(0);
  });

  test('whose client does not use this method, is disabled or is strict', async () => {
    const subjects = [newSubject(), newSubject(), newSubject()] as const;
    const identities = subjects.map((subject) => [{ issuer, subject }]);
    const fields = { organization_id: here.organization, federated_identities: identities[0] };
    await createClient({ ...fields, client_name: 'with a secret' });
    await workloadClient(here, identities[1] ?? [], { status: 'disabled' });
    const { organization_id } = await create('clients', {
      client_name: 'of a disabled organization',
      organization_id: (await create('organizations', { name: 'unnamed-disabled' })).id,
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: identities[2],
    });
    await done('PATCH', `organizations/${organization_id}`, { body: { status: 'disabled' } });
    for (const sub of subjects) expect(await refusalOf(async () => ask(await signed(sub)))).toBe('no_such_identity');
  });

  test('as a JWT-SVID, if it is none', async () => {
    const sub = newSubject();
    await workloadClient(here, [{ issuer, subject: sub }]);
    const token = await signed(sub);
    expect(await refusalOf(() => ask(token, { client_assertion_type: JWT_SPIFFE }))).toBe('no_such_identity');
  });
});

describe('a change applies to the next request', () => {
  test('of a client that is created after its first token', async () => {
    const sub = newSubject();
    expect((await ask(await signed(sub))).status).toBe(401);
    const client = await workloadClient(here, [{ issuer, subject: sub }]);
    expect(await clientOf(await ask(await signed(sub)))).toBe(client);
  });

  test('of a workload that moves from one client to another', async () => {
    const sub = newSubject();
    const identity = { issuer, subject: sub };
    const one = await workloadClient(here, [identity]);
    const two = await workloadClient(other, [{ issuer, subject: newSubject() }]);
    expect(await clientOf(await ask(await signed(sub)))).toBe(one);
    await done('PATCH', `clients/${one}`, { body: { federated_identities: [{ issuer, subject: newSubject() }] } });
    expect((await ask(await signed(sub))).status).toBe(401);
    await done('PATCH', `clients/${two}`, { body: { federated_identities: [identity] } });
    expect(await clientOf(await ask(await signed(sub)))).toBe(two);
    await done('PATCH', `clients/${two}`, { body: { status: 'disabled' } });
    expect((await ask(await signed(sub))).status).toBe(401);
  });
});

describe('the cost', () => {
  test('of a warm request is one gate call, and D1 may be down', async () => {
    const sub = newSubject();
    const client = await workloadClient(here, [{ issuer, subject: sub }]);
    startNewIsolate();
    resetCalls();
    expect((await ask(await signed(sub))).status).toBe(200);
    expect(calls).toMatchObject({ gate: 1 });
    resetCalls();
    expect((await ask(await signed(sub))).status).toBe(200);
    expect(calls).toMatchObject({ gate: 1, d1: 0, kv: 0 });
    expect(await failing('d1', async () => clientOf(await ask(await signed(sub))))).toBe(client);
  });

  test('of an old entry is one query in the background, also while D1 is down', async () => {
    const sub = newSubject();
    const client = await workloadClient(here, [{ issuer, subject: sub }]);
    const token = await signed(sub);
    await ask(token);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + (WORKLOAD_AGE + 1) * 1000 });
    expect(await failing('d1', async () => clientOf(await ask(token)))).toBe(client);
    const { client_id: second } = await create('clients', {
      organization_id: other.organization,
      client_name: sub,
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: [{ issuer, subject: sub }],
    });
    expect(second).not.toBe(client);
    // The entry is still used, and read again for the next request.
    expect(await clientOf(await ask(token))).toBe(client);
    await vi.waitFor(async () => expect(await refusalOf(() => ask(token))).toBe('ambiguous_identity'));
  });

  test('is 503 for an unknown workload while D1 is down', async () => {
    startNewIsolate();
    const token = await signed(newSubject());
    expect((await failing('d1', () => ask(token))).status).toBe(503);
  });

  const TOKENS = sized({ small: 2000, soak: 10_000 });

  test(`of ${TOKENS} tokens with invented issuers and subjects is a few queries and no gate call, and workloads are found meanwhile`, async () => {
    const subjects = Array.from({ length: 5 }, newSubject);
    for (const subject of subjects) await workloadClient(here, [{ issuer, subject }]);
    const stranger = await newSigner('ES256', { kid: 'first' });
    const invented = await Promise.all(
      Array.from({ length: TOKENS }, (_, index) => {
        const iss = index % 2 === 0 ? issuer : `https://invented-${index}.example`;
        return tokenOf(stranger, { iss, sub: `invented-${index}` });
      }),
    );
    startNewIsolate();
    resetCalls();
    const begun = performance.now();
    const statuses = new Set<number>();
    const share = TOKENS / subjects.length;
    for (const [index, sub] of subjects.entries()) {
      const flood = invented.slice(index * share, (index + 1) * share);
      const refused = flood.map((token, at) => ask(token, {}, `198.20.${at % 4}.${at % 250}`));
      // From an address that strangers use as well.
      // A busy machine may need more than the deadline for the flood. The workload then tries again, as `Retry-After` says.
      await vi.waitFor(async () => expect((await ask(await signed(sub), {}, '198.20.1.1')).status).toBe(200));
      for (const response of await Promise.all(refused)) statuses.add(response.status);
    }
    const seconds = Math.ceil((performance.now() - begun) / 1000);
    console.log(`${TOKENS} invented tokens in ${seconds} s: ${calls.d1} D1 calls`);
    // After many failures in an isolate, others are answered 429.
    expect([...statuses].sort()).toEqual([401, 429]);
    // Each of the clients' gates loads its record once, and the isolate reads the keys once.
    const ofClients = subjects.length + 3;
    expect(calls.d1).toBeLessThanOrEqual(WORKLOAD_QUERIES_AT_ONCE + seconds + ofClients);
    expect(calls.gate).toBe(subjects.length);
  });

  test('an address from which too many tokens failed looks nothing up', async () => {
    startNewIsolate();
    const from = address();
    for (let failed = 0; failed < 20; failed++)
      expect((await ask(await signed(newSubject()), {}, from)).status).toBe(401);
    resetCalls();
    const response = await ask(await signed(newSubject()), {}, from);
    expect([response.status, response.headers.get('Retry-After')]).toEqual([429, '5']);
    expect(calls.d1).toBe(0);
  });
});

test(`an organization has at most ${WORKLOADS_PER_KEY_MAX} clients at one key of the index, and another is found beside them`, async () => {
  const sub = newSubject();
  const ids = JSON.stringify(Array.from({ length: WORKLOADS_PER_KEY_MAX }, () => crypto.randomUUID()));
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO clients (client_id, organization_id, client_name, token_endpoint_auth_method, rate_limit_per_minute,
        rate_limit_burst, claims, metadata, status, version, created_at, updated_at)
        SELECT value, ?2, value, 'federated_jwt', 600, 100, '{}', '{}', 'active', 1, 0, 0 FROM json_each(?1)`,
    ).bind(ids, here.organization),
    env.DB.prepare('INSERT INTO client_workloads SELECT ?2, ?3, value FROM json_each(?1)').bind(
      ids,
      issuer,
      `sub=${sub}`,
    ),
  ]);
  const token = await signed(sub);
  const last = await workloadClient(here, [{ issuer, subject: sub }]);
  expect(await refusalOf(() => ask(token))).toBe('no_such_identity');
  expect(await clientOf(await present(last, token))).toBe(last);
  const found = await workloadClient(other, [{ issuer, subject: sub }]);
  expect(await clientOf(await ask(token))).toBe(found);
});

test('a look-up reads no clients whose patterns begin with another account', async () => {
  const sub = 'account:own/deploy:main';
  const own = await workloadClient(here, [{ issuer, subject: 'account:own/*:main' }]);
  const foreign = ['account:other/*:main', 'account:own-2/*'];
  const others = await Promise.all(foreign.map((subject) => workloadClient(other, [{ issuer, subject }])));
  const found = await findWorkloads(database(env.DB), workloadKeys({ iss: issuer, sub }), Date.now());
  const clients = found.map(({ clientId }) => clientId);
  expect(clients).toContain(own);
  for (const client of others) expect(clients).not.toContain(client);
  expect(await clientOf(await ask(await signed(sub)))).toBe(own);
});

test('a workload is that of another client once its former one has expired', async () => {
  const sub = newSubject();
  const former = await workloadClient(here, [{ issuer, subject: sub }]);
  const token = await signed(sub);
  expect(await clientOf(await ask(token))).toBe(former);
  const next = await workloadClient(here, [{ issuer, subject: sub }]);
  await env.DB.prepare('UPDATE clients SET expires_at = 1000 WHERE client_id = ?').bind(former).run();
  startNewIsolate();
  expect(await clientOf(await ask(await signed(sub)))).toBe(next);
});

test('what a client trusts is read once, at however many keys it is', async () => {
  const subjects = [newSubject(), newSubject()];
  const client = await workloadClient(
    here,
    subjects.map((subject) => ({ issuer, subject })),
  );
  const keys = subjects.map((subject) => ({ issuer, selector: `sub=${subject}` }));
  const found = await findWorkloads(database(env.DB), keys, Date.now());
  expect(found).toMatchObject(keys.map((key) => ({ ...key, clientId: client })));
  expect(found[0]?.identities).toHaveLength(2);
  expect(found[1]?.identities).toBe(found[0]?.identities);
});

test('older code, which does not know of the index, can delete a client', async () => {
  const client = await workloadClient(here, [{ issuer, subject: newSubject() }]);
  const remove = (table: string) => env.DB.prepare(`DELETE FROM ${table} WHERE client_id = ?`).bind(client);
  const older = [
    'client_grant_scopes',
    'client_grants',
    'client_roles',
    'client_introspects',
    'client_secrets',
    'clients',
  ];
  await env.DB.batch(older.map(remove));
  const left = env.DB.prepare('SELECT count(*) AS count FROM client_workloads WHERE client_id = ?').bind(client);
  expect(await left.first('count')).toBe(0);
});

test('the migration finds the workloads of clients that exist already', async () => {
  const sub = newSubject();
  const client = await workloadClient(here, [
    { issuer, subject: sub },
    { issuer, subject: `${sub}*` },
    { issuer, claims: { of: sub } },
  ]);
  const rows = () =>
    env.DB.prepare('SELECT * FROM client_workloads WHERE client_id = ? ORDER BY selector').bind(client);
  const expected = [
    { issuer, selector: '', client_id: client },
    { issuer, selector: `sub=${sub}`, client_id: client },
  ];
  expect((await rows().all()).results).toEqual(expected);
  await env.DB.prepare('DELETE FROM client_workloads WHERE client_id = ?').bind(client).run();
  await env.DB.prepare(migration.slice(migration.indexOf('INSERT'))).run();
  expect((await rows().all()).results).toEqual(expected);
});
