import { describe, expect, test } from 'vitest';
import { api, create, done, requestToken, world } from '../http.ts';
import { type Fault, startNewIsolate, withFault } from '../instruments.ts';
import { askWith, assertionOf, keyClient, keyWorld, proofOf } from '../machines.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { pointedAt, problemOf } from './rows.ts';

const BY_SECRET = { token_endpoint_auth_method: 'client_secret_basic', additional_auth_methods: [] };

const patch = (clientId: string, body: object) => done('PATCH', `clients/${clientId}`, { body });
const statusOf = async (response: Promise<Response>) => (await response).status;

describe('a client goes over', () => {
  test('from its secret to a key and back: what is not registered any more is refused at once, what was lives again', async () => {
    const { worker } = await world('goes-over');
    const { client_id } = worker;
    const signer = await newSigner('ES256');
    const bySecret = () => statusOf(requestToken(worker));
    const byKey = async () => statusOf(askWith(await assertionOf(client_id, signer)));
    expect([await bySecret(), await byKey()]).toEqual([200, 401]);

    const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [signer.publicJwk] } };
    await patch(client_id, { ...keyed, additional_auth_methods: ['client_secret_basic'] });
    expect([await bySecret(), await byKey()]).toEqual([200, 200]);
    await patch(client_id, { additional_auth_methods: [] });
    expect([await bySecret(), await byKey()]).toEqual([401, 200]);
    startNewIsolate();
    expect([await bySecret(), await byKey()]).toEqual([401, 200]);

    const secrets = await done<{ data: { rank: string }[] }>('GET', `clients/${client_id}/secrets`);
    expect(secrets.data.map(({ rank }) => rank)).toEqual(['primary']);
    expect(await statusOf(api('POST', `clients/${client_id}/secrets/rotate`, { body: {} }))).toBe(409);

    await patch(client_id, { token_endpoint_auth_method: null });
    expect([await bySecret(), await byKey()]).toEqual([200, 401]);
    expect(await statusOf(api('POST', `clients/${client_id}/secrets/rotate`, { body: {} }))).toBe(201);
  });

  test('for good, where its secrets are deleted: none of them lives again', async () => {
    const { worker } = await world('goes-over-for-good');
    const { client_id } = worker;
    await done('POST', `clients/${client_id}/secrets/rotate`);
    const listed = async () =>
      (await done<{ data: { id: string; rank: string }[] }>('GET', `clients/${client_id}/secrets`)).data;
    const [primary, secondary] = await listed();
    const remove = (id = '') => statusOf(api('DELETE', `clients/${client_id}/secrets/${id}`));
    expect(await remove(primary?.id)).toBe(409);

    const { publicJwk } = await newSigner('ES256');
    await patch(client_id, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] } });
    expect([await remove(primary?.id), await remove(secondary?.id)]).toEqual([204, 204]);
    expect(await listed()).toEqual([]);
    await patch(client_id, { token_endpoint_auth_method: 'client_secret_basic' });
    expect(await statusOf(requestToken(worker))).toBe(401);
    const { client_secret } = await done<{ client_secret: string }>('POST', `clients/${client_id}/secrets/rotate`);
    expect(await statusOf(requestToken({ client_id, client_secret }))).toBe(200);
  });

  test('from one key to another: the old one’s signature is refused at once, and the new one’s accepted', async () => {
    const { signer, clientId } = await keyWorld('rekeyed');
    const next = await newSigner('ES256', { kid: 'next' });
    const by = async (one: typeof signer) => statusOf(askWith(await assertionOf(clientId, one)));
    const keys = (...signers: (typeof signer)[]) =>
      patch(clientId, { jwks: { keys: signers.map(({ publicJwk }) => publicJwk) } });
    expect([await by(signer), await by(next)]).toEqual([200, 401]);
    await keys(signer, next);
    expect([await by(signer), await by(next)]).toEqual([200, 200]);
    await keys(next);
    expect([await by(signer), await by(next)]).toEqual([401, 200]);
  });

  test('to bound tokens, and its next request must have a proof', async () => {
    const { signer, clientId } = await keyWorld('to-bound');
    const unbound = async () => statusOf(askWith(await assertionOf(clientId, signer)));
    expect(await unbound()).toBe(200);
    await patch(clientId, { dpop_bound_access_tokens: true });
    expect(await unbound()).toBe(400);
    const holder = await newSigner('ES256');
    const dpop = await proofOf(holder);
    expect(await statusOf(askWith(await assertionOf(clientId, signer), {}, { dpop }))).toBe(200);
    await patch(clientId, { dpop_bound_access_tokens: null });
    expect(await unbound()).toBe(200);
  });

  test('only with all that it then needs, and a list is replaced whole', async () => {
    const { clientId } = await keyWorld('patched-keys');
    const refused = (body: object) => api('PATCH', `clients/${clientId}`, { body }).then(pointedAt);
    expect(await refused({ jwks: null })).toEqual(['/jwks']);
    expect(await refused({ jwks: { keys: null } })).toEqual(['/jwks/keys']);
    expect(await refused({ jwks_uri: 'https://keys.example.com/jwks' })).toEqual(['/jwks_uri']);
    const [one, other] = ['a', 'b'].map((name) => ({
      issuer: `https://${name}.example.com`,
      subject: name,
      audience: 'x',
    }));
    expect(await patch(clientId, { federated_identities: [one] })).toMatchObject({ federated_identities: [one] });
    expect(await patch(clientId, { federated_identities: [other] })).toMatchObject({ federated_identities: [other] });
    expect(await patch(clientId, { federated_identities: null })).toMatchObject({ federated_identities: [] });
  });
});

