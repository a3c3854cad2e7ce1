import { expect, test } from 'vitest';
import { streamPages } from '../../src/management/http/ndjson.ts';

const read = async (pagesMax: number) => {
  const page = (n: number) => ({ items: [{ n }], next: n < 3 ? String(n + 1) : null });
  const text = await new Response(streamPages(page(0), async (cursor) => page(Number(cursor)), pagesMax)).text();
  return text.split('\n').map((line) => (line === '' ? '' : JSON.parse(line)));
};

test('a stream of more pages than a request may read ends with the cursor of the next one', async () => {
  expect(await read(2)).toEqual([{ n: 0 }, { n: 1 }, { complete: false, count: 2, next_cursor: '2' }, '']);
  const all = [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }, { complete: true, count: 4, next_cursor: null }, ''];
  expect(await read(4)).toEqual(all);
  expect(await read(500)).toEqual(all);
});
