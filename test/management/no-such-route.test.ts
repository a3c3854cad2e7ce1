import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { openApiDocument } from '../../src/documentation/document.ts';
import { createServices } from '../../src/services.ts';
import { api, create, send } from '../http.ts';
import { name, ROUTES } from './every-route.ts';
import { problemOf } from './rows.ts';

const { paths = {} } = await openApiDocument(createServices(env));
const posts = Object.entries(paths).flatMap(([path, { post }]) =>
  path.startsWith('/v1/') && post && path !== '/v1/leaked-secrets'
    ? [{ route: `POST ${path.slice(3)}`, isRequired: (post.requestBody as { required?: boolean }).required === true }]
    : [],
);
const headersOf = (type: string | undefined) => ({
  Authorization: `Bearer ${env.ROOT_API_KEY}`,
  ...(type && { 'Content-Type': type }),
});

test.each(posts.filter(({ isRequired }) => !isRequired))(
  '$route takes an empty body as none, whatever its content type is',
  async ({ route }) => {
    const { id: organization = '' } = await create('organizations', { name: name() });
    for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', undefined]) {
      const { path = '' } = (await ROUTES[route]?.call(organization)) ?? {};
      for (const body of ['', null]) {
        const response = await send(`/v1/${path}`, { method: 'POST', headers: headersOf(type), body });
        // A second promotion conflicts with the first one.
        expect([type, response.ok || response.status === 409]).toEqual([type, true]);
      }
      const wrong = await send(`/v1/${path}`, { method: 'POST', headers: headersOf('application/json'), body: '{' });
      await problemOf(wrong, 400);
    }
  },
);

test.each(posts.filter(({ isRequired }) => isRequired))('$route without a body is refused', async ({ route }) => {
  const { id: organization = '' } = await create('organizations', { name: name() });
  const { path = '' } = (await ROUTES[route]?.call(organization)) ?? {};
  for (const type of ['application/json', undefined]) {
    const response = await send(`/v1/${path}`, { method: 'POST', headers: headersOf(type), body: type ? '' : null });
    expect([400, 422]).toContain(response.status);
  }
});

test('at least these routes have an optional body', () => {
  const optional = posts.filter(({ isRequired }) => !isRequired).map(({ route }) => route);
  expect(optional).toEqual(
    expect.arrayContaining([
      'POST /clients/{client_id}/secrets/rotate',
      'POST /clients/{client_id}/secrets/{id}/promote',
      'POST /clients/{client_id}/revoke-tokens',
      'POST /organizations/{id}/revoke-tokens',
      'POST /signing-keys/rotate',
      'POST /master-keys/reseal',
    ]),
  );
  expect(optional).not.toContain('POST /tokens/revoke');
});

test('a wrong method on a known path is 405 with the allowed methods', async () => {
  const response = await api('PUT', 'clients/emc_x', { body: {} });
  expect(response.status).toBe(405);
  expect(response.headers.get('Allow')).toBe('DELETE, GET, PATCH');
  expect(await response.json()).toMatchObject({ type: 'urn:edgemint:problem:method_not_allowed', status: 405 });
});

test('an unknown path is 404 for every method', async () => {
  for (const method of ['GET', 'PUT', 'POST']) {
    const response = await api(method, 'nothing/here');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ detail: 'No such endpoint.' });
  }
});

test('an unknown parameter is 422 and named, so that a misspelt filter does not list everything', async () => {
  const response = await api('GET', 'roles?staus=disabled');
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ errors: [{ parameter: 'staus' }] });
  expect((await api('DELETE', 'roles/role_x?casacde=true')).status).toBe(422);
});

test('a missing field is named', async () => {
  const detailsOf = async (path: string, body: unknown) => {
    const response = await api('POST', path, { body });
    expect(response.status).toBe(422);
    return (await response.json<{ errors: unknown[] }>()).errors;
  };
  expect(await detailsOf('roles', {})).toEqual([{ pointer: '/name', detail: '`name` is required.' }]);
  const grants = [{ scopes: [] }];
  const detail = '`resource_server` is required.';
  expect(await detailsOf('roles', { name: 'x', grants })).toEqual([{ pointer: '/grants/0/resource_server', detail }]);
});
