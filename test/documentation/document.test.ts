import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { DOCUMENTATION_MAX_AGE } from '../../src/documentation/constants.ts';
import { openApiDocument } from '../../src/documentation/document.ts';
import { operationId } from '../../src/documentation/operation-id.ts';
import { createServices } from '../../src/services.ts';
import { ISSUER, send } from '../http.ts';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const document = await openApiDocument(createServices(env));
const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  METHODS.flatMap((method) => (item[method] ? [[`${method} ${path}`, item[method]] as const] : [])),
);

test('the document is served for the issuer, may be cached by anybody, and is answered with 304 and to HEAD', async () => {
  const get = await send('/openapi.json');
  expect(await get.json()).toMatchObject({ openapi: '3.1.0', servers: [{ url: ISSUER }] });
  expect(get.headers.get('Content-Type')).toBe('application/json');
  expect(get.headers.get('Cache-Control')).toBe(`public, max-age=${DOCUMENTATION_MAX_AGE}`);
  const etag = get.headers.get('ETag') ?? '';
  expect((await send('/openapi.json', { headers: { 'If-None-Match': etag } })).status).toBe(304);
  const head = await send('/openapi.json', { method: 'HEAD' });
  expect([head.status, await head.text(), head.headers.get('ETag')]).toEqual([200, '', etag]);
  expect((await send('/openapi.json', { method: 'POST' })).status).toBe(405);
});

describe('every operation', () => {
  test.each(operations)('%s tells how it fails, under a tag that is explained, and who may call it', (_, operation) => {
    const statuses = Object.keys(operation.responses ?? {});
    expect(statuses.some((status) => status.startsWith('4'))).toBe(true);
    expect(statuses.some((status) => status.startsWith('5'))).toBe(true);
    expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining(operation.tags ?? ['no tag']));
    expect(operation.security).toBeDefined();
  });
});

test('the page fills in nothing that may be left out', () => {
  const optional = operations.flatMap(([name, { parameters = [] }]) =>
    parameters.flatMap((parameter) => ('in' in parameter && !parameter.required ? [[name, parameter] as const] : [])),
  );
  expect(optional.length).toBeGreaterThan(20);
  const filledIn = optional.filter(
    ([, { schema, example }]) => example !== undefined || (schema && 'example' in schema),
  );
  expect(filledIn).toEqual([]);
});

test('every parameter that is required has an example, of the kind that its path is about', () => {
  const examples = operations.flatMap(([name, { parameters = [] }]) =>
    parameters.flatMap((parameter) =>
      'in' in parameter && parameter.required
        ? [[name, parameter.name, (parameter.schema as { example?: unknown }).example] as const]
        : [],
    ),
  );
  expect(examples.length).toBeGreaterThan(20);
  expect(examples.filter(([, , example]) => typeof example !== 'string' || example === '')).toEqual([]);
  const of = (operation: string) => examples.filter(([name]) => name === operation).map(([, , example]) => example);
  expect(of('get /v1/changes/{id}')).toEqual(['1042']);
  expect(of('get /v1/roles/{id}')).toEqual([expect.stringMatching(/^role_/)]);
  expect(of('delete /v1/clients/{client_id}/secrets/{id}')).toEqual([
    expect.stringMatching(/^emc_/),
    expect.stringMatching(/^sec_/),
  ]);
});

test.each([
  ['get', '/v1/audit-events', true, 'listAuditEvents'],
  ['post', '/v1/api-keys', true, 'createApiKey'],
  ['get', '/v1/clients/{client_id}', true, 'getClient'],
  ['patch', '/v1/clients/{client_id}', true, 'updateClient'],
  ['delete', '/v1/clients/{client_id}/secrets/{id}', false, 'deleteSecretOfClient'],
  ['get', '/v1/clients/{client_id}/secrets', true, 'listSecretsOfClient'],
  ['get', '/v1/secrets', true, 'listSecrets'],
  ['post', '/v1/clients/{client_id}/secrets/rotate', false, 'rotateSecretsOfClient'],
  ['post', '/v1/clients/{client_id}/secrets/{id}/promote', false, 'promoteSecretOfClient'],
  ['post', '/v1/organizations/{id}/revoke-tokens', false, 'revokeTokensOfOrganization'],
  ['post', '/v1/signing-keys/rotate', false, 'rotateSigningKeys'],
  ['get', '/v1/webhooks/{id}/deliveries/{event_id}', true, 'getDeliveryOfWebhook'],
  ['post', '/v1/webhooks/{id}/test', false, 'testWebhook'],
  ['post', '/v1/webhooks/{id}/deliveries/{event_id}/redeliver', false, 'redeliverDeliveryOfWebhook'],
  ['post', '/v1/master-keys/reseal', false, 'resealMasterKeys'],
] as const)('the operation %s %s has a name that code can bear', (method, path, isCollection, name) => {
  expect(operationId(method, path, isCollection)).toBe(name);
});
