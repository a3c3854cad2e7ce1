import { expect, test } from 'vitest';
import { isPlainJson, plainJsonFault } from '../../src/management/fields/plain-json.ts';

const NOT_EXACT = 'has a number beyond ±9007199254740991, which is not exact';
const ILL_FORMED = 'has a text that is not well-formed Unicode';

test.each([
  ['{"a":{"b":[1]}}', 'nests deeper than 2 levels'],
  ['{"a":{"__proto__":1}}', 'has a member named `__proto__`'],
  ['{"a":"\\ud800"}', ILL_FORMED],
  ['{"a":{"\\ud800":1}}', ILL_FORMED],
  ['{"a":9007199254740992}', NOT_EXACT],
  ['[-9007199254740992]', NOT_EXACT],
  ['1e400', NOT_EXACT],
  ['{"a":{"b":[]}}', undefined],
  ['["__proto__",0.5,-9007199254740991,null,true]', undefined],
])('the fault of %s is named', (json, fault) => {
  const value: unknown = JSON.parse(json);
  expect(plainJsonFault(value, 2)).toBe(fault);
  expect(isPlainJson(value, 2)).toBe(fault === undefined);
});
