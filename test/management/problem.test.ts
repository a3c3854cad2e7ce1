import { z } from '@hono/zod-openapi';
import { expect, test } from 'vitest';
import { fieldErrors, problemResponse } from '../../src/management/http/problem.ts';
import { RemoteError } from '../../src/remote-keys/remote-error.ts';
import { NotYetError, StoreUnavailableError } from '../../src/store/errors.ts';

test.each([
  ['a key that verifiers may not have yet', new NotYetError(1060, 1000), 'Nothing was applied'],
  ['remote keys that could not be fetched', new RemoteError('network'), 'Nothing was applied'],
  ['a store that did not answer', new StoreUnavailableError('d1', 'no answer'), 'may have been applied'],
])('the answer to %s says whether the request was applied', async (_, error, detail) => {
  const response = problemResponse(error);
  expect(response.status).toBe(503);
  expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(await response.json()).toMatchObject({ detail: expect.stringContaining(detail) });
});

test.each([
  ['a body', z.object({}), undefined, '', 'A body is required.'],
  ['a field', z.object({ name: z.string() }), {}, '/name', '`name` is required.'],
  [
    'an element',
    z.object({ names: z.array(z.string()) }),
    { names: [undefined] },
    '/names/0',
    '`names[0]` is required.',
  ],
])('%s that is missing is named', (_, schema, body, pointer, detail) => {
  const { error } = schema.safeParse(body);
  expect(fieldErrors(error?.issues ?? [])).toEqual([{ pointer, detail }]);
});

test('a member whose name is not permitted is refused in the words of the rule for names', () => {
  const { error } = z.object({ claims: z.record(z.string().regex(/^x-/, 'must begin with x-'), z.any()) }).safeParse({
    claims: { scope: 1 },
  });
  expect(fieldErrors(error?.issues ?? [])).toEqual([{ pointer: '/claims/scope', detail: 'must begin with x-' }]);
});
