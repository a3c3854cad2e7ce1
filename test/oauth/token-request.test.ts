import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { basic, type Credentials, create, getToken, manage, postForm, requestToken, send, world } from '../http.ts';
import { readError, readToken } from './answers.ts';

const { organization, identifier, worker } = await world('token-request');
const INVALID_REQUEST = { status: 400, error: 'invalid_request' };
const INVALID_SCOPE = { status: 400, error: 'invalid_scope' };
const INVALID_TARGET = { status: 400, error: 'invalid_target' };
const UNSUPPORTED_GRANT_TYPE = { status: 400, error: 'unsupported_grant_type' };

/** POSTs a body unchanged, with credentials in the header. */
function postBody(body: string, client = worker) {
  const headers = {
    Authorization: basic(client.client_id, client.client_secret),
    'Content-Type': 'application/x-www-form-urlencoded',
  };
  return send('/oauth2/token', { method: 'POST', headers, body });
}

describe('the method', () => {
  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('T5: %s is 405 with Allow: POST', async (method) => {
    const headers = { Authorization: basic(worker.client_id, worker.client_secret) };
    const answer = await send('/oauth2/token?grant_type=client_credentials', { method, headers });
    expect(answer.headers.get('Allow')).toBe('POST');
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    if (method === 'HEAD') expect(answer.status).toBe(405);
    else expect(await readError(answer)).toEqual({ status: 405, error: 'invalid_request' });
  });
});

describe('a repeated parameter', () => {
  test.each([
    ['grant_type', 'grant_type=client_credentials'],
    ['scope', 'scope=read&scope=write'],
    ['scope with the same value', 'scope=read&scope=read'],
    ['audience', `audience=${identifier}&audience=${identifier}`],
    ['client_id', `client_id=${worker.client_id}&client_id=${worker.client_id}`],
    ['client_id with another’s', `client_id=${worker.client_id}&client_id=emc_other`],
    ['a name once encoded and once not', 'scope=read&%73cope=read'],
    ['a name that means nothing here', 'state=a&state=b'],
    ['__proto__', '__proto__=a&__proto__=b'],
  ])('T6: a repeated parameter is invalid_request: %s', async (_, parameters) => {
    expect(await readError(await postBody(`grant_type=client_credentials&${parameters}`))).toEqual(INVALID_REQUEST);
  });

  test('T6: a repeated secret in the body is invalid_request', async () => {
    const { client_id, client_secret } = worker;
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
    form.append('client_secret', client_secret);
    expect(await readError(await postForm('/oauth2/token', [...form]))).toEqual(INVALID_REQUEST);
  });

  test('T6: resource may repeat', async () => {
    const { claims } = await readToken(
      await requestToken(worker, [
        ['resource', identifier],
        ['resource', identifier],
      ]),
    );
    expect(claims.aud).toBe(identifier);
  });

  test('T6: two different resources are invalid_target, by whichever names', async () => {
    const other = 'https://other.example.com';
    for (const names of [
      ['resource', 'resource'],
      ['resource', 'audience'],
    ]) {
      const form = [identifier, other].map((value, index): [string, string] => [names[index] ?? '', value]);
      expect(await readError(await requestToken(worker, form))).toEqual(INVALID_TARGET);
    }
  });

  test('T6: one of two that has no value is no repetition', async () => {
    const { answer } = await readToken(await postBody('grant_type=client_credentials&scope=&scope=read&scope'));
    expect(answer.scope).toBe('read');
  });
});

