import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { FINDINGS } from '../../src/management/diagnosis/finding-texts.ts';
import { gateOf, tablesOf } from '../client-gate/gate.ts';
import { type Credentials, createClient, done, getToken, requestToken, world } from '../http.ts';
import { calls, failing, gateStorage, refusalReports, resetCalls, startNewIsolate, withFault } from '../instruments.ts';
import { requestLines } from '../log/lines.ts';
import { rowsOf } from './rows.ts';

interface Diagnosis {
  readonly status: string;
  readonly findings: { finding: string }[];
  readonly summary: { reason: string; count: number }[] | null;
  readonly refusals: { reason: string; count: number; address: string | null; authenticated: boolean }[] | null;
  readonly credentials: object[];
  readonly effective_scopes: object[];
  readonly rate_limit: { remaining: number | null; reset_seconds: number | null };
}

const diagnose = (clientId: string) => done<Diagnosis>('GET', `clients/${clientId}/diagnosis`);
const findingsOf = async (clientId: string) => (await diagnose(clientId)).findings.map(({ finding }) => finding);

let here: Awaited<ReturnType<typeof world>>;
let addresses = 0;
const address = () => `198.51.100.${++addresses % 250}`;

beforeAll(async () => {
  here = await world('why');
});

beforeEach(() => {
  startNewIsolate();
  resetCalls();
});

afterEach(() => void vi.useRealTimers());

const newClient = (fields: object = {}): Promise<Credentials> =>
  createClient({
    organization_id: here.organization,
    client_name: crypto.randomUUID(),
    grants: [{ resource_server: here.identifier, scopes: ['read'] }],
    ...fields,
  });
const wrong = (client: Credentials) => ({ ...client, client_secret: generateSecret('ems_') });

/** Waits until the diagnosis of a client has so many refused requests. */
function untilNoted(clientId: string, count: number): Promise<Diagnosis> {
  return vi.waitFor(async () => {
    const found = await diagnose(clientId);
    expect(found.refusals?.reduce((sum, one) => sum + one.count, 0)).toBe(count);
    return found;
  });
}

describe('a client that was never refused', () => {
  test('has no findings, its credentials and scopes, and its whole rate limit, and its gate is not woken', async () => {
    const { client_id } = await newClient({ rate_limit: { per_minute: 60, burst: 7 } });
    resetCalls();
    expect(await diagnose(client_id)).toMatchObject({
      status: 'active',
      organization_status: 'active',
      last_used_at: null,
      findings: [],
      summary: [],
      credentials: [{ kind: 'secret', name: expect.stringMatching(/^sec_/), expires_at: null, last_used_at: null }],
      effective_scopes: [
        {
          resource_server: here.identifier,
          sources: [{ type: 'direct' }],
          scopes: [{ name: 'read', sources: [{ type: 'direct' }] }],
        },
      ],
      rate_limit: { per_minute: 60, burst: 7, remaining: 7, reset_seconds: 0 },
      refusals: [],
    });
    expect(calls.gate).toBe(0);
  });

  test('shows what is left of its rate limit, without taking any of it', async () => {
    const client = await newClient({ rate_limit: { per_minute: 1, burst: 7 } });
    await getToken(client);
    await diagnose(client.client_id);
    expect((await diagnose(client.client_id)).rate_limit).toMatchObject({ remaining: 6, reset_seconds: 60 });
  });

  test('costs its gate nothing for it', async () => {
    const client = await newClient();
    await getToken(client);
    resetCalls();
    await getToken(client);
    expect(calls).toMatchObject({ gate: 1, d1: 0, kv: 0 });
    expect(refusalReports.sent).toBe(0);
    expect(await tablesOf(client)).not.toContain('refusals');
  });
});

