import { expect, test } from 'vitest';
import { api } from '../http.ts';

test('another method on a path that is there is 405, with those that are', async () => {
  const response = await api('PUT', 'clients/emc_x', { body: {} });
  expect(response.status).toBe(405);
  expect(response.headers.get('Allow')).toBe('DELETE, GET, PATCH');
  expect(await response.json()).toMatchObject({ type: 'urn:edgemint:problem:method_not_allowed', status: 405 });
});

test('a path that is not there is 404, whatever the method', async () => {
  for (const method of ['GET', 'PUT', 'POST']) expect((await api(method, 'nothing/here')).status).toBe(404);
});

test('a parameter that is not there is 422 and named, so that a misspelt filter does not list everything', async () => {
  const response = await api('GET', 'roles?staus=disabled');
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ errors: [{ parameter: 'staus' }] });
  expect((await api('DELETE', 'roles/role_x?casacde=true')).status).toBe(422);
});