describe('a parameter without a value, and one that is unknown', () => {
  test.each([
    'scope=',
    'scope',
    'resource=',
    'audience=',
    'resource=&resource=&audience=',
    'client_id=',
    'client_secret=',
    'client_assertion=&client_assertion_type=',
    '',
    '&&&',
    '=',
    '=value',
  ])('T7: a parameter without a value counts as omitted: %j', async (parameters) => {
    const { answer, claims } = await readToken(await postBody(`grant_type=client_credentials&${parameters}`));
    expect(answer.scope).toBe('read write');
    expect(claims.aud).toBe(identifier);
  });

  test('T7: a grant_type without a value counts as omitted', async () => {
    for (const body of ['grant_type=', 'grant_type', '']) {
      expect(await readError(await postBody(body)), body).toEqual(INVALID_REQUEST);
    }
  });

  test('T7: unknown parameters are ignored', async () => {
    const unknown = {
      nonce: 'a',
      code: 'b',
      refresh_token: 'c',
      redirect_uri: 'd',
      username: 'e',
      password: 'f',
      é: '€',
    };
    const { answer } = await readToken(await requestToken(worker, { ...unknown, scope: 'read' }));
    expect(answer.scope).toBe('read');
  });

  test('T7: unknown parameters are ignored: those with names that every object has', async () => {
    const names = [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'valueOf',
      'hasOwnProperty',
      'get',
      'all',
      'then',
    ];
    const body = ['grant_type=client_credentials', ...names.map((name) => `${name}=polluted`)].join('&');
    const { answer, claims } = await readToken(await postBody(body));
    expect(answer.scope).toBe('read write');
    expect(Object.values(claims)).not.toContain('polluted');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('T7: a name that every object has stands for no parameter that is missing', async () => {
    expect(await readError(await postBody('__proto__=client_credentials&constructor=a'))).toEqual(INVALID_REQUEST);
    expect(await readError(await postBody('grant_type=__proto__'))).toEqual(UNSUPPORTED_GRANT_TYPE);
    expect(await readError(await requestToken(worker, { scope: 'constructor' }))).toEqual(INVALID_SCOPE);
  });
});

describe('upper and lower case', () => {
  const swapCase = (text: string) =>
    text.replace(/[a-zA-Z]/g, (char) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()));

  test('T8: grant_type is case-sensitive, name and value', async () => {
    for (const value of ['Client_Credentials', 'CLIENT_CREDENTIALS']) {
      expect(await readError(await postBody(`grant_type=${value}`))).toEqual(UNSUPPORTED_GRANT_TYPE);
    }
    expect(await readError(await postBody('Grant_Type=client_credentials'))).toEqual(INVALID_REQUEST);
  });

  test('T8: client_id is case-sensitive', async () => {
    const [prefix, rest = ''] = worker.client_id.split('_');
    for (const client_id of [`${prefix}_${swapCase(rest)}`, worker.client_id.toUpperCase()]) {
      const answer = await requestToken({ ...worker, client_id });
      expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
    }
  });

  test('T8: scope is case-sensitive: two that differ in case are two', async () => {
    const resource_server = 'https://cases.example.com';
    const scopes = [{ name: 'read' }, { name: 'Read' }];
    await create('resource-servers', {
      organization_id: organization,
      identifier: resource_server,
      name: 'cases',
      scopes,
    });
    const client = await create<Credentials>('clients', {
      organization_id: organization,
      client_name: 'cases',
      grants: [{ resource_server, scopes: ['Read'] }],
    });
    expect((await getToken(client)).scope).toBe('Read');
    for (const scope of ['read', 'READ']) {
      expect(await readError(await requestToken(client, { scope }))).toEqual(INVALID_SCOPE);
    }
  });
});

describe('scope', () => {
  test.each([
    [undefined, 'read write'],
    ['read', 'read'],
    ['write read', 'write read'],
    ['read read write read', 'read write'],
  ])('T9: the granted scope is returned, and is the token’s: asked %j, granted %j', async (scope, granted) => {
    const { answer, claims } = await readToken(await requestToken(worker, scope === undefined ? {} : { scope }));
    expect(answer.scope).toBe(granted);
    expect(claims.scope).toBe(granted);
  });

  test('T9: if no scope is granted, the answer has none, and the token’s is empty', async () => {
    const client = await create<Credentials>('clients', {
      organization_id: organization,
      client_name: 'no scopes',
      grants: [{ resource_server: identifier, scopes: [] }],
    });
    const { answer, claims } = await readToken(await requestToken(client));
    expect(answer).not.toHaveProperty('scope');
    expect(claims.scope).toBe('');
    expect(await readError(await requestToken(client, { scope: 'read' }))).toEqual(INVALID_SCOPE);
  });

  test.each([
    ['unknown', 'delete'],
    ['known there, and not granted', 'admin'],
    ['granted, with one that is not', 'read admin'],
    ['granted, with one that is unknown', 'read write delete'],
  ])('T9: unknown or not granted is invalid_scope: %s', async (_, scope) => {
    expect(await readError(await requestToken(worker, { scope }))).toEqual(INVALID_SCOPE);
  });

  test.each([
    ' ',
    '   ',
    'read\twrite',
    'read\nwrite',
    'read\r\n',
    'read\0',
    're"ad',
    're\\ad',
    'réad',
    'read\x7f',
    'read\u00a0write',
    '€',
    '\u{1f600}',
  ])('T9: the scope-token charset is enforced: %j is invalid_scope', async (scope) => {
    expect(await readError(await requestToken(worker, { scope }))).toEqual(INVALID_SCOPE);
  });

  test.each(['read write ', ' read write', 'read  write', '  read   write  '])(
    'T9: additional spaces change nothing: %j',
    async (scope) => {
      const { answer, claims } = await readToken(await requestToken(worker, { scope }));
      expect([answer.scope, claims.scope]).toEqual(['read write', 'read write']);
      expect(await readError(await requestToken(worker, { scope: scope.replace('write', 'admin') }))).toEqual(
        INVALID_SCOPE,
      );
    },
  );

  test.each(['re ad', 're"ad', 're\\ad', 'réad', 're\x7fad', 're\tad'])(
    'T9: no scope can be named %j, and none is given that the store should hold so',
    async (name) => {
      const server = {
        organization_id: organization,
        identifier: `https://scope-${named++}.example.com`,
        name: 'malformed',
      };
      expect((await manage('resource-servers', { ...server, scopes: [{ name }] })).status).toBe(422);

      const { id } = await create('resource-servers', server);
      const grants = [{ resource_server: server.identifier }];
      const fields = { organization_id: organization, client_name: server.identifier, grants };
      const client = await create<Credentials>('clients', fields);
      await env.DB.batch([
        env.DB.prepare("INSERT INTO scopes VALUES (?, ?, '')").bind(id, name),
        env.DB.prepare('INSERT INTO client_grant_scopes VALUES (?, ?, ?)').bind(client.client_id, id, name),
      ]);
      expect(await readError(await requestToken(client, { scope: name }))).toEqual(INVALID_SCOPE);
    },
  );
  let named = 0;

  test('T9: every character that a scope token may have is taken', async () => {
    const characters = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
    const names = characters.filter((character) => character !== '"' && character !== '\\');
    const client = await clientWithScopes('charset', names);
    const { answer } = await readToken(await requestToken(client, { scope: names.join(' ') }));
    expect(answer.scope).toBe(names.join(' '));
  });

  test('T9: a thousand scopes are granted when all of them are asked for', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `s:${index}`);
    const client = await clientWithScopes('thousand', names);
    const { answer, claims } = await readToken(await requestToken(client, { scope: names.join(' ') }));
    expect(answer.scope).toBe(names.join(' '));
    expect(claims.scope).toBe(names.join(' '));
    expect((await getToken(client)).scope?.split(' ').sort()).toEqual([...names].sort());
  });

  test('T9: a thousand unknown scopes, or one among a thousand, is invalid_scope', async () => {
    const unknown = Array.from({ length: 1000 }, (_, index) => `u:${index}`).join(' ');
    expect(await readError(await requestToken(worker, { scope: unknown }))).toEqual(INVALID_SCOPE);
    const repeated = 'read '.repeat(1000);
    expect(await readError(await requestToken(worker, { scope: `${repeated}unknown` }))).toEqual(INVALID_SCOPE);
  });

  async function clientWithScopes(name: string, scopes: string[]): Promise<Credentials> {
    const resource_server = `https://${name}.scopes.example.com`;
    await create('resource-servers', {
      organization_id: organization,
      identifier: resource_server,
      name,
      scopes: scopes.map((scope) => ({ name: scope })),
    });
    const grants = [{ resource_server, scopes }];
    return create<Credentials>('clients', { organization_id: organization, client_name: name, grants });
  }
});

