import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { calculateJwkThumbprint } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { credentialRefs } from '../../src/gates/credential-refs.ts';
import type { ClientAuthentication, ClientRecord, RegisteredKey } from '../../src/gates/protocol.ts';
import { done, world } from '../http.ts';
import { failing } from '../instruments.ts';
import { keyWorld } from '../machines.ts';
import { admit, gateOf, gates, hashOf, heldRecord, push } from './gate.ts';

// The edge verifies a credential against the record that it knows. The gate judges the result by its own record, which may be newer.

type Scene = Awaited<ReturnType<typeof keyWorld>>;

let scene: Scene;
let thumbprint: string;
let jwk: RegisteredKey['jwk'];

beforeAll(async () => {
  scene = await keyWorld('proofs', { rate_limit: { per_minute: 10_000, burst: 10_000 } });
  jwk = scene.signer.publicJwk;
  thumbprint = await calculateJwkThumbprint(jwk);
  await gates.credentials(scene.worker);
});

/** Returns whether the gate accepts a proof that the edge verified against a credential reference. */
async function isTaken(anchor: string, client = scene.worker): Promise<boolean> {
  const spends = { id: `assertion ${crypto.randomUUID()}`, expires_at: Date.now() / 1000 + 60 };
  const request = { client_id: client.client_id, proof: { kind: 'key', anchor, spends } } as const;
  const [one, other] = [
    await gates.admit(request),
    await gates.authenticate({
      ...request,
      proof: { ...request.proof, spends: { ...spends, id: `${spends.id} again` } },
    }),
  ];
  expect([one.outcome, other.outcome]).toEqual(
    one.outcome === 'invalid_client' ? ['invalid_client', 'invalid_client'] : ['admitted', 'authenticated'],
  );
  return one.outcome === 'admitted';
}

const certificate = 'x5t-of-a-certificate';
/** Returns the client’s registered key, with changed members if any are given. */
const key = (other: Partial<RegisteredKey> = {}): RegisteredKey => ({ jwk, thumbprint, certificate, ...other });
const jwks_uri = 'https://keys.example.com/jwks';
const tls_subject = { type: 'san_dns', value: 'machine.example.com' } as const;
const identity = { issuer: 'https://issuer.example.com', audience: 'https://auth.example.com', digest: 'digest' };

/** Returns a client that has registered every kind of credential and may use these methods. */
const registered = (methods: ClientAuthentication['methods'], more: Partial<ClientAuthentication> = {}) => ({
  authentication: {
    methods,
    keys: [key()],
    jwks_uri,
    tls_subject,
    federated_identities: [identity],
    is_strict: false,
    ...more,
  },
});

const loose = { is_strict: false };

const PROOFS = {
  private_key_jwt: () => [credentialRefs.key(loose, key()), credentialRefs.remoteKey(loose, jwks_uri)],
  tls_client_auth: () => [credentialRefs.subject(loose, tls_subject)],
  self_signed_tls_client_auth: () => [
    credentialRefs.certificate(loose, certificate),
    credentialRefs.remoteCertificate(loose, jwks_uri),
  ],
  federated_jwt: () => [credentialRefs.identity(loose, identity)],
};

const METHODS = Object.keys(PROOFS) as (keyof typeof PROOFS)[];
const proofsOf = (method: keyof typeof PROOFS) => PROOFS[method]();

test.each(METHODS)('a proof is of one method: where %s alone is accepted no other’s is taken', async (method) => {
  await push(scene.worker, registered([method]));
  for (const other of METHODS) {
    for (const anchor of proofsOf(other)) expect(await isTaken(anchor), anchor).toBe(other === method);
  }
});

test('where several are accepted the proofs of each are taken', async () => {
  await push(scene.worker, registered(METHODS));
  for (const anchor of METHODS.flatMap(proofsOf)) expect(await isTaken(anchor), anchor).toBe(true);
});

test('what was verified against something else is not taken', async () => {
  await push(scene.worker, registered(METHODS));
  const others = [
    credentialRefs.key(loose, key({ thumbprint: 'another' })),
    credentialRefs.key(loose, key({ thumbprint: thumbprint.toLowerCase() })),
    credentialRefs.key(loose, key({ jwk: { ...jwk, alg: 'ES256' } })),
    credentialRefs.remoteKey(loose, `${jwks_uri}/`),
    credentialRefs.subject(loose, { ...tls_subject, value: 'machine.example.com.evil.example' }),
    credentialRefs.subject(loose, { ...tls_subject, type: 'san_uri' }),
    credentialRefs.certificate(loose, thumbprint),
    credentialRefs.identity(loose, { ...identity, digest: 'another' }),
    thumbprint,
    'private_key_jwt',
    '',
  ];
  for (const anchor of others) expect(await isTaken(anchor), anchor).toBe(false);
});

test('what was verified by looser rules is not taken from a client of the strict profile, nor the other way round', async () => {
  const strictly = credentialRefs.key({ is_strict: true }, key());
  const loosely = credentialRefs.key(loose, key());
  await push(scene.worker, registered(['private_key_jwt'], { is_strict: true }));
  expect([await isTaken(strictly), await isTaken(loosely)]).toEqual([true, false]);
  await push(scene.worker, registered(['private_key_jwt']));
  expect([await isTaken(strictly), await isTaken(loosely)]).toEqual([false, true]);
});

