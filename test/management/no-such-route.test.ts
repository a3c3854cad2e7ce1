import { expect, test } from 'vitest';
import { api } from '../http.ts';

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