describe('findings', () => {
  const strictly = { security_profile: 'strict' };
  /** The ids of resource servers by their identifiers. */
  const ids = new Map<string, string>();
  test.each<[string, () => Promise<string>]>([
    ['client_disabled', async () => (await newClient({ status: 'disabled' })).client_id],
    [
      'organization_disabled',
      async () => {
        const { organization, worker } = await world('why-disabled');
        await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
        return worker.client_id;
      },
    ],
    [
      'client_expired',
      async () => {
        const { client_id } = await newClient();
        await rowsOf('UPDATE clients SET expires_at = 1 WHERE client_id = ?', client_id);
        return client_id;
      },
    ],
    [
      'client_expires_soon',
      async () => (await newClient({ expires_at: new Date(Date.now() + 86_400_000).toISOString() })).client_id,
    ],
    [
      'no_permitted_method',
      async () => {
        const { organization, worker } = await world('why-strict');
        await rowsOf('UPDATE organizations SET security_profile = ? WHERE id = ?', 'strict', organization);
        return worker.client_id;
      },
    ],
    [
      'method_not_permitted',
      async () => {
        const { client_id } = await newClient();
        await rowsOf(
          `UPDATE clients SET security_profile = 'strict', additional_auth_methods = '["private_key_jwt"]' WHERE client_id = ?`,
          client_id,
        );
        return client_id;
      },
    ],
    [
      'no_live_secret',
      async () => {
        const { client_id } = await newClient();
        await rowsOf('UPDATE client_secrets SET expires_at = 1 WHERE client_id = ?', client_id);
        return client_id;
      },
    ],
    [
      'secret_leaked',
      async () => {
        const { client_id, client_secret } = await newClient();
        await done('POST', 'leaked-secrets', { body: { secret: client_secret }, key: null });
        return client_id;
      },
    ],
    [
      'secret_expired',
      async () => {
        const { client_id } = await newClient();
        await done('POST', `clients/${client_id}/secrets/rotate`, { body: { grace_seconds: 0 } });
        return client_id;
      },
    ],
    [
      'secret_expires_soon',
      async () => {
        const { client_id } = await newClient();
        await done('POST', `clients/${client_id}/secrets/rotate`, { body: { grace_seconds: 86_400 } });
        return client_id;
      },
    ],
    ['no_key', () => withMethod('private_key_jwt')],
    ['no_certificate', () => withMethod('tls_client_auth')],
    ['no_identity', () => withMethod('federated_jwt')],
    ['no_grants', async () => (await newClient({ grants: [] })).client_id],
    [
      'resource_must_be_named',
      async () => {
        const { client_id } = await newClient();
        await grantAnother(client_id);
        return client_id;
      },
    ],
    [
      'default_resource_not_granted',
      async () => {
        const { client_id } = await newClient();
        await grantAnother(client_id);
        await rowsOf(
          'UPDATE clients SET default_resource_server_id = ? WHERE client_id = ?',
          ids.get(await newServer()),
          client_id,
        );
        return client_id;
      },
    ],
    [
      'signing_alg_not_permitted',
      async () => {
        const grants = [{ resource_server: await newServer({ signing_alg: 'RS256' }), scopes: [] }];
        const { client_id } = await newClient({ grants });
        await rowsOf(
          'UPDATE clients SET security_profile = ? WHERE client_id = ?',
          strictly.security_profile,
          client_id,
        );
        return client_id;
      },
    ],
    ['resource_unknown', () => refusedOne({ resource: 'https://nowhere.example' })],
    ['resource_not_granted', async () => refusedOne({ resource: await newServer() })],
    ['scope_unknown', () => refusedOne({ scope: 'raed' })],
    ['scope_not_granted', () => refusedOne({ scope: 'read admin' })],
    [
      'quota_used_up',
      async () => {
        const quota = { tokens_per_day: 1, tokens_per_month: null, action: 'enforce' };
        const client = await newClient({ quota });
        await getToken(client);
        return client.client_id;
      },
    ],
    [
      'rate_limit_used_up',
      async () => {
        const client = await newClient({ rate_limit: { per_minute: 1, burst: 1 } });
        await getToken(client);
        return client.client_id;
      },
    ],
  ])('%s is found', async (finding, make) => {
    expect(await findingsOf(await make())).toContain(finding);
  });

  test('each is tested here', () => {
    const source = Object.keys(FINDINGS);
    expect(source).toHaveLength(23);
  });

  async function withMethod(method: string): Promise<string> {
    const { client_id } = await newClient();
    await rowsOf('UPDATE clients SET token_endpoint_auth_method = ? WHERE client_id = ?', method, client_id);
    return client_id;
  }

  async function refusedOne(form: Record<string, string>): Promise<string> {
    const client = await newClient();
    expect((await requestToken(client, form)).status).toBe(400);
    await untilNoted(client.client_id, 1);
    return client.client_id;
  }

  test('about what was requested name it, and end once it is granted', async () => {
    const client = await newClient();
    await requestToken(client, { scope: 'read admin raed' });
    const { findings } = await untilNoted(client.client_id, 1);
    expect(findings).toMatchObject([
      { finding: 'scope_unknown', names: ['raed'] },
      { finding: 'scope_not_granted', names: ['admin'] },
    ]);
    const grants = [{ resource_server: here.identifier, scopes: ['read', 'admin'] }];
    await done('PATCH', `clients/${client.client_id}`, { body: { grants } });
    expect(await findingsOf(client.client_id)).toEqual(['scope_unknown']);
  });

  async function newServer(fields: object = {}): Promise<string> {
    const identifier = `https://${crypto.randomUUID()}.example.com`;
    const body = { organization_id: here.organization, identifier, name: identifier, ...fields };
    const { id } = await done<{ id: string }>('POST', 'resource-servers', { body });
    ids.set(identifier, id);
    return identifier;
  }

  async function grantAnother(client_id: string): Promise<void> {
    await rowsOf('INSERT INTO client_grants VALUES (?, ?)', client_id, ids.get(await newServer()));
  }
});