describe('an organization that becomes strict', () => {
  const become = (organization: string) =>
    api('PATCH', `organizations/${organization}`, { body: { security_profile: 'strict' } });

  test('is refused with the clients that it would shut out, and accepted when there are none', async () => {
    const { organization, identifier, worker, api: caller } = await world('shut-out');
    const { publicJwk } = await newSigner('ES256');
    const rsa = (await newSigner('RS256', { alg: 'RS256' })).publicJwk;
    const here = { organization, identifier };
    const fine = await keyClient(here, 'fine', [publicJwk]);
    const long = await keyClient(here, 'long-lived', [publicJwk], { access_token_ttl: 3600 });
    const old = await keyClient(here, 'old algorithm', [publicJwk, rsa]);
    const also = await keyClient(here, 'also by secret', [publicJwk], {
      additional_auth_methods: ['client_secret_post'],
    });
    const workload = { issuer: 'https://ci.example.com', subject: 'worker' };
    const federated = await keyClient(here, 'workload', [publicJwk], {
      additional_auth_methods: ['federated_jwt'],
      federated_identities: [workload],
    });
    const weak = [worker.client_id, caller.client_id, long, old, also, federated];

    const problem = await problemOf(await become(organization), 409);
    expect(problem.orphans?.map(({ type, id }) => `${type} ${id}`).sort()).toEqual(
      weak.map((id) => `client ${id}`).sort(),
    );
    expect(problem.orphans_total).toBe(weak.length);
    expect(await done('GET', `organizations/${organization}`)).toMatchObject({ security_profile: 'standard' });

    for (const id of [worker.client_id, caller.client_id]) {
      await patch(id, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] } });
    }
    await patch(long, { access_token_ttl: 900 });
    await patch(old, { jwks: { keys: [publicJwk] } });
    await patch(also, { additional_auth_methods: [] });
    const last = await problemOf(await become(organization), 409);
    expect(last.orphans?.map(({ id }) => id)).toEqual([federated]);
    await patch(federated, { additional_auth_methods: [] });

    const answer = await become(organization);
    expect([answer.status, await answer.json()]).toMatchObject([200, { security_profile: 'strict' }]);
    const { data } = await done<{ data: object[] }>('GET', `audit-events?target=${organization}&limit=1`);
    expect(data).toMatchObject([{ action: 'organization.updated', changes: { security_profile: 'strict' } }]);
    expect(await done('GET', `clients/${fine}`)).toMatchObject({ security_profile: 'standard' });
  });

  test('holds its clients to it in their next request, and lets them go again', async () => {
    const { organization, api: caller, signer, clientId } = await keyWorld('strict-at-once');
    await done('DELETE', `clients/${caller.client_id}`);
    const unbound = async () => statusOf(askWith(await assertionOf(clientId, signer)));
    expect(await unbound()).toBe(200);
    expect((await become(organization)).status).toBe(200);
    expect(await unbound()).toBe(400);
    const dpop = await proofOf(await newSigner('ES256'));
    expect(await statusOf(askWith(await assertionOf(clientId, signer), {}, { dpop }))).toBe(200);
    await done('PATCH', `organizations/${organization}`, { body: { security_profile: null } });
    expect(await unbound()).toBe(200);
  });

  test('has no client any more that is not, whatever the client’s own profile', async () => {
    const { id: organization = '' } = await create('organizations', { name: 'Strict', security_profile: 'strict' });
    const body = { organization_id: organization, client_name: 'by secret' };
    expect(await pointedAt(await api('POST', 'clients', { body }))).toEqual(['/token_endpoint_auth_method']);
    const { publicJwk } = await newSigner('ES256');
    const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] } };
    const { client_id } = await create('clients', { ...body, ...keyed });
    const weaker: [object, string][] = [
      [BY_SECRET, '/token_endpoint_auth_method'],
      [{ additional_auth_methods: ['client_secret_basic'] }, '/additional_auth_methods'],
      [{ access_token_ttl: 901 }, '/access_token_ttl'],
      [{ jwks: { keys: [(await newSigner('RS256', { alg: 'RS256' })).publicJwk] } }, '/jwks/keys/0/alg'],
    ];
    for (const [change, pointer] of weaker) {
      const response = await api('PATCH', `clients/${client_id}`, {
        body: { security_profile: 'standard', ...change },
      });
      expect(await pointedAt(response)).toEqual([pointer]);
    }
  });

  /** Lets another write happen between the validation and the database write of a first one. */
  async function overtaken(statement: string, by: () => Promise<Response>, write: () => Promise<Response>) {
    let other: Response | undefined;
    const fault: Fault = async (call, asked) => {
      if (other || !asked.toLowerCase().includes(statement)) return call();
      other = new Response();
      other = await by();
      return call();
    };
    const response = await withFault('d1', fault, write);
    return { response, other: other?.status };
  }

  test('while one of its clients is made weak is refused, whichever comes first', async () => {
    const { organization, identifier, worker, api: caller } = await world('overtaken');
    const { publicJwk } = await newSigner('ES256');
    for (const { client_id } of [worker, caller]) await done('DELETE', `clients/${client_id}`);
    const client = await keyClient({ organization, identifier }, 'keyed', [publicJwk]);
    const weaken = () => api('PATCH', `clients/${client}`, { body: BY_SECRET });
    const addWeak = () => api('POST', 'clients', { body: { organization_id: organization, client_name: 'weak' } });

    for (const weakening of [weaken, addWeak]) {
      const first = await overtaken('update "organizations"', weakening, () => become(organization));
      expect(first.other).toBeLessThan(300);
      expect((await problemOf(first.response, 409)).orphans_total).toBe(1);
      if (weakening === addWeak) {
        const { data } = await done<{ data: { client_id: string; client_name: string }[] }>(
          'GET',
          `clients?organization_id=${organization}&name=weak`,
        );
        await done('DELETE', `clients/${data[0]?.client_id}`);
      } else await patch(client, { token_endpoint_auth_method: 'private_key_jwt' });

      const statement = weakening === weaken ? 'update "clients"' : 'insert into "clients"';
      const second = await overtaken(statement, () => become(organization), weakening);
      expect(second.other).toBe(200);
      expect(await pointedAt(second.response)).toEqual(['/token_endpoint_auth_method']);
      await done('PATCH', `organizations/${organization}`, { body: { security_profile: 'standard' } });
    }
  });

  test('while fifty of its clients are made and changed at once ends with none that is shut out', async () => {
    const { id: organization = '' } = await create('organizations', { name: 'Crowd' });
    const { publicJwk } = await newSigner('ES256');
    const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] } };
    const owned = { organization_id: organization };
    const { client_id } = await create('clients', { ...owned, client_name: 'keyed', ...keyed });
    const requests = Array.from({ length: 50 }, (_, index) => {
      if (index % 5 === 2) return become(organization);
      if (index % 5 === 4) return api('PATCH', `clients/${client_id}`, { body: index % 2 ? BY_SECRET : keyed });
      return api('POST', 'clients', { body: { ...owned, client_name: `crowd ${index}`, ...(index % 2 ? keyed : {}) } });
    });
    const statuses = new Set((await Promise.all(requests)).map(({ status }) => status));
    expect([...statuses].filter((status) => ![200, 201, 409, 412, 422].includes(status))).toEqual([]);
    const { security_profile } = await done('GET', `organizations/${organization}`);
    const { data } = await done<{ data: { token_endpoint_auth_method: string }[] }>(
      'GET',
      `clients?organization_id=${organization}&limit=100`,
    );
    const weak = data.filter(({ token_endpoint_auth_method }) => token_endpoint_auth_method !== 'private_key_jwt');
    if (security_profile === 'strict') expect(weak).toEqual([]);
    else expect(weak.length).toBeGreaterThan(0);
  });
});
