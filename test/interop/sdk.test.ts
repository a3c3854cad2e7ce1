import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NODE_ENTRIES } from '../../src/cli/sdk/package.ts';
import { documentedExports } from '../../src/cli/sdk/reference.ts';
import { type Clone, cloneProject } from '../e2e/project.ts';
import { startLoop } from './management.ts';

// The package `edgemint-sdk`, built and packed as for npm, and installed in an empty folder.

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY_BYTES_MAX = 15 * 1024;

const loop = startLoop();

let clone: Clone;
let sdk: string;
/** A folder with nothing but the installed package. */
let folder: string;
let entries: string[];

beforeAll(async () => {
  clone = await cloneProject();
  sdk = join(clone.directory, 'dist/sdk');
  await execute('npm', ['run', '-s', 'build:sdk'], { cwd: clone.directory });
  entries = Object.keys(await packaged('exports')).flatMap((name) => /^\.\/([a-z]+)$/.exec(name)?.slice(1) ?? []);
  folder = await realpath(await mkdtemp(join(tmpdir(), 'edgemint-sdk-')));
  // jose is packed from this project, so that nothing is downloaded.
  const packs = [sdk, join(ROOT, 'node_modules/jose')].map(async (directory) => {
    const { stdout } = await execute('npm', ['pack', '--json', '--pack-destination', folder, directory]);
    return join(folder, JSON.parse(stdout)[0].filename);
  });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const options = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await execute('npm', ['install', ...options, ...(await Promise.all(packs))], { cwd: folder });
  for (const name of ['program', 'worker']) {
    await cp(join(ROOT, `test/sdk/installed/${name}.js`), join(folder, `${name}.js`));
  }
});

afterAll(async () => {
  await clone?.remove();
  if (folder) await rm(folder, { recursive: true });
});

async function packaged(member: string) {
  return JSON.parse(await readFile(join(sdk, 'package.json'), 'utf8'))[member];
}

test('it depends on jose alone, in a version that this project is tested with', async () => {
  const project = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  expect(await packaged('dependencies')).toEqual({ jose: `^${project.dependencies.jose}` });
  for (const name of Object.keys((await packaged('peerDependencies')) ?? {})) {
    expect((await packaged('peerDependenciesMeta'))[name]).toEqual({ optional: true });
  }
});

test('each entry point has less than 15 KB, gzipped and without jose', async () => {
  expect(entries).toContain('client');
  for (const entry of entries) {
    const stdin = { contents: `export * from 'edgemint-sdk/${entry}';`, resolveDir: folder };
    const external = ['jose', 'node:*', 'cloudflare:*', ...Object.keys((await packaged('peerDependencies')) ?? {})];
    const bundled = await build({ stdin, bundle: true, format: 'esm', external, write: false, target: 'es2022' });
    const size = gzipSync(bundled.outputFiles[0]?.contents ?? '').byteLength;
    console.info(`edgemint-sdk/${entry}: ${size} bytes gzipped`);
    expect(size).toBeGreaterThan(100);
    expect(size).toBeLessThan(ENTRY_BYTES_MAX);
  }
});

test('only the entry points for Node import its modules', async () => {
  for (const entry of entries) {
    const stdin = { contents: `export * from 'edgemint-sdk/${entry}';`, resolveDir: folder };
    const bundling = { stdin, bundle: true, format: 'esm', write: false, metafile: true, packages: 'bundle' } as const;
    const { metafile } = await build({ ...bundling, external: ['jose', 'node:*', 'hono', 'express', 'fastify'] });
    const imports = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    const ofNode = imports.filter((path) => path.startsWith('node:'));
    expect(ofNode.length > 0).toBe(NODE_ENTRIES.includes(entry));
  }
});