describe('a flood of refused requests', () => {
  test('that prove to be the client’s costs a bounded number of reports, and all are counted', async () => {
    const client = await newClient();
    await getToken(client);
    resetCalls();
    for (let request = 0; request < 60; request++) await requestToken(client, { scope: 'admin' });
    expect(refusalReports.sent).toBeLessThanOrEqual(20);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2000 });
    await requestToken(client, { scope: 'admin' });
    vi.useRealTimers();
    const { refusals } = await untilNoted(client.client_id, 61);
    expect(refusals).toMatchObject([{ reason: 'invalid_scope', count: 61, authenticated: true }]);
  });

  test('of strangers costs five reports a client, and leaves the client its own', async () => {
    const client = await newClient();
    await getToken(client);
    resetCalls();
    for (let request = 0; request < 40; request++) {
      await requestToken({ ...client, client_secret: 'mistyped' }, {}, { address: address() });
    }
    expect(refusalReports.sent).toBe(5);
    await requestToken(client, { scope: 'admin' });
    const { refusals } = await vi.waitFor(async () => {
      const found = await diagnose(client.client_id);
      expect(found.refusals?.map(({ reason }) => reason)).toContain('invalid_scope');
      return found;
    });
    expect(refusals?.filter(({ reason }) => reason === 'mistyped_secret')).toHaveLength(5);
  });

  test('about invented ids reaches no gate', async () => {
    const invented = 'emc_0123456789ABCDEFGHIJKLMNOPQRST';
    await requestToken({ client_id: invented, client_secret: 'x' }, {}, { address: address() });
    await requestToken({ client_id: 'invented', client_secret: 'x' }, {}, { address: address() });
    expect(refusalReports.sent).toBe(0);
    expect(calls.gate).toBe(0);
  });
});

