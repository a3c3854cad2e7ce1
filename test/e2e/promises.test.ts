import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
const read = (page: string) => readFileSync(join(DOCS, page), 'utf8');

interface Link {
  readonly text: string;
  readonly target: string;
}

/** Returns the links of a page to files of the repository. */
function linksOf(page: string): Link[] {
  const found = [...read(page).matchAll(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g)];
  return found.flatMap(([, text = '', target = '']) => (target.startsWith('http') ? [] : [{ text, target }]));
}

/** Returns the headings of the sections that name no test. */
function untested(page: string): (string | undefined)[] {
  const sections = read(page).split(/^## /m).slice(1);
  return sections.filter((section) => !section.includes('.test.ts)')).map((section) => section.split('\n')[0]);
}

test.each([
  // This section sums up promises that other sections make and name tests for.
  ['promises.md', 40, ['How old an answer can be']],
  ['strict-profile.md', 25, ['What is not claimed']],
])(
  'every file that %s refers to is there, and every section that promises something names its tests',
  (page, least, none) => {
    const targets = linksOf(page).map(({ target }) => target);
    expect(targets.length).toBeGreaterThan(least);
    expect(targets.filter((target) => !existsSync(join(dirname(join(DOCS, page)), target)))).toEqual([]);
    expect(untested(page)).toEqual(none);
  },
);

test('every clause of the strict profile names its tests as they are called', () => {
  const tests = linksOf('strict-profile.md').filter(({ target }) => target.endsWith('.test.ts'));
  expect(tests.length).toBeGreaterThan(25);
  const unknown = tests.filter(({ text, target }) => {
    const source = readFileSync(join(DOCS, target), 'utf8');
    return !["'", '"', '`'].some((quote) => source.includes(quote + text + quote));
  });
  expect(unknown).toEqual([]);
  const clauses = read('strict-profile.md')
    .split('## What is not claimed')[0]
    ?.split(/^- /m)
    .slice(1)
    .filter((clause) => !/Tests?:\s+\[/.test(clause));
  expect(clauses).toEqual([]);
});
