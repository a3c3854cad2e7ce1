import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PAGE = fileURLToPath(new URL('../../docs/promises.md', import.meta.url));

test('every file that the promises refer to is there, and every section that promises something names its tests', () => {
  const text = readFileSync(PAGE, 'utf8');
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = '']) => target);
  expect(links.filter((target) => !target.startsWith('http')).length).toBeGreaterThan(40);
  expect(links.filter((target) => !existsSync(join(dirname(PAGE), target)))).toEqual([]);
  const sections = text.split(/^## /m).slice(1);
  const untested = sections
    .filter((section) => !section.includes('.test.ts)'))
    .map((section) => section.split('\n')[0]);
  // It sums up what is tested above.
  expect(untested).toEqual(['How old an answer can be']);
});
