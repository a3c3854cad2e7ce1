import { env } from 'cloudflare:workers';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { isWellFormedSecret } from '../../src/credentials/secret.ts';
import { openApiDocument } from '../../src/documentation/document.ts';
import { REPRESENTATIONS, REQUESTS } from '../../src/documentation/management-examples.ts';
import { ACCESS_TOKEN, CLAIMS, CLIENT_SECRET, JWK } from '../../src/documentation/oauth/examples.ts';
import { createServices } from '../../src/services.ts';
import { send } from '../http.ts';

type Fields = Record<string, unknown>;

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; answer: Fields }> {
  const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await send(`/v1/${path}`, init);
  return { status: response.status, answer: await response.json() };
}

// Generated values and times: each answer has others, of the same kind.
const GENERATED = new Set(
  'id organization_id client_id target at created_at updated_at hint api_key client_secret signing_secret request_id'.split(
    ' ',
  ),
);

/** Replaces the generated values of an answer by those of the example if they are of the same kind. */
function asInExample(answer: Fields, example: Fields): Fields {
  const kind = (value: unknown) => String(value).replace(/^([a-z]+_)?.*$/, `$1${String(value).length > 10}`);
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => {
      if (Array.isArray(value) && value[0] instanceof Object && Array.isArray(example[name])) {
        const examples: Fields[] = example[name];
        return [name, value.map((item: Fields, index) => asInExample(item, examples[index] ?? {}))];
      }
      const isAlike = GENERATED.has(name) && kind(value) === kind(example[name]);
      return [name, isAlike ? example[name] : value];
    }),
  );
}

test('the example token has the example claims, and verifies with the example key', async () => {
  const { iss, aud, iat } = CLAIMS;
  const options = { issuer: iss, audience: aud, typ: 'at+jwt', currentDate: new Date(iat * 1000) };
  const { payload } = await jwtVerify(ACCESS_TOKEN, createLocalJWKSet({ keys: [JWK] }), options);
  expect(payload).toEqual(CLAIMS);
});

test('the example secret is one that could be ours', () => {
  expect(isWellFormedSecret(CLIENT_SECRET, 'ems_')).toBe(true);
});

test('every management operation that takes fields shows an example of them', async () => {
  const document = await openApiDocument(createServices(env));
  const shown: string[] = [];
  for (const [path, { post, patch }] of Object.entries(document.paths ?? {})) {
    for (const operation of [post, patch].flatMap((one) => one ?? [])) {
      if (!path.startsWith('/v1/') || !operation.requestBody) continue;
      shown.push(operation.operationId ?? '');
      const { content } = operation.requestBody as { content: Record<string, { example?: unknown }> };
      for (const { example } of Object.values(content)) expect([path, example]).toEqual([path, expect.anything()]);
    }
  }
  expect(shown.sort()).toEqual(Object.keys(REQUESTS).sort());
});

describe('the examples of the management API', () => {
  test('are taken as they are, one after the other, and what then stands is what is shown', async () => {
    const organization = await call('POST', 'organizations', REQUESTS.createOrganization);
    const own = { organization_id: organization.answer.id };
    const create = (path: string, request: object) => call('POST', path, { ...request, ...own });
    const created = {
      Organization: organization,
      CreatedApiKey: await create('api-keys', REQUESTS.createApiKey),
      ResourceServer: await create('resource-servers', REQUESTS.createResourceServer),
      Role: await create('roles', REQUESTS.createRole),
      CreatedClient: await create('clients', REQUESTS.createClient),
      CreatedWebhook: await create('webhooks', REQUESTS.createWebhook),
    };
    for (const [name, { status, answer }] of Object.entries(created)) {
      const example = REPRESENTATIONS[name as keyof typeof created];
      expect([name, status, asInExample(answer, example)]).toEqual([name, 201, example]);
    }

    const client = `clients/${created.CreatedClient.answer.client_id}`;
    const first = async (path: string) => ((await call('GET', path)).answer.data as Fields[])[0] ?? {};
    expect(asInExample(await first(`${client}/secrets`), REPRESENTATIONS.Secret)).toEqual(REPRESENTATIONS.Secret);
    const { OrganizationSecret } = REPRESENTATIONS;
    expect(
      Object.keys(asInExample(await first(`secrets?organization_id=${own.organization_id}`), OrganizationSecret)),
    ).toEqual(Object.keys(OrganizationSecret));
    const event = await first(`audit-events?action=role.created&organization_id=${own.organization_id}`);
    const { address, ...example } = REPRESENTATIONS.AuditEvent;
    expect(asInExample(event, example)).toEqual({ ...example, address: expect.anything() });

    const rotation = await call('POST', `${client}/secrets/rotate`, REQUESTS.rotateSecretsOfClient);
    const { CreatedSecret } = REPRESENTATIONS;
    expect([rotation.status, asInExample(rotation.answer, CreatedSecret)]).toEqual([201, CreatedSecret]);

    const changes = [
      await call('PATCH', `organizations/${organization.answer.id}`, REQUESTS.updateOrganization),
      await call('PATCH', `resource-servers/${created.ResourceServer.answer.id}`, REQUESTS.updateResourceServer),
      await call('PATCH', `roles/${created.Role.answer.id}`, REQUESTS.updateRole),
      await call('PATCH', client, REQUESTS.updateClient),
    ];
    const webhook = `webhooks/${created.CreatedWebhook.answer.id}`;
    changes.push(await call('PATCH', webhook, REQUESTS.updateWebhook));
    expect(changes.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const tested = await call('POST', `${webhook}/test`, REQUESTS.testWebhook);
    const again = `${webhook}/deliveries/${tested.answer.event_id}/redeliver`;
    const webhookActions = [
      tested,
      await call('POST', again, REQUESTS.redeliverDeliveryOfWebhook),
      await call('POST', `${webhook}/rotate-secret`, REQUESTS.rotateSecretOfWebhook),
    ];
    expect(webhookActions.map(({ status }) => status)).toEqual([200, 200, 201]);

    const actions = [
      await call('POST', `${client}/revoke-tokens`, REQUESTS.revokeTokensOfClient),
      await call('POST', `organizations/${organization.answer.id}/revoke-tokens`, REQUESTS.revokeTokensOfOrganization),
      await call('POST', 'signing-keys/rotate', REQUESTS.rotateSigningKeys),
      await call('POST', 'master-keys/reseal', REQUESTS.resealMasterKeys),
      // The example token and the example secret were not issued by this service.
      await call('POST', 'tokens/revoke', REQUESTS.revokeTokens),
      await call('POST', 'leaked-secrets', REQUESTS.reportLeakedSecret),
    ];
    expect(actions.map(({ status }) => status)).toEqual([200, 200, 200, 200, 422, 404]);
    expect(actions[4]?.answer.errors).toEqual([expect.objectContaining({ pointer: '/token' })]);
  });
});
