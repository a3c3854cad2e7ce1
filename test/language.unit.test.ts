import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** Words and phrases that readers have to decode, with a better way to say it. CONTRIBUTING.md has the reasons. */
const HARD_TO_READ: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(whoever|whatever|whichever|whosoever|lest)\b/i, 'name the thing'],
  // `where` is for places.
  [/\b[Ww]here (there|none|nothing|nobody|no|neither)\b|\b(undefined|[Nn]ull|none|empty) where\b/, '`if` or `when`'],
  [/\b(all the same|be it|as it were)\b/i, 'leave it out'],
];

const SOURCES = globSync(
  ['src/**/*.{ts,tsx}', 'examples/**/*.ts', '*.md', 'docs/**/*.md', 'examples/*.md', 'wrangler.toml'],
  {
    cwd: ROOT,
    exclude: ['**/node_modules/**'],
  },
);

/** Returns the places in a text that a pattern matches. Links to tests are left out, because their words are the names of the tests. */
function findings(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const own = line.replace(/\[[^\]]*\]\([^)]*\.test\.ts\)/g, '');
    const found = HARD_TO_READ.filter(([pattern]) => pattern.test(own));
    return found.map(([pattern, instead]) => `${file}:${index + 1}: ${pattern.exec(own)?.[0]} (write: ${instead})`);
  });
}

test('sources and documents are free of the words that are hard to read', () => {
  expect(SOURCES.length).toBeGreaterThan(200);
  expect(SOURCES.flatMap((file) => findings(file, readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
});

test.each([
  '// undefined where it is none of ours',
  '/** Whoever introspects. */',
  "'The key, whatever its status.'",
  '* the default, where there is one',
])('%s would be found', (line) => {
  expect(findings('some.ts', line)).toHaveLength(1);
});

test.each(['.where(eq(a, b))', 'WHERE id = ?', 'The folder where the lines run.'])('%s is no finding', (line) => {
  expect(findings('some.ts', line)).toEqual([]);
});
