import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { buildIfStale } from './freshness.ts';

// Generates `src/console/api/schema.d.ts`, the types of the API that the console calls, from the OpenAPI document of this source.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = join(ROOT, 'src/console/api/schema.d.ts');
const SOURCES = [
  'src/management',
  'src/documentation',
  'src/constants.ts',
  'src/http',
  'src/oauth/constants.ts',
  'package.json',
];

/** Generates the types, unless they are newer than what they are made of. */
export function generateTypes(): Promise<void> {
  const sources = SOURCES.map((source) => join(ROOT, source));
  return buildIfStale(ROOT, { stamp: `${OUT}.stamp`, sources, outputs: [OUT] }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edgemint-types-'));
    try {
      const document = join(folder, 'openapi.json');
      await writeFile(document, JSON.stringify(await readDocument(folder)));
      const types = join(folder, 'schema.d.ts');
      await promisify(execFile)(process.execPath, [
        generator(),
        document,
        '-o',
        types,
        '--immutable',
        '--default-non-nullable',
        'false',
      ]);
      // Another process may read the file at any moment. The rename must stay on one file system.
      const { readFile } = await import('node:fs/promises');
      await writeFile(`${OUT}.${process.pid}`, await readFile(types));
      await rename(`${OUT}.${process.pid}`, OUT);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

/** The program of openapi-typescript. It is installed for the console only. */
function generator(): string {
  const require = createRequire(join(ROOT, 'src/console/package.json'));
  return join(dirname(require.resolve('openapi-typescript/package.json')), 'bin/cli.js');
}

/** Returns the document, of which no part depends on a service that runs. */
async function readDocument(folder: string): Promise<unknown> {
  const outfile = join(folder, 'document.mjs');
  await build({
    entryPoints: [join(ROOT, 'src/documentation/document.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
    plugins: [
      {
        name: 'workers',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^cloudflare:/ }, ({ path }) => ({ path, namespace: 'workers' }));
          onLoad({ filter: /.*/, namespace: 'workers' }, () => ({
            contents: 'export const waitUntil = () => {}; export class DurableObject {}; export const env = {};',
          }));
        },
      },
    ],
  });
  const { openApiDocument } = await import(pathToFileURL(outfile).href);
  const config = { issuer: 'https://auth.example.com', baseUrl: 'https://auth.example.com', issuerPath: '' };
  return openApiDocument({ config });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generateTypes();
