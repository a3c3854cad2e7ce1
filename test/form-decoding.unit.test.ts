import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { decodeForm } from '../src/oauth/request/parameters.ts';

const COUNT = 2000;
const BODY_BYTES = 16 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

// Caches keep client_ids. A slice would keep its body as well, and strangers could fill an isolate's memory with few requests.
test('a decoded parameter does not keep its body in memory', () => {
  const before = heapUsed();
  const kept = Array.from({ length: COUNT }, (_, index) => {
    const id = `invented-client-${index}`;
    const body = Buffer.from(`${id}&${'x'.repeat(BODY_BYTES)}`).toString();
    return decodeForm(body.slice(0, id.length));
  });
  expect(heapUsed() - before).toBeLessThan((COUNT * BODY_BYTES) / 4);
  expect(kept[COUNT - 1]).toBe(`invented-client-${COUNT - 1}`);
});

test.each([
  ['', ''],
  ['plain-_~', 'plain-_~'],
  ['a+b%20c', 'a b c'],
  ['%C3%A9é', 'éé'],
  ['%', undefined],
  ['%ff', undefined],
])('%j decodes to %j', (text, decoded) => {
  expect(decodeForm(text)).toBe(decoded);
});
