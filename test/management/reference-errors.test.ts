import { expect, test } from 'vitest';
import { ERRORS_SHOWN, SCOPES_MAX, SCOPES_SHOWN } from '../../src/management/constants.ts';
import { ReferenceErrors } from '../../src/management/fields/reference-errors.ts';

class CountedScopes extends Set<string> {
  reads = 0;

  override [Symbol.iterator]() {
    this.reads++;
    return super[Symbol.iterator]();
  }
}

// Without either bound, one request of 32 KiB keeps an isolate busy for seconds.
test('the scopes of a resource server are listed once for all unknown ones, and no more errors are built than shown', () => {
  const scopes = new CountedScopes(Array.from({ length: SCOPES_MAX }, (_, index) => `known:${index}`));
  const server = { identifier: 'https://orders.example', scopes };
  const errors = new ReferenceErrors(true);
  scopes.reads = 0;
  let built = 0;
  const unknown = { toString: () => `unknown:${++built}` } as unknown as string;
  for (let index = 0; index < 8; index++) {
    for (let position = 0; position < 970; position++)
      errors.addUnknownScope(unknown, server, 'grants', index, 'scopes', position);
  }
  expect([scopes.reads, built, errors.list.length]).toEqual([1, ERRORS_SHOWN, ERRORS_SHOWN]);
  const [first] = errors.list;
  expect(first).toMatchObject({ pointer: '/grants/0/scopes/0' });
  expect(first?.detail).toMatch(
    /^Unknown scope `unknown:1` at `https:\/\/orders\.example`\. Available: known:0, known:1, /,
  );
  expect(first?.detail).toContain(` and ${SCOPES_MAX - SCOPES_SHOWN} more.`);
});