describe('each error where it is defined', () => {
  test.each([
    'authorization_code',
    'refresh_token',
    'password',
    'implicit',
    'client_credentials ',
    ' client_credentials',
    'client_credentials\0',
    'client_credentials,client_credentials',
    'urn:ietf:params:oauth:grant-type:saml2-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'urn:ietf:params:oauth:grant-type:device_code',
  ])('T14: grant_type %j is unsupported_grant_type', async (grant_type) => {
    const { client_id, client_secret } = worker;
    const answer = await postForm('/oauth2/token', { grant_type, client_id, client_secret });
    expect(await readError(answer)).toEqual(UNSUPPORTED_GRANT_TYPE);
  });

  test('T14: no grant_type is invalid_request', async () => {
    expect(await readError(await postForm('/oauth2/token', { ...worker }))).toEqual(INVALID_REQUEST);
  });

  test('T14: a client without any grant is unauthorized_client, whatever it asks for', async () => {
    const client = await create<Credentials>('clients', { organization_id: organization, client_name: 'no grants' });
    for (const form of [{}, { scope: 'read' }, { resource: identifier }]) {
      expect(await readError(await requestToken(client, form))).toEqual({ status: 400, error: 'unauthorized_client' });
    }
  });

  test('T14: what a client may not have is told to nobody who is not that client', async () => {
    for (const form of [{ scope: 'admin' }, { resource: 'https://unknown.example.com' }]) {
      const answer = await requestToken({ ...worker, client_secret: 'wrong' }, form, { address: '192.0.2.1' });
      expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
    }
  });
});