test('a key that is gone is not taken any more, from the push on and after an eviction', async () => {
  const anchor = credentialRefs.key(loose, key());
  await push(scene.worker, registered(['private_key_jwt']));
  expect(await isTaken(anchor)).toBe(true);
  await push(scene.worker, registered(['private_key_jwt'], { keys: [] }));
  expect(await isTaken(anchor)).toBe(false);
  await evictDurableObject(gateOf(scene.worker));
  expect(await isTaken(anchor)).toBe(false);
});

test('nothing is taken from a disabled client', async () => {
  await push(scene.worker, { ...registered(METHODS), status: 'disabled' });
  for (const anchor of METHODS.flatMap(proofsOf)) expect(await isTaken(anchor), anchor).toBe(false);
  await push(scene.worker, { status: 'active' });
  expect(await isTaken(credentialRefs.subject(loose, tls_subject))).toBe(true);
});

describe('secrets', () => {
  test('of a client that does not authenticate by them are not taken, and no fingerprint of theirs is told', async () => {
    const { worker } = await world('no-secrets-any-more');
    expect((await admit(worker)).outcome).toBe('admitted');
    await push(worker, registered(['private_key_jwt']));
    expect(await admit(worker)).toMatchObject({ outcome: 'invalid_client', known: true, fingerprints: [] });
    for (const method of ['client_secret_basic', 'client_secret_post'] as const) {
      await push(worker, registered(['private_key_jwt', method]));
      expect((await admit(worker)).outcome).toBe('admitted');
      await push(worker, registered([method]));
      expect((await admit(worker)).outcome).toBe('admitted');
    }
  });

  test('are what a record of an older version goes by', async () => {
    const { worker } = await world('older-record');
    await admit(worker);
    const { authentication, binding, ...older } = await heldRecord(worker);
    expect(authentication).toBeDefined();
    await push(worker, { ...older, authentication: undefined, binding: undefined } as unknown as Partial<ClientRecord>);
    expect((await admit(worker)).outcome).toBe('admitted');
    expect(await isTaken(credentialRefs.key(loose, key()), worker)).toBe(false);
    expect(await gates.credentials(worker)).toMatchObject({
      authentication: { methods: ['client_secret_basic'], keys: [], is_strict: false },
    });
  });

  test('a hash is no anchor, and an anchor no hash', async () => {
    const { worker } = await world('hash-or-anchor');
    expect(await isTaken(await hashOf(worker.client_secret), worker)).toBe(false);
    await push(scene.worker, registered(['private_key_jwt']));
    const hashes = [credentialRefs.key(loose, key())];
    const proof = { kind: 'secret', hashes } as const;
    expect((await gates.admit({ client_id: scene.clientId, proof })).outcome).toBe('invalid_client');
  });
});

describe('how a client authenticates', () => {
  test('is told as it is registered, of a disabled client as well, and no secret with it', async () => {
    const here = await keyWorld('told');
    const told = await gates.credentials(here.worker);
    expect(told).toEqual({
      outcome: 'credentials',
      authentication: {
        methods: ['private_key_jwt'],
        keys: [{ jwk: here.signer.publicJwk, thumbprint: expect.any(String), certificate: null }],
        jwks_uri: null,
        tls_subject: null,
        federated_identities: [],
        is_strict: false,
      },
      organization_id: here.organization,
    });
    await done('PATCH', `clients/${here.clientId}`, { body: { status: 'disabled' } });
    expect(await gates.credentials(here.worker)).toEqual(told);
    const { worker } = await world('told-with-secret');
    const shown = JSON.stringify(await gates.credentials(worker));
    expect(shown).not.toContain(await hashOf(worker.client_secret));
  });

  test('is not told of nobody, nor of one that was deleted', async () => {
    expect(await gates.credentials({ client_id: 'nobody' })).toEqual({ outcome: 'unknown_client' });
    const here = await keyWorld('told-no-more');
    await gates.credentials(here.worker);
    await done('DELETE', `clients/${here.clientId}`);
    expect(await gates.credentials(here.worker)).toEqual({ outcome: 'unknown_client' });
  });

  test('is known with D1 gone where the gate has its record, and else nobody knows', async () => {
    const [seen, unseen] = [await keyWorld('seen'), await keyWorld('unseen')];
    await gates.credentials(seen.worker);
    await failing('d1', async () => {
      expect((await gates.credentials(seen.worker)).outcome).toBe('credentials');
      await expect(gates.credentials(unseen.worker)).rejects.toThrow('d1 is unavailable');
    });
  });

  test('leaves nothing behind in the gate of an invented id', async () => {
    const invented = { client_id: `invented-${crypto.randomUUID()}` };
    await gates.credentials(invented);
    const found = await env.DB.prepare('SELECT COUNT(*) AS count FROM gates WHERE client_id = ?')
      .bind(invented.client_id)
      .first();
    expect(found).toEqual({ count: 0 });
  });
});
