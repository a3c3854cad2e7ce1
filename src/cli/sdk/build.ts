import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { packageJson } from './package.ts';
import { reference } from './reference.ts';

// Builds `dist/sdk`, the package `edgemint-sdk` ready for `npm publish`, and the reference page in `docs`.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCE = join(ROOT, 'src/sdk');
const OUT = join(ROOT, 'dist/sdk');
const REFERENCE = join(ROOT, 'docs/sdk-reference.md');

// Each file at the top of `src/sdk` is an entry point.
const entries = readdirSync(SOURCE).flatMap((name) => (name.endsWith('.ts') ? [name.slice(0, -'.ts'.length)] : []));

rmSync(OUT, { recursive: true, force: true });

await build({
  entryPoints: entries.map((entry) => join(SOURCE, `${entry}.ts`)),
  outdir: OUT,
  bundle: true,
  splitting: true,
  chunkNames: 'shared-[hash]',
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  packages: 'external',
  // So that an entry point stays under its limit also for those who do not bundle. The maps keep stack traces readable.
  minify: true,
  sourcemap: 'linked',
  logLevel: 'warning',
});

const types = join(OUT, 'types');
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', SOURCE, '--outDir', types], { stdio: 'inherit' });
// Declarations keep the `.ts` of imports, which a user's compiler may refuse.
for (const name of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue;
  const text = readFileSync(join(types, name), 'utf8');
  writeFileSync(join(types, name), text.replace(/((?:from|import\() ?['"]\.[^'"]+)\.ts(['"])/g, '$1.js$2'));
}

const project = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(packageJson(project, entries), null, 2)}\n`);
copyFileSync(join(SOURCE, 'README.md'), join(OUT, 'README.md'));
copyFileSync(join(ROOT, 'LICENSE'), join(OUT, 'LICENSE'));
writeFileSync(REFERENCE, reference(types, entries));