describe('resource', () => {
  test.each([
    'orders',
    '/orders',
    '//api.example.com',
    'api.example.com',
    'https://',
    'https:///',
    ':',
    '#',
    ' ',
    '\0',
    `${identifier}#`,
    `${identifier}#fragment`,
    `${identifier} `,
    ` ${identifier}`,
    `\t${identifier}`,
    `\0${identifier}`,
    `${identifier}\n`,
    `${identifier} ${identifier}`,
    `${identifier},${identifier}`,
    'https://exa mple.com',
    'https://bücher.example.com',
    'https://[::1',
  ])('T18: %j is no absolute URI without fragment: invalid_target', async (resource) => {
    for (const name of ['resource', 'audience']) {
      expect(await readError(await requestToken(worker, { [name]: resource }))).toEqual(INVALID_TARGET);
    }
  });

  test.each([
    'https://unknown.example.com',
    'urn:example:unknown',
    `${identifier}/orders`,
    `${identifier}:8443`,
    `${identifier}?a=b`,
    identifier.replace('https', 'http'),
    'javascript:alert(1)',
    'data:,',
    `https://${'a'.repeat(8000)}.example.com`,
  ])('T18: %j is known to nobody: invalid_target', async (resource) => {
    expect(await readError(await requestToken(worker, { resource }))).toEqual(INVALID_TARGET);
  });

  test.each([
    new URL(identifier).href,
    `${identifier}:443`,
    identifier.toUpperCase(),
    `${identifier}?`,
    `${identifier}/%2e/`,
  ])('T24: %s is another spelling of the identifier, and aud is the registered one', async (resource) => {
    for (const form of [{ resource }, { audience: resource }, { resource, audience: identifier }]) {
      const { claims } = await readToken(await requestToken(worker, form));
      expect(claims.aud).toBe(identifier);
    }
  });

  test.each(['orders-service', '0e9f7a44-5b3c-4d7e-8f11-2a6b3c4d5e6f', 'account', 'sts.amazonaws.com', '__proto__'])(
    'an identifier may be a name, which audience names and resource does not: %s',
    async (name) => {
      await create('resource-servers', { organization_id: organization, identifier: name, name });
      const grants = [{ resource_server: identifier }, { resource_server: name }];
      const client = await create<Credentials>('clients', { organization_id: organization, client_name: name, grants });
      for (const audience of [name, name.toUpperCase()]) {
        const { claims } = await readToken(await requestToken(client, { audience }));
        expect(claims.aud).toBe(name);
      }
      expect(await readError(await requestToken(client, { resource: name }))).toEqual(INVALID_TARGET);
      expect(await readError(await requestToken(client, { resource: identifier, audience: name }))).toEqual(
        INVALID_TARGET,
      );
    },
  );

  test.each([
    'https://api.example.com#',
    'https://api.example.com/a b',
    '\0https://api.example.com',
    ' https://api.example.com',
    'https://api.example.com\n',
    'https://bücher.example.com',
    'https://api.example.com/<a>',
    'https://api.example.com/"',
    'https:\\\\api.example.com',
    'https://api.example.com/%zz',
    'https://user@api.example.com',
    'rs_7n42DGM5Tflk9n8mt7Fhc7',
    'orders service',
    'orders#1',
    'ordérs',
    '//',
    '',
  ])(
    'T18: no resource server can be named %j, which is neither an absolute URI without fragment nor a name',
    async (identifier) => {
      const answer = await manage('resource-servers', { organization_id: organization, identifier, name: 'malformed' });
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/identifier' }] });
    },
  );

  test('T18: a resource server that is known and not granted is invalid_target, its own organization’s or another’s', async () => {
    const ownOrganizations = 'https://not-granted.example.com';
    await create('resource-servers', {
      organization_id: organization,
      identifier: ownOrganizations,
      name: 'not granted',
      scopes: [{ name: 'read' }],
    });
    const { identifier: anothers } = await world('token-request-another');
    for (const resource of [ownOrganizations, anothers]) {
      expect(await readError(await requestToken(worker, { resource }))).toEqual(INVALID_TARGET);
      expect(await readError(await requestToken(worker, { resource, scope: 'read' }))).toEqual(INVALID_TARGET);
    }
  });

  test.each(['https://granted.example.com/orders?tenant=a%20b', 'urn:example:orders', 'http://localhost:8080'])(
    'T18: %s is granted by resource and by its alias audience, and by both',
    async (resource) => {
      const name = resource;
      await create('resource-servers', { organization_id: organization, identifier: resource, name });
      const grants = [{ resource_server: identifier }, { resource_server: resource }];
      const client = await create<Credentials>('clients', { organization_id: organization, client_name: name, grants });
      for (const form of [{ resource }, { audience: resource }, { resource, audience: resource }]) {
        const { claims } = await readToken(await requestToken(client, form));
        expect(claims.aud).toBe(resource);
      }
    },
  );
});
