import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

// Each layer knows those before it, and nothing imports back up. What lies in src/ itself belongs to no layer.
const LAYERS = [
  'log',
  'store',
  'credentials',
  'jwt',
  'keys',
  'remote-keys',
  'federation',
  'gate',
  'tokens',
  'oauth',
  'management',
  'documentation',
];
const APART = [['management', 'oauth']];

function imports(): { from: string; to: string; file: string }[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) => {
      const target = relative(SRC, join(SRC, dirname(file), path));
      return { from: file.split(sep)[0] ?? '', to: target.split(sep)[0] ?? '', file: `${file} -> ${target}` };
    });
  });
}

test('no layer imports from one above it, and the two APIs do not import each other', () => {
  const found = imports().filter(({ from, to }) => LAYERS.includes(from) && LAYERS.includes(to));
  expect(found.length).toBeGreaterThan(50);
  const upward = found.filter(({ from, to }) => LAYERS.indexOf(to) > LAYERS.indexOf(from));
  const across = found.filter(({ from, to }) => APART.some(([one, other]) => from === one && to === other));
  expect([...upward, ...across].map(({ file }) => file)).toEqual([]);
});

test('below the two APIs nothing knows the services that are made for them', () => {
  const below = LAYERS.slice(0, LAYERS.indexOf('oauth'));
  const found = imports().filter(
    ({ from, to }) => below.includes(from) && ['services.ts', 'app.ts', 'request.ts'].includes(to),
  );
  expect(found.map(({ file }) => file)).toEqual([]);
});
