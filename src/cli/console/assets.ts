import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ASSETS } from '../../documentation/constants.ts';
import { buildIfStale } from './freshness.ts';

// Builds `dist/assets`, the static files of the Worker: the console, and the files of Swagger UI that `/docs` serves.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = join(ROOT, 'dist/assets');
const CONSOLE = join(ROOT, 'src/console');
const SWAGGER_UI = join(ROOT, 'node_modules/swagger-ui-dist');
// With the folders of which the console imports pure code.
const SOURCES = [
  'src/console',
  'src/cli/console',
  'src/constants.ts',
  'src/declaration',
  'src/documentation/constants.ts',
  'src/keys/constants.ts',
  'src/lib',
  'package-lock.json',
];

/** Builds the assets, unless they are newer than their sources. */
export async function buildAssets(): Promise<void> {
  const sources = SOURCES.map((source) => join(ROOT, source));
  const outputs = [join(OUT, 'console/index.html'), ...ASSETS.map((name) => join(OUT, 'docs', name))];
  await buildIfStale(ROOT, { stamp: join(ROOT, 'dist/assets.stamp'), sources, outputs }, async () => {
    await rm(join(OUT, 'docs'), { recursive: true, force: true });
    await mkdir(join(OUT, 'docs'), { recursive: true });
    for (const name of ASSETS) await cp(join(SWAGGER_UI, name), join(OUT, 'docs', name));
    // A process of its own: a test run sets NODE_ENV, with which the build would have React's slow half for developers.
    const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
    const args = [vite, 'build', '--config', join(CONSOLE, 'vite.config.ts'), '--logLevel', 'warn'];
    await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAssets();
