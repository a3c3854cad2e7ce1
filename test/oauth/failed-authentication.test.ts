import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { basic, type Credentials, create, createClient, postForm, requestToken, world } from '../http.ts';
import { readError, readToken } from './answers.ts';

const { organization, identifier, worker, api } = await world('failed-authentication');
const GRANT = { grant_type: 'client_credentials' };
const INVALID_CLIENT = { status: 401, error: 'invalid_client' };

/** Presents credentials in the header. Each request has its own address, because failures are counted by address and client. */
function byHeader({ client_id, client_secret }: Credentials, address: string) {
  return postForm('/oauth2/token', GRANT, { headers: { Authorization: basic(client_id, client_secret) }, address });
}

/** Presents all or some of the credentials in the body. */
function byBody(form: Record<string, string>, address: string) {
  return postForm('/oauth2/token', { ...GRANT, ...form }, { address });
}

const fields = { organization_id: organization, grants: [{ resource_server: identifier, scopes: ['read'] }] };

async function deletedClient(): Promise<Credentials> {
  const client = await createClient({ organization_id: organization, client_name: 'deleted' });
  const drop = (table: string) => env.DB.prepare(`DELETE FROM ${table} WHERE client_id = ?`).bind(client.client_id);
  await env.DB.batch([drop('client_secrets'), drop('clients')]);
  return client;
}

async function clientOfDisabledOrganization(): Promise<Credentials> {
  const { id } = await create('organizations', { name: 'disabled', status: 'disabled' });
  return createClient({ organization_id: id, client_name: 'worker' });
}

const deleted = await deletedClient();
const invented = { client_id: 'emc_0123456789ABCDEFGHIJKLMNOPQRST', client_secret: worker.client_secret };
const disabled = await createClient({ ...fields, client_name: 'disabled', status: 'disabled' });
const mistyped = worker.client_secret.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x'));

const failures: [string, Credentials][] = [
  ['a client that was deleted', deleted],
  ['an invented client_id', invented],
  ['an invented client_id of any form', { ...invented, client_id: 'my-app' }],
  ['a wrong secret', { ...worker, client_secret: generateSecret('ems_') }],
  ['another client’s secret', { ...worker, client_secret: api.client_secret }],
  ['a mistyped secret', { ...worker, client_secret: mistyped }],
  ['a secret of any form', { ...worker, client_secret: 'password' }],
  ['an API key for a secret', { ...worker, client_secret: generateSecret('emk_') }],
  ['a disabled client', disabled],
  ['a client of a disabled organization', await clientOfDisabledOrganization()],
];

async function asSeen(response: Response) {
  return {
    status: response.status,
    headers: [...response.headers]
      .filter(([name]) => name !== 'x-request-id')
      .sort()
      .map(([name, value]) => `${name}: ${value}`),
    body: await response.text(),
  };
}

test.each(failures)('T13: %s is answered 401 with a challenge, by header and by body', async (_, client) => {
  expect(await readError(await byHeader(client, '192.0.2.1'))).toEqual(INVALID_CLIENT);
  expect(await readError(await byBody({ ...client }, '192.0.2.2'))).toEqual(INVALID_CLIENT);
});

test('T13: nobody can tell why: the answers are the same to the byte', async () => {
  const seen = [];
  for (const [, client] of failures) {
    seen.push(await asSeen(await byHeader(client, '192.0.2.3')));
    seen.push(await asSeen(await byBody({ ...client }, '192.0.2.4')));
  }
  const [first, ...others] = seen;
  for (const other of others) expect(other).toEqual(first);
});

test('T13: the challenge matches the scheme that the client used', async () => {
  const answer = await byHeader({ ...worker, client_secret: generateSecret('ems_') }, '192.0.2.5');
  expect(answer.headers.get('WWW-Authenticate')).toBe('Basic realm="edgemint", charset="UTF-8"');
});

test('T13: no credentials at all, or half of them, is 401 with a challenge', async () => {
  const { client_id, client_secret } = worker;
  for (const form of [{}, { client_id }, { client_secret }, { client_id, client_secret: '' }]) {
    expect(await readError(await byBody(form, '192.0.2.6'))).toEqual(INVALID_CLIENT);
  }
  const assertion = {
    client_assertion: 'e30.e30.e30',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
  expect(await readError(await byBody({ client_id, ...assertion }, '192.0.2.6'))).toEqual(INVALID_CLIENT);
});

test('T13: right credentials authenticate by header and by body, whichever the client is registered with', async () => {
  for (const token_endpoint_auth_method of ['client_secret_basic', 'client_secret_post']) {
    const client_name = token_endpoint_auth_method;
    const client = await createClient({ ...fields, client_name, token_endpoint_auth_method });
    await readToken(await requestToken(client));
    const { client_id, client_secret } = client;
    await readToken(await byBody({ client_id, client_secret }, '192.0.2.7'));
  }
});