describe('the gate', () => {
  async function refusedOnce(): Promise<Credentials> {
    const client = await newClient();
    await requestToken(wrong(client), {}, { address: '192.0.2.7' });
    await untilNoted(client.client_id, 1);
    return client;
  }

  test('keeps refusals over an eviction', async () => {
    const { client_id } = await refusedOnce();
    await evictDurableObject(gateOf({ client_id }));
    expect((await diagnose(client_id)).refusals).toMatchObject([{ reason: 'wrong_secret', address: '192.0.2.7' }]);
  });

  test('writes them at once, and then at most every eight seconds, by its alarm', async () => {
    const client = await newClient();
    await getToken(client);
    const written = () =>
      runInDurableObject(gateOf(client), (_, { storage }) => {
        const [row] = storage.sql.exec<{ json: string }>('SELECT json FROM refusals').toArray();
        return (JSON.parse(row?.json ?? '[]') as { count: number }[]).reduce((sum, { count }) => sum + count, 0);
      });
    await requestToken(client, { scope: 'admin' });
    await untilNoted(client.client_id, 1);
    expect(await written()).toBe(1);
    gateStorage.rowsWritten = 0;
    await requestToken(client, { scope: 'admin' });
    await untilNoted(client.client_id, 2);
    expect(await written()).toBe(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 9000 });
    await runDurableObjectAlarm(gateOf(client));
    expect(await written()).toBe(2);
  });

  test('deletes them after seven days, from its storage too, and with the client', async () => {
    const { client_id } = await refusedOnce();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 7 * 86_400_000 + 1000 });
    expect((await diagnose(client_id)).refusals).toEqual([]);
    await runDurableObjectAlarm(gateOf({ client_id }));
    const rows = (id: string) =>
      runInDurableObject(gateOf({ client_id: id }), (_, { storage }) =>
        storage.sql.exec<{ json: string }>('SELECT json FROM refusals').toArray(),
      );
    expect(await rows(client_id)).toMatchObject([{ json: '[]' }]);
    vi.useRealTimers();
    const other = await refusedOnce();
    await done('DELETE', `clients/${other.client_id}`);
    expect(await rows(other.client_id)).toEqual([]);
  });

  test('that does not answer leaves what D1 knows', async () => {
    const { client_id } = await refusedOnce();
    const found = await failing('gate', () => diagnose(client_id));
    expect(found).toMatchObject({
      status: 'active',
      summary: null,
      refusals: null,
      rate_limit: { per_minute: 600, burst: 100, remaining: null, reset_seconds: null },
    });
  });

  test('of an older version changes no answer, and is no failure in the log', async () => {
    const client = await newClient();
    await getToken(client);
    const older = (_: unknown, method: string) =>
      Promise.reject(new TypeError(`The RPC receiver does not implement the method "${method}".`));
    const lines = await requestLines(() =>
      withFault('refusalReports', older, async () => {
        const response = await requestToken(client, { scope: 'admin' });
        expect(response.status).toBe(400);
        await vi.waitFor(() => expect(refusalReports.sent).toBe(1));
      }),
    );
    expect(lines).toMatchObject([{ reason: 'invalid_scope', gate: { calls: 1 } }]);
  });
});

describe('the description of an error names what an authenticated client requested and is not granted', () => {
  const describeRefusal = async (client: Credentials, form: Record<string, string>) =>
    (await (await requestToken(client, form)).json<{ error_description: string }>()).error_description;

  test('scopes', async () => {
    expect(await describeRefusal(await newClient(), { scope: 'read admin stock:write' })).toBe(
      `Not granted at ${here.identifier}: admin, stock:write.`,
    );
  });

  test('many scopes in part, and long ones cut', async () => {
    const scope = Array.from({ length: 40 }, (_, index) => `scope:${index}:${'x'.repeat(200)}`).join(' ');
    const text = await describeRefusal(await newClient(), { scope });
    expect(text.length).toBeLessThan(1500);
    expect(text).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  });

  test('a resource server, whether it exists or not', async () => {
    const client = await newClient();
    const { identifier } = await world('why-others');
    expect(await describeRefusal(client, { resource: identifier })).toBe(
      `Not granted to the client, or unknown: ${identifier}.`,
    );
    expect(await describeRefusal(client, { resource: 'https://nowhere.example' })).toBe(
      'Not granted to the client, or unknown: https://nowhere.example.',
    );
  });

  test('no credential that was put in the wrong place', async () => {
    const client = await newClient();
    for (const form of [{ scope: client.client_secret }, { resource: `https://x.example/${client.client_secret}` }]) {
      expect(await describeRefusal(client, form)).toContain('(hidden: it looks like a credential)');
    }
  });

  test('not to an older gate’s client: it gives no details', async () => {
    const client = await newClient();
    await getToken(client);
    const withoutDetails = async (call: () => Promise<unknown>) => {
      const { details: _, ...answer } = (await call()) as { details?: object };
      return answer;
    };
    const text = await withFault('gate', withoutDetails, () => describeRefusal(client, { scope: 'admin' }));
    expect(text).toBe('The scope is malformed, unknown, or not granted to the client.');
  });
});