test('each exported function has a sentence, an example and the section of a standard, and its reference page is up to date', async () => {
  for (const entry of entries) {
    for (const { name, declaration, text, tags } of documentedExports(join(sdk, 'types'), entry)) {
      expect(text, name).toMatch(/^[A-Z`].*[.)]/s);
      if (!declaration.startsWith('function')) continue;
      expect(text, name).toMatch(/\(https:\/\/\S+\)/);
      expect(
        tags.map((tag) => tag.name),
        name,
      ).toContain('example');
    }
  }
  const page = 'docs/sdk-reference.md';
  // If this fails, run `npm run build:sdk`.
  expect(await readFile(join(ROOT, page), 'utf8')).toBe(await readFile(join(clone.directory, page), 'utf8'));
});

describe('its types compile under strict, without skipLibCheck,', () => {
  test.each([
    ['with the types of Node', { types: ['node'], lib: ['es2022'] }],
    ['with those of a browser', { types: [], lib: ['es2022', 'dom'] }],
    ['with those of Workers', { types: ['@cloudflare/workers-types'], lib: ['es2022'] }],
  ])('%s', async (name, compilerOptions) => {
    const project = join(folder, name.replaceAll(' ', '-'));
    await mkdir(project);
    const usable = entries.filter((entry) => !NODE_ENTRIES.includes(entry) || name.endsWith('Node'));
    const lines = usable.map((entry) => `export * as ${entry} from 'edgemint-sdk/${entry}';`);
    await writeFile(join(project, 'all.ts'), `${lines.join('\n')}\n`);
    await cp(join(ROOT, 'test/sdk/installed/typed.ts'), join(project, 'typed.ts'));
    const typeRoots = [join(ROOT, 'node_modules/@types'), join(ROOT, 'node_modules')];
    for (const module of [
      { module: 'nodenext', moduleResolution: 'nodenext' },
      { module: 'esnext', moduleResolution: 'bundler' },
    ]) {
      const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
      const options = { ...compilerOptions, ...strict, ...module, typeRoots, target: 'es2022', noEmit: true };
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const { stdout } = await execute(process.execPath, [tsc, '-p', project]).catch((error) => error);
      expect(stdout).toBe('');
    }
  });
});

/** The runtimes of other makers, which npm provides as packages. */
const RUNTIMES = { deno: '2.9.6', bun: '1.4.5' };

/** Installs a runtime from npm. @returns its program; undefined if it cannot be downloaded */
async function runtime(name: keyof typeof RUNTIMES): Promise<string | undefined> {
  const home = join(ROOT, 'node_modules/.cache/edgemint-runtimes', `${name}-${RUNTIMES[name]}`);
  const program = join(home, 'node_modules/.bin', name);
  if (!existsSync(program)) {
    await mkdir(home, { recursive: true });
    const args = [
      'install',
      '--prefix',
      home,
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      `${name}@${RUNTIMES[name]}`,
    ];
    await execute('npm', args, { timeout: 200_000 }).catch(() => undefined);
  }
  const runs = await execute(program, ['--version']).catch(() => undefined);
  if (!runs) console.warn(`NOT TESTED: edgemint-sdk on ${name}, which npm could not install.`);
  return runs && program;
}

describe('it works as it was installed', () => {
  const settings = () => ({
    ISSUER: loop.edgemint.issuer,
    CLIENT_ID: loop.machine.client_id,
    CLIENT_SECRET: loop.machine.client_secret,
  });

  async function run(program: string, args: string[]): Promise<unknown> {
    const options = { cwd: folder, env: { ...process.env, ...settings(), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' } };
    const { stdout } = await execute(program, args, options);
    return JSON.parse(stdout);
  }

  const result = () => ({ issuer: loop.edgemint.issuer });

  test('on each Node of this machine', async () => {
    const nodes = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
    const found = [...new Set([process.execPath, ...nodes])].filter((node) => existsSync(node));
    const versions = await Promise.all(found.map(async (node) => (await execute(node, ['--version'])).stdout));
    if (!versions.some((version) => version.startsWith('v20.'))) console.warn('NOT TESTED: edgemint-sdk on Node 20.');
    expect(versions.some((version) => version.startsWith('v24.'))).toBe(true);
    for (const node of found) expect(await run(node, ['program.js'])).toEqual(result());
  });

  test('on Deno', async ({ skip }) => {
    const deno = (await runtime('deno')) ?? skip();
    expect(await run(deno, ['run', '--no-prompt', '--allow-env', '--allow-net', 'program.js'])).toEqual(result());
  });

  test('on Bun', async ({ skip }) => {
    const bun = (await runtime('bun')) ?? skip();
    expect(await run(bun, ['program.js'])).toEqual(result());
  });

  test('in workerd, bundled as for Workers', async () => {
    const bundled = await build({
      entryPoints: [join(folder, 'worker.js')],
      bundle: true,
      format: 'esm',
      write: false,
      external: ['cloudflare:*'],
      conditions: ['workerd', 'worker', 'browser'],
    });
    const module = { type: 'ESModule' as const, path: 'worker.js', contents: bundled.outputFiles[0]?.text ?? '' };
    const options = { modules: [module], compatibilityDate: '2026-11-01', bindings: settings() };
    const worker = new Miniflare(convertV4MiniflareOptions({ ...options, cf: false, telemetry: { enabled: false } }));
    try {
      const response = await worker.dispatchFetch('http://localhost/');
      expect(await response.json()).toEqual(result());
    } finally {
      await worker.dispose();
    }
  });
});
