import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ASSETS } from '../../src/documentation/constants.ts';

// vitest.config.ts builds the files before the tests run.
const FOLDER = join(import.meta.dirname, '../../dist/assets');
const FILES = join(FOLDER, 'console/assets');

const FIRST_LOAD_LIMIT_KB = 130;
const TOTAL_LIMIT_KB = 250;
const KB = 1000;

const names = readdirSync(FILES);
const texts = new Map(names.map((name) => [name, readFileSync(join(FILES, name), 'utf8')]));
const page = readFileSync(join(FOLDER, 'console/index.html'), 'utf8');
const scripts = names.filter((name) => name.endsWith('.js'));

/** Returns the names of other files in a text. */
function namesIn(text: string): string[] {
  return names.filter((name) => text.includes(name));
}

/** Returns a script with all that it loads before it runs. */
function closureOf(script: string, found = new Set<string>()): Set<string> {
  if (found.has(script)) return found;
  found.add(script);
  const text = texts.get(script) ?? '';
  for (const [, name = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g)) closureOf(name, found);
  return found;
}

function sizeOf(some: Iterable<string>): number {
  return [...some].reduce((sum, name) => sum + gzipSync(texts.get(name) ?? '', { level: 9 }).length, 0) / KB;
}

const [, entry = ''] = /<script[^>]* src="[^"]*\/([^"/]+\.js)"/.exec(page) ?? [];
/** The scripts that the entry loads when they are needed: one for each page, and parts of pages. */
const loaded = scripts.filter((name) => name !== entry && !closureOf(entry).has(name));

test(`the console loads at most ${FIRST_LOAD_LIMIT_KB} KB of compressed JavaScript before it shows the overview`, () => {
  const sizes = loaded.map((name) => ({ name, kb: sizeOf(closureOf(name, closureOf(entry))) }));
  const largest = sizes.reduce((one, other) => (one.kb > other.kb ? one : other));
  const overview = sizes.find(({ name }) => name.startsWith('overview'))?.kb ?? 0;
  console.log(
    `console: ${sizeOf(closureOf(entry)).toFixed(1)} KB for every page, ${overview.toFixed(1)} KB with the overview, at most ${largest.kb.toFixed(1)} KB (${largest.name})`,
  );
  expect(overview).toBeGreaterThan(0);
  expect(overview).toBeLessThanOrEqual(FIRST_LOAD_LIMIT_KB);
  expect(sizeOf(closureOf(entry))).toBeLessThanOrEqual(FIRST_LOAD_LIMIT_KB);
});

test(`all of the console is at most ${TOTAL_LIMIT_KB} KB of compressed JavaScript`, () => {
  console.log(`console: ${sizeOf(scripts).toFixed(1)} KB in all`);
  expect(sizeOf(scripts)).toBeLessThanOrEqual(TOTAL_LIMIT_KB);
});

test('a deployment uploads only files that are served, and no source maps', () => {
  const uploaded = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(FOLDER.length + 1));
  const served = [
    'console/index.html',
    ...names.map((name) => `console/assets/${name}`),
    ...ASSETS.map((name) => `docs/${name}`),
  ];
  expect(uploaded.sort()).toEqual(served.sort());
  const referenced = new Set([page, ...texts.values()].flatMap(namesIn));
  expect(names.filter((name) => !referenced.has(name))).toEqual([]);
  expect(names.filter((name) => !/-[\w-]{8}\.(js|css|svg)$/.test(name))).toEqual([]);
});
