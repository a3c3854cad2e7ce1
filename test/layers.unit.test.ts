import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type ImportGraph, importCircles, layerFaults } from './layers.ts';

const SRC = join(import.meta.dirname, '../src');

/** Returns each file of `src` with the files that it imports, statically or dynamically, for types or for values. */
function importGraph(): ImportGraph {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.tsx?$/.test(file) && !/(^|\/)node_modules\//.test(file),
  );
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const paths = [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']+)'/gm)].map(([, path = '']) => path);
      return [file, paths.map((path) => join(dirname(file), path))];
    }),
  );
}

const graph = importGraph();

test('every file of src keeps to its layer', () => {
  expect(graph.size).toBeGreaterThan(200);
  expect(layerFaults(graph)).toEqual([]);
});

test('the package for clients and APIs imports jose, the frameworks of its entry points, and modules of Node in one entry point', () => {
  const imports = readdirSync(join(SRC, 'sdk'), { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    const text = file.endsWith('.ts') ? readFileSync(join(SRC, 'sdk', file), 'utf8') : '';
    return [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'([^.'][^']*)'/gm)].map(
      ([, name]) => [file, name] as const,
    );
  });
  const permitted: Readonly<Record<string, RegExp>> = {
    node: /^(jose|node:.+)$/,
    hono: /^(jose|hono(\/.+)?)$/,
    express: /^(jose|express)$/,
    fastify: /^(jose|fastify)$/,
  };
  // An entry point is a file, and may have a folder of the same name.
  const entryOf = (file: string) => file.split(/[/.]/)[0] ?? '';
  expect(imports.filter(([file, name = '']) => !(permitted[entryOf(file)] ?? /^jose$/).test(name))).toEqual([]);
});

test('no files of src import one another in a circle, not even for types', () => {
  expect(importCircles(graph)).toEqual([]);
});

test.each([
  ['an upward import', 'store/clients.ts', 'oauth/token.ts'],
  ['an endpoint that knows the code of the Durable Object', 'oauth/token.ts', 'client-gate/resolve-grant.ts'],
  ['management that knows the code of the Durable Object', 'management/index.ts', 'client-gate/client-gate.ts'],
  ['one API that knows the other', 'management/index.ts', 'oauth/token.ts'],
  ['a layer that knows the services made of it', 'keys/key-ring.ts', 'services.ts'],
  ['an OAuth endpoint that takes all services', 'oauth/token.ts', 'services.ts'],
  ['a management endpoint that takes all services', 'management/resources/clients.ts', 'services.ts'],
  ['a package that knows the server', 'sdk/client.ts', 'lib/json.ts'],
  ['a package that knows the contract of the server', 'sdk/client.ts', 'gates/protocol.ts'],
  ['a contract that imports code', 'gates/protocol.ts', 'store/schema.ts'],
])('%s is a fault', (_, from, to) => {
  const changed = new Map(graph).set(from, [...(graph.get(from) ?? []), to]);
  expect(layerFaults(changed)).toEqual([`${from} -> ${to}`]);
});

test('a stray file at the top of src is a fault', () => {
  expect(layerFaults(new Map(graph).set('helpers.ts', []))).toEqual(['helpers.ts is in no layer']);
});

test('a folder that no layer names is a fault', () => {
  expect(layerFaults(new Map(graph).set('utils/text.ts', []))).toEqual(['utils/text.ts is in no layer']);
});

test('two files that import one another are a circle, and so is a longer way round', () => {
  const changed = new Map(graph)
    .set('lib/one.ts', ['lib/two.ts'])
    .set('lib/two.ts', ['lib/three.ts'])
    .set('lib/three.ts', ['lib/one.ts']);
  expect(importCircles(changed)).toEqual([['lib/one.ts', 'lib/three.ts', 'lib/two.ts']]);
});
