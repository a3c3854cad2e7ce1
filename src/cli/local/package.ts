import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler';

// Builds `dist/package`, the package `edgemint` ready for `npm pack` or `npm publish`: the command line, and the built Worker for
// `edgemint dev`. It has no dependencies.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OUT = join(ROOT, 'dist/package');
const WORKER = join(OUT, 'dev');

rmSync(OUT, { recursive: true, force: true });
mkdirSync(WORKER, { recursive: true });
const inherited = { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'] };
execFileSync('npm', ['run', '-s', 'build:edgemint'], inherited);
const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
const args = ['deploy', '--dry-run', '--config', join(ROOT, 'wrangler.toml'), '--outdir', join(OUT, 'built')];
execFileSync(process.execPath, [wrangler, ...args], {
  ...inherited,
  env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
});
cpSync(join(OUT, 'built/index.js'), join(WORKER, 'worker.js'));
rmSync(join(OUT, 'built'), { recursive: true });
cpSync(join(ROOT, 'dist/edgemint.cjs'), join(OUT, 'edgemint.cjs'));
cpSync(join(ROOT, 'dist/assets'), join(WORKER, 'assets'), { recursive: true });
mkdirSync(join(WORKER, 'migrations'));
for (const name of readdirSync(join(ROOT, 'migrations')).filter((each) => each.endsWith('.sql'))) {
  cpSync(join(ROOT, 'migrations', name), join(WORKER, 'migrations', name));
}
await build({
  entryPoints: [join(ROOT, 'src/cli/local/server.ts')],
  outfile: join(WORKER, 'server.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  logLevel: 'warning',
});

const config = unstable_readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true });
const { workerOptions } = unstable_getMiniflareWorkerOptions({ ...config, secrets: undefined });
const { compatibilityDate, compatibilityFlags, kvNamespaces, d1Databases, durableObjects, ratelimits } = workerOptions;
const options = { compatibilityDate, compatibilityFlags, kvNamespaces, d1Databases, durableObjects, ratelimits };
writeFileSync(join(WORKER, 'worker.json'), JSON.stringify(options, null, 2));

const { name, version, description, license, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const own = { name, version, description, license, engines, bin: { edgemint: 'edgemint.cjs' } };
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
cpSync(join(ROOT, 'LICENSE'), join(OUT, 'LICENSE'));
