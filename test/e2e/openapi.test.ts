import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';
import { RESOURCE, type RegisteredClient, register } from '../interop/management.ts';

interface Operation {
  parameters?: { name: string }[];
  requestBody?: unknown;
  security?: unknown;
  responses: Record<string, { content?: Record<string, unknown>; headers?: Record<string, unknown> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

async function documentOf({ issuer }: RunningEdgemint): Promise<string> {
  return (await fetch(`${issuer}/openapi.json`)).text();
}

async function expectLinted(source: string): Promise<void> {
  const rules = {
    'component-name-unique': 'error',
    'operation-tag-defined': 'error',
    'path-parameters-defined': 'error',
    'spec-strict-refs': 'error',
  } as const;
  const config = await createConfig({ extends: ['recommended-strict'], rules });
  const problems = await lintFromString({ source, config });
  // The authorization endpoint refuses every request.
  const refusing = /^#\/paths\/~1oauth2~1authorize\//;
  const isExpected = ({ ruleId, location: [place] }: (typeof problems)[number]) =>
    ruleId === 'operation-2xx-response' && refusing.test(place?.pointer ?? '');
  expect(
    problems
      .filter((problem) => !isExpected(problem))
      .map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
  ).toEqual([]);
}

test('the document of an issuer with the path "/tenant/a" passes a linter made for OpenAPI', async () => {
  const edgemint = await startEdgemint({ issuer: `http://127.0.0.1:${await freePort()}/tenant/a` });
  try {
    await expectLinted(await documentOf(edgemint));
  } finally {
    await edgemint.stop();
  }
});

/** Escapes a name for a JSON pointer within a URI. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}

function credentials({ client_id, client_secret }: RegisteredClient): RegisteredClient {
  return { client_id, client_secret };
}

describe('what is answered is what the document says:', () => {
  let edgemint: RunningEdgemint;
  let document: Document;
  let ajv: Ajv2020;
  let machine: RegisteredClient;
  let api: RegisteredClient;

  beforeAll(async () => {
    edgemint = await startEdgemint();
    document = JSON.parse(await documentOf(edgemint));
    ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).addSchema(document, 'document');
    const registered = await register(edgemint);
    machine = credentials(registered.machine);
    api = credentials(registered.api);
  });

  afterAll(() => edgemint?.stop());

  interface Call {
    readonly method: 'get' | 'post' | 'patch' | 'delete';
    readonly path: string;
    readonly query?: string;
    readonly parameters?: Readonly<Record<string, string>>;
    readonly form?: Readonly<Record<string, string>>;
    readonly dpop?: string;
    readonly json?: unknown;
    readonly key?: string | undefined;
  }

  /** Makes a call, and validates the answer against the document's schema for its status and media type. */
  async function call({ method, path, query = '', parameters = {}, form, dpop, json, key }: Call) {
    const url = `${edgemint.issuer}${path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? name)}${query}`;
    const headers = new Headers(key === undefined ? {} : { Authorization: `Bearer ${key}` });
    if (json !== undefined) headers.set('Content-Type', 'application/json');
    if (dpop !== undefined) headers.set('DPoP', dpop);
    const body = form ? new URLSearchParams(form) : json === undefined ? null : JSON.stringify(json);
    const response = await fetch(url, { method: method.toUpperCase(), headers, body });
    const text = await response.text();

    const status = String(response.status);
    const type = response.headers.get('Content-Type');
    const described = document.paths[path]?.[method]?.responses[status] ?? { content: { 'not described': text } };
    const nonce = response.headers.get('DPoP-Nonce') ?? undefined;
    if (nonce !== undefined) expect(described.headers).toHaveProperty('DPoP-Nonce');
    // JSON lines are given to requests that ask for them; these ask for nothing.
    const types = Object.keys(described.content ?? {}).filter((known) => known !== 'application/x-ndjson');
    expect({ method, path, status, types }).toEqual({ method, path, status, types: type === null ? [] : [type] });
    if (type === null) return { status: response.status, answer: {}, nonce };
    const answer: unknown = JSON.parse(text);
    const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema'].map(escaped);
    const validate = ajv.compile({ $ref: `document#/${pointer.join('/')}` });
    expect([path, status, validate(answer), validate.errors, answer]).toEqual([path, status, true, null, answer]);
    return { status: response.status, answer: answer as Record<string, unknown>, nonce };
  }

  test('the document of an issuer with the path "" passes a linter made for OpenAPI', async () => {
    await expectLinted(await documentOf(edgemint));
  });

  test('and so is every example', () => {
    const found: [pointer: string, schema: string, example: unknown][] = [];
    const look = (node: unknown, pointer: string): void => {
      if (typeof node !== 'object' || node === null) return;
      const { schema, example, examples } = node as { schema?: unknown; example?: unknown; examples?: unknown };
      const isComponent = /^\/components\/schemas\/\w+$/.test(pointer);
      const at = isComponent ? pointer : `${pointer}/schema`;
      if (example !== undefined && (schema || isComponent)) found.push([pointer, at, example]);
      if (schema && examples)
        for (const [name, { value }] of Object.entries(examples)) found.push([`${pointer} ${name}`, at, value]);
      for (const [name, child] of Object.entries(node)) look(child, `${pointer}/${escaped(name)}`);
    };
    look(document, '');
    expect(found.length).toBeGreaterThan(50);
    const unfit = found.flatMap(([pointer, schema, example]) => {
      const validate = ajv.compile({ $ref: `document#${schema}` });
      return validate(example) ? [] : [[pointer, validate.errors]];
    });
    expect(unfit).toEqual([]);
  });

  test('the token endpoint', async () => {
    const ask = (form: Record<string, string>) => call({ method: 'post', path: '/oauth2/token', form });
    const grant = { grant_type: 'client_credentials', ...machine };
    expect((await ask(grant)).status).toBe(200);
    expect((await ask({ ...grant, scope: 'orders:delete' })).status).toBe(400);
    expect((await ask({ ...grant, client_secret: 'wrong' })).status).toBe(401);
  });

  test('the token endpoint, to a client with a key, and introspection, of a bound token', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    const sign = (claims: JWTPayload, header: object = {}) =>
      new SignJWT({ jti: crypto.randomUUID(), ...claims })
        .setProtectedHeader({ alg: 'ES256', ...header })
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey);
    const organizations = await call({ method: 'get', path: '/v1/organizations', key: edgemint.rootApiKey });
    const [organization] = organizations.answer.data as { id: string }[];
    const fields = {
      organization_id: organization?.id,
      client_name: 'keyed',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
      grants: [{ resource_server: RESOURCE, scopes: ['orders:read'] }],
      dpop_bound_access_tokens: true,
      dpop_nonce_required: true,
    };
    const created = await call({ method: 'post', path: '/v1/clients', json: fields, key: edgemint.rootApiKey });
    const sub = String(created.answer.client_id);
    const ask = async (claims?: JWTPayload) => {
      const client_assertion = await sign({ iss: sub, sub, aud: edgemint.issuer });
      const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const form = { grant_type: 'client_credentials', client_assertion_type, client_assertion };
      const proven = { htm: 'POST', htu: `${edgemint.issuer}/oauth2/token`, ...claims };
      const dpop = claims && { dpop: await sign(proven, { typ: 'dpop+jwt', jwk }) };
      return call({ method: 'post', path: '/oauth2/token', form, ...dpop });
    };
    expect((await ask()).answer.error).toBe('invalid_request');
    expect((await ask({ htm: 'GET' })).answer.error).toBe('invalid_dpop_proof');
    const { answer, nonce = '' } = await ask({});
    expect(answer.error).toBe('use_dpop_nonce');
    const bound = await ask({ nonce });
    expect(bound.answer.token_type).toBe('DPoP');
    const form = { token: String(bound.answer.access_token), ...api };
    const introspected = await call({ method: 'post', path: '/oauth2/introspect', form });
    expect(introspected.answer).toMatchObject({ token_type: 'DPoP', cnf: { jkt: await calculateJwkThumbprint(jwk) } });
    const rotated = {
      method: 'post',
      path: '/v1/clients/{client_id}/secrets/rotate',
      key: edgemint.rootApiKey,
    } as const;
    expect((await call({ ...rotated, parameters: { client_id: sub }, json: {} })).status).toBe(409);
  });

  test('what can be sent to the OAuth endpoints is described: each way to authenticate', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      if (!['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke'].includes(path)) continue;
      const fields = JSON.stringify(formOf(methods.post?.requestBody));
      for (const name of ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type']) {
        expect(fields, `${path} ${name}`).toContain(`"${name}":`);
      }
      expect(JSON.stringify(methods.post?.security)).toContain('mutual_tls');
    }
    expect(document.paths['/oauth2/token']?.post?.parameters).toMatchObject([{ in: 'header', name: 'DPoP' }]);
    expect(document.components.securitySchemes.mutual_tls).toMatchObject({ type: 'mutualTLS' });
  });

  /** Resolves the schema of a form by its name. */
  function formOf(requestBody: unknown): unknown {
    const { $ref = '' } = (requestBody as { content: Record<string, { schema: { $ref?: string } }> }).content[
      'application/x-www-form-urlencoded'
    ]?.schema ?? { $ref: '' };
    return document.components.schemas[$ref.split('/').at(-1) ?? ''];
  }

  test('introspection and revocation', async () => {
    const grant = { grant_type: 'client_credentials', ...machine };
    const token = String((await call({ method: 'post', path: '/oauth2/token', form: grant })).answer.access_token);
    const ask = (form: Record<string, string>, key?: string) =>
      call({ method: 'post', path: '/oauth2/introspect', form, key });
    expect((await ask({ token, ...api })).answer).toMatchObject({ active: true, aud: RESOURCE });
    expect((await ask({ token, introspection: 'strong', ...api })).answer).toMatchObject({ active: true });
    expect((await ask({ token }, edgemint.rootApiKey)).answer).toMatchObject({ active: true });
    expect((await ask({ token }, 'wrong')).status).toBe(401);
    expect((await ask({ ...api })).status).toBe(400);
    expect((await ask({ token, introspection: 'weak', ...api })).status).toBe(400);
    const revocation = { method: 'post', path: '/oauth2/revoke' } as const;
    expect((await call({ ...revocation, form: { token, ...machine } })).status).toBe(200);
    expect((await ask({ token, ...api })).answer).toEqual({ active: false });
    expect((await call({ ...revocation, form: { token } })).status).toBe(401);
  });

  test.each([
    '/healthz',
    '/openapi.json',
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ])('%s', async (path) => {
    expect((await call({ method: 'get', path })).status).toBe(200);
  });

  describe('below /v1,', () => {
    const identifier = 'https://described.example.com';
    let ids: Record<string, string>;
    let own: { organization_id: string };
    let client: RegisteredClient;
    let reader: string;
    let eventId: string;

    const manage = (method: Call['method'], path: string, more: Partial<Call> = {}) =>
      call({ method, path: `/v1/${path}`, key: edgemint.rootApiKey, ...more });
    const create = async (path: string, fields: object) => {
      const { status, answer } = await manage('post', path, { json: { ...own, ...fields } });
      expect([path, status]).toEqual([path, 201]);
      return answer as Record<string, string>;
    };

    beforeAll(async () => {
      const { id: organization = '' } = await create('organizations', { name: 'Described' });
      own = { organization_id: organization };
      const apiKey = await create('api-keys', { name: 'reader', scopes: ['roles:read'] });
      const scopes = [{ name: 'read' }];
      const server = await create('resource-servers', { identifier, name: 'Described', scopes });
      const role = await create('roles', {
        name: 'reader',
        grants: [{ resource_server: identifier, scopes: ['read'] }],
      });
      const fields = { client_name: 'described', roles: ['reader'], claims: { tier: 3 }, may_rotate_secret: true };
      client = credentials((await create('clients', fields)) as unknown as RegisteredClient);
      reader = apiKey.api_key ?? '';
      const webhook = await create('webhooks', { name: 'described', url: 'https://hooks.example.com/in' });
      const tested = await manage('post', 'webhooks/{id}/test', { parameters: { id: webhook.id ?? '' }, json: {} });
      eventId = String(tested.answer.event_id);
      ids = { organizations: organization };
      for (const [name, { id = '' }] of Object.entries({
        'api-keys': apiKey,
        'resource-servers': server,
        roles: role,
        webhooks: webhook,
      })) {
        ids[name] = id;
      }
    });

    test('everything that can be read', async () => {
      const paths = Object.keys(document.paths).filter((path) => path.startsWith('/v1/') && document.paths[path]?.get);
      expect(paths.length).toBeGreaterThan(10);
      for (const path of paths.filter((name) => name !== '/v1/changes/{id}')) {
        const parameters = { id: ids[path.split('/')[2] ?? ''] ?? '', client_id: client.client_id, event_id: eventId };
        const takesOrganization = document.paths[path]?.get?.parameters?.some(({ name }) => name === 'organization_id');
        const query = takesOrganization ? `?organization_id=${own.organization_id}` : '';
        const { status } = await call({ method: 'get', path, parameters, query, key: edgemint.rootApiKey });
        expect([path, status]).toEqual([path, 200]);
      }
    });

    test('what is refused', async () => {
      const refusals = [
        await manage('post', 'organizations', { json: { name: 'Described' } }),
        await manage('post', 'organizations', { json: { name: 3, colour: 'red' } }),
        await manage('post', 'organizations', { json: { name: 'Another' }, key: 'wrong' }),
        await manage('post', 'roles', { json: { name: 'mine' }, key: reader }),
        await manage('get', 'roles/{id}', { parameters: { id: 'role_unknown' } }),
        await manage('delete', 'roles/{id}', { parameters: { id: ids.roles ?? '' } }),
        await manage('get', 'clients', { query: '?limit=none' }),
        await manage('get', 'changes/{id}', { parameters: { id: 'unknown' } }),
        await manage('post', 'leaked-secrets', { json: { secret: 'unknown' } }),
      ];
      expect(refusals.map(({ status }) => status)).toEqual([409, 422, 401, 403, 404, 409, 422, 404, 404]);
    });

    test('changes, rotations, revocations and deletions', async () => {
      const parameters = { client_id: client.client_id };
      const rotated = await call({ method: 'post', path: '/oauth2/rotate-secret', form: { ...client } });
      const old = { ...parameters, id: await secondary() };
      const { client_id, client_secret } = rotated.answer;
      const again = { client_id: String(client_id), client_secret: String(client_secret) };
      const done = [
        rotated,
        await call({ method: 'post', path: '/oauth2/rotate-secret', form: again }),
        await manage('post', 'clients/{client_id}/secrets/{id}/promote', { parameters: old }),
        await manage('delete', 'clients/{client_id}/secrets/{id}', {
          parameters: { ...parameters, id: await secondary() },
        }),
        await manage('post', 'clients/{client_id}/secrets/rotate', { parameters, json: { grace_seconds: 60 } }),
        await manage('patch', 'clients/{client_id}', {
          parameters,
          json: { status: 'disabled', access_token_ttl: 60 },
        }),
        await manage('post', 'clients/{client_id}/revoke-tokens', { parameters, json: {} }),
        await manage('post', 'organizations/{id}/revoke-tokens', { parameters: { id: own.organization_id }, json: {} }),
        await manage('post', 'signing-keys/rotate', { json: {} }),
        // The next keys were created a moment ago and may not sign yet.
        await manage('post', 'signing-keys/rotate', { json: {} }),
        await manage('post', 'master-keys/reseal', { json: {} }),
        await manage('delete', 'clients/{client_id}', { parameters }),
        await manage('post', 'webhooks/{id}/deliveries/{event_id}/redeliver', {
          parameters: { id: ids.webhooks ?? '', event_id: eventId },
          json: {},
        }),
        await manage('post', 'webhooks/{id}/rotate-secret', { parameters: { id: ids.webhooks ?? '' }, json: {} }),
        await manage('post', 'webhooks/{id}/rotate-secret', { parameters: { id: ids.webhooks ?? '' }, json: {} }),
        await manage('patch', 'webhooks/{id}', {
          parameters: { id: ids.webhooks ?? '' },
          json: { status: 'disabled' },
        }),
        await manage('delete', 'webhooks/{id}', { parameters: { id: ids.webhooks ?? '' } }),
      ];
      expect(done.map(({ status }) => status)).toEqual([
        ...[200, 409, 200, 204, 201, 200, 200, 200, 200, 409, 200, 204],
        ...[200, 201, 409, 200, 204],
      ]);
    });

    test('a change that goes on after its answer', async () => {
      const { answer: keys } = await manage('get', 'signing-keys', {});
      const active = (keys.data as { kid: string; alg: string; status: string }[]).find(
        ({ alg, status }) => alg === 'EdDSA' && status === 'active',
      );
      const emergency = { json: { kid: active?.kid, emergency: true } };
      const { status, answer } = await manage('post', 'signing-keys/rotate', emergency);
      const change = await manage('get', 'changes/{id}', { parameters: { id: String(answer.id) } });
      expect([status, change.status]).toEqual([202, 200]);
      expect(change.answer).toMatchObject({ status: 'pending', settles_at: expect.any(String) });
    });

    async function secondary(): Promise<string> {
      const parameters = { client_id: client.client_id };
      const { answer } = await manage('get', 'clients/{client_id}/secrets', { parameters });
      return (answer.data as { id: string; rank: string }[]).find(({ rank }) => rank === 'secondary')?.id ?? '';
    }
  });
});
