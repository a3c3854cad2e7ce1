import { execFile, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { decodeJwt, exportJWK, exportPKCS8, generateKeyPair, SignJWT } from 'jose';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { NODE_ENTRIES } from '../../src/cli/sdk/package.ts';
import { documentedExports } from '../../src/cli/sdk/reference.ts';
import {
  type Fetch,
  redisStore,
  type TokenSourceEvent,
  type TokenSourceOptions,
  tokenSource,
} from '../../src/sdk/client.ts';
import { fileStore, fileToken, kubernetes, spiffe } from '../../src/sdk/node.ts';
import { type VerificationError, type Verifier, verifier } from '../../src/sdk/verify.ts';
import { type Clone, cloneProject } from '../e2e/project.ts';
import { freePort } from '../harness/worker.ts';
import { newKey } from './keys.ts';
import { RESOURCE, startLoop } from './management.ts';

// The package `edgemint-sdk`, built and packed as for npm, and installed in an empty folder.

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY_BYTES_MAX = 15 * 1024;
const FRAMEWORKS = ['hono', 'express', 'fastify'];

const loop = startLoop();

let clone: Clone;
let sdk: string;
/** A folder with nothing but the installed package. */
let folder: string;
/** A folder with the installed package and the frameworks. */
let withFrameworks: string;
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
  withFrameworks = await realpath(await mkdtemp(join(tmpdir(), 'edgemint-sdk-')));
  await cp(folder, withFrameworks, { recursive: true });
  await mkdir(join(withFrameworks, 'node_modules/@types'));
  for (const name of [...FRAMEWORKS, '@types/express', '@types/node']) {
    await symlink(join(ROOT, 'node_modules', name), join(withFrameworks, 'node_modules', name));
  }
  for (const name of ['program', 'worker']) await copyInstalled(`${name}.js`, folder);
  for (const name of ['api', 'api-worker']) await copyInstalled(`${name}.js`, withFrameworks);
});

const copyInstalled = (name: string, directory: string) =>
  cp(join(ROOT, 'test/sdk/installed', name), join(directory, name));

afterAll(async () => {
  await clone?.remove();
  for (const directory of [folder, withFrameworks]) if (directory) await rm(directory, { recursive: true });
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

test('it works with the versions of frameworks that this project is tested with', async () => {
  const { devDependencies, dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const tested = { hono: dependencies.hono, express: devDependencies.express, fastify: devDependencies.fastify };
  const major = (version: string) => `^${version.split('.')[0]}`;
  expect(await packaged('peerDependencies')).toEqual({
    hono: major(tested.hono),
    express: `^4 || ${major(tested.express)}`,
    fastify: major(tested.fastify),
  });
});

test('each entry point has less than 15 KB, gzipped and without jose', async () => {
  expect(entries).toContain('client');
  for (const entry of entries) {
    const stdin = { contents: `export * from 'edgemint-sdk/${entry}';`, resolveDir: folder };
    const external = ['jose', 'node:*', 'cloudflare:*', ...Object.keys((await packaged('peerDependencies')) ?? {})];
    // The files of the package are minified. Without this the bundler would write them in full again.
    const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false } as const;
    const bundled = await build({ ...options, stdin, external });
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
  ])('and without a framework, %s', async (name, compilerOptions) => {
    const project = join(folder, name.replaceAll(' ', '-'));
    await mkdir(project);
    const usable = entries.filter((entry) => !NODE_ENTRIES.includes(entry) || name.endsWith('Node'));
    const lines = usable
      .filter((entry) => !FRAMEWORKS.includes(entry))
      .map((entry) => `export * as ${entry} from 'edgemint-sdk/${entry}';`);
    await writeFile(join(project, 'all.ts'), `${lines.join('\n')}\n`);
    await copyInstalled('typed.ts', project);
    const typeRoots = [join(ROOT, 'node_modules/@types'), join(ROOT, 'node_modules')];
    expect(await compilerOutput(project, { ...compilerOptions, typeRoots })).toEqual([]);
  });

  test.each([
    ['hono', { types: [], lib: ['es2022', 'dom'] }],
    ['hono', { types: ['@cloudflare/workers-types'], typeRoots: [join(ROOT, 'node_modules')], lib: ['es2022'] }],
    ['express', { types: ['node'], lib: ['es2022'] }],
    ['fastify', { types: ['node'], lib: ['es2022'] }],
  ])('and reach the handlers of %s', async (name, compilerOptions) => {
    const project = await mkdtemp(join(withFrameworks, `${name}-`));
    await copyInstalled(`typed-${name}.ts`, project);
    expect(await compilerOutput(project, compilerOptions)).toEqual([]);
  });

  test('and add nothing to frameworks whose entry point is not imported', async () => {
    const project = await mkdtemp(join(withFrameworks, 'alone-'));
    await copyInstalled('typed-alone.ts', project);
    expect(await compilerOutput(project, { types: ['node'], lib: ['es2022'] })).toEqual([]);
  });

  /** Compiles a folder, with the resolution of Node and that of bundlers. @returns the complaints */
  async function compilerOutput(project: string, compilerOptions: object): Promise<string[]> {
    const outputs: string[] = [];
    for (const module of [
      { module: 'nodenext', moduleResolution: 'nodenext' },
      { module: 'esnext', moduleResolution: 'bundler' },
    ]) {
      const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
      const options = { ...compilerOptions, ...strict, ...module, target: 'es2022', noEmit: true };
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const { stdout } = await execute(process.execPath, [tsc, '-p', project]).catch((error) => error);
      if (stdout !== '') outputs.push(stdout);
    }
    return outputs;
  }
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

/** An API that accepts every token, and wants a nonce of its own in DPoP proofs. */
let api: Server;
/** A server between a source and Edgemint. The test sees each token request, and may hold it or answer in its place. */
let proxy: Server;
let tokenRequests: ServerResponse[] = [];
let answerToken: ((response: ServerResponse) => void) | undefined;
const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(async () => {
  api = createServer(({ headers }, response) => {
    const [scheme = ''] = (headers.authorization ?? '').split(' ');
    const proof = typeof headers.dpop === 'string' ? decodeJwt(headers.dpop) : undefined;
    if (scheme !== 'DPoP' || proof?.nonce === 'of-the-api')
      return response.end(JSON.stringify({ scheme, nonce: proof?.nonce }));
    const wanted = { 'DPoP-Nonce': 'of-the-api', 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' };
    return response.writeHead(401, wanted).end();
  });
  proxy = createServer((request, response) => {
    if (request.url !== '/token') {
      const token_endpoint = `${addressOf(proxy)}/token`;
      return response.end(JSON.stringify({ issuer: addressOf(proxy), token_endpoint }));
    }
    tokenRequests.push(response);
    request.resume();
    return answerToken?.(response);
  });
  for (const server of [api, proxy]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  for (const server of [api, proxy]) server.closeAllConnections();
  for (const server of [api, proxy]) server.close();
});

const pageOf = (name: string) => readFile(join(ROOT, 'docs', name), 'utf8');
const getting = await pageOf('get-tokens.md');
const checking = await pageOf('check-tokens.md');

/** Returns the samples of a language, for the servers of this test. */
function samples(language: string, page = getting): string[] {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  return blocks.map(([, block = '']) =>
    block
      .replaceAll('https://auth.example.com', loop.edgemint.issuer)
      .replaceAll('https://orders.example/orders', `${addressOf(api)}/orders`)
      .replaceAll('https://orders.example', RESOURCE),
  );
}

describe('it works as it was installed', () => {
  const settings = () => ({
    ISSUER: loop.edgemint.issuer,
    CLIENT_ID: loop.machine.client_id,
    CLIENT_SECRET: loop.machine.client_secret,
    RESOURCE,
    API: `${addressOf(api)}/orders`,
  });

  async function run(program: string, args: string[], cwd = folder): Promise<unknown> {
    const options = { cwd, env: { ...process.env, ...settings(), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' } };
    const { stdout } = await execute(program, args, options);
    return JSON.parse(stdout);
  }

  const RESULT = { different: 1, scope: 'orders:read', api: { scheme: 'DPoP', nonce: 'of-the-api' } };

  /** What each framework does for a machine: see `api.js`. */
  const ofFrameworks = () => {
    const { client_id } = loop.machine;
    const result = { refused: 401, bearer: client_id, dpop: client_id, resource: RESOURCE };
    return Object.fromEntries(FRAMEWORKS.map((name) => [name, result]));
  };

  test('on each Node of this machine', async () => {
    const nodes = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
    const found = [...new Set([process.execPath, ...nodes])].filter((node) => existsSync(node));
    const versions = await Promise.all(found.map(async (node) => (await execute(node, ['--version'])).stdout));
    if (!versions.some((version) => version.startsWith('v20.'))) console.warn('NOT TESTED: edgemint-sdk on Node 20.');
    expect(versions.some((version) => version.startsWith('v24.'))).toBe(true);
    for (const node of found) {
      expect(await run(node, ['program.js'])).toEqual(RESULT);
      expect(await run(node, ['api.js'], withFrameworks)).toEqual(ofFrameworks());
    }
  });

  test('on Deno', async ({ skip }) => {
    const deno = (await runtime('deno')) ?? skip();
    const args = ['run', '--no-prompt', '--allow-env', '--allow-net'];
    expect(await run(deno, [...args, 'program.js'])).toEqual(RESULT);
    const more = ['--allow-read', '--allow-write', '--allow-sys'];
    expect(await run(deno, [...args, ...more, 'api.js'], withFrameworks)).toEqual(ofFrameworks());
  });

  test('on Bun', async ({ skip }) => {
    const bun = (await runtime('bun')) ?? skip();
    expect(await run(bun, ['program.js'])).toEqual(RESULT);
    expect(await run(bun, ['api.js'], withFrameworks)).toEqual(ofFrameworks());
  });

  describe('in workerd, bundled as for Workers,', () => {
    let built: string;
    let worker: Miniflare;

    const bundle = async (name: string, directory = folder) => {
      const bundled = await build({
        entryPoints: [join(directory, name)],
        bundle: true,
        format: 'esm',
        write: false,
        external: ['cloudflare:*'],
        conditions: ['workerd', 'worker', 'browser'],
      });
      return bundled.outputFiles[0]?.text ?? '';
    };

    beforeAll(async () => {
      built = await bundle('worker.js');
    });

    afterEach(() => worker.dispose());

    /** Serves a Worker in an isolate of its own. */
    async function serve(issuer: string, contents = built): Promise<string> {
      const modules = [{ type: 'ESModule' as const, path: 'worker.js', contents }];
      const bindings = { ...settings(), ISSUER: issuer };
      const options = { modules, compatibilityDate: '2026-11-01', bindings, kvNamespaces: ['TOKENS'] };
      worker = new Miniflare(convertV4MiniflareOptions({ ...options, cf: false, telemetry: { enabled: false } }));
      return (await worker.ready).origin;
    }

    test('with a secret, with DPoP, and with a store in KV', async () => {
      const origin = await serve(loop.edgemint.issuer);
      const plain = { ...RESULT, api: { scheme: 'Bearer' } };
      for (const [kind, result] of Object.entries({ plain, dpop: RESULT, kv: plain })) {
        expect(await (await fetch(`${origin}/all/${kind}`)).json()).toEqual(result);
      }
      const stored = await (await worker.getKVNamespace('TOKENS')).list();
      expect(stored.keys).toHaveLength(1);
    });

    test('an API with Hono, whose verifier is created outside of requests', async () => {
      const origin = await serve(loop.edgemint.issuer, await bundle('api-worker.js', withFrameworks));
      const { client_id: id, client_secret: secret } = loop.machine;
      const source = tokenSource({
        issuer: loop.edgemint.issuer,
        client: { id, secret },
        resource: RESOURCE,
        dpop: true,
      });
      expect((await fetch(`${origin}/orders`)).status).toBe(401);
      expect(await (await source.fetch(`${origin}/orders`)).json()).toEqual({ caller: id });
      const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource`);
      expect(await metadata.json()).toMatchObject({ resource: RESOURCE });
    });

    test('as docs/get-tokens.md shows it', async () => {
      await writeFile(join(folder, 'worker-of-the-page.js'), samples('js')[0] ?? '');
      const origin = await serve(loop.edgemint.issuer, await bundle('worker-of-the-page.js'));
      expect(await (await fetch(origin)).json()).toEqual({ scheme: 'Bearer' });
    });

    /** Answers token requests with `t1`, `t2` and so on, which are valid for so many seconds. */
    function issue(expires_in: number) {
      return (response: ServerResponse) => {
        const body = { access_token: `t${tokenRequests.length}`, token_type: 'Bearer', expires_in };
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(body));
      };
    }

    const tokenFrom = async (origin: string, signal?: AbortSignal) => {
      const response = await fetch(`${origin}/token/plain`, { signal: signal ?? null });
      return ((await response.json()) as { token: string }).token;
    };

    test('requests share one token request, and survive that the one that began it hung up', async () => {
      tokenRequests = [];
      answerToken = undefined;
      const origin = await serve(addressOf(proxy));
      const controller = new AbortController();
      const first = tokenFrom(origin, controller.signal).catch(() => undefined);
      await vi.waitFor(() => expect(tokenRequests).toHaveLength(1));
      const others = Array.from({ length: 20 }, () => tokenFrom(origin));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(tokenRequests).toHaveLength(1);
      answerToken = issue(60);
      controller.abort();
      await first;
      expect(new Set(await Promise.all(others))).toEqual(new Set(['t2']));
      expect(tokenRequests).toHaveLength(2);
    });

    test('a renewal in the background ends after the answer of the request that began it', async () => {
      tokenRequests = [];
      answerToken = issue(5);
      const origin = await serve(addressOf(proxy));
      expect(await tokenFrom(origin)).toBe('t1');
      answerToken = (response) => void setTimeout(issue(60), 500, response);
      // Due, and valid for a moment more.
      await new Promise((resolve) => setTimeout(resolve, 4550));
      if ((await tokenFrom(origin)) === 't1') await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(await tokenFrom(origin)).toBe('t2');
      expect(tokenRequests).toHaveLength(2);
    });
  });
});

describe('with a running Edgemint, the source gets a token', () => {
  const sourceFor = (options: Omit<TokenSourceOptions, 'issuer'>) =>
    tokenSource({ issuer: loop.edgemint.issuer, resource: RESOURCE, ...options });
  const claimsOf = async (options: Omit<TokenSourceOptions, 'issuer'>) =>
    decodeJwt((await sourceFor(options).token()).access_token);

  test.each(['client_secret_basic', 'client_secret_post'] as const)('with %s', async (method) => {
    const client = { id: loop.machine.client_id, secret: loop.machine.client_secret, method };
    const token = await sourceFor({ client, scope: ['orders:read'] }).token();
    expect(token).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' });
    expect(decodeJwt(token.access_token)).toMatchObject({ client_id: client.id, exp: token.expires_at });
  });

  test.each(['ES256', 'PS256', 'EdDSA'] as const)(
    'with a private key for %s, as a CryptoKey, a JWK or a PEM',
    async (alg) => {
      const { pair, registration } = await newKey(alg);
      const { client_id: id } = await loop.registerMachine(registration);
      const jwk = { ...(await exportJWK(pair.privateKey)), kid: '2026-11' };
      for (const key of [pair.privateKey, jwk, await exportPKCS8(pair.privateKey), async () => jwk]) {
        expect(await claimsOf({ client: { id, key, alg } })).toMatchObject({ client_id: id });
      }
    },
  );

  test.each([-600_000, 600_000])('with a private key, though the clock of the machine is %i ms off', async (off) => {
    const { pair, registration } = await newKey('ES256');
    const { client_id: id } = await loop.registerMachine(registration);
    // Cloudflare adds the `Date`, which the local runtime does not.
    const dated: Fetch = async (input, init) => {
      const response = await fetch(input, init);
      const headers = new Headers(response.headers);
      headers.set('Date', new Date(performance.timeOrigin + performance.now()).toUTCString());
      return new Response(response.body, { status: response.status, headers });
    };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + off });
    try {
      const client = { id, key: pair.privateKey };
      expect(await claimsOf({ client, dpop: true, fetch: dated })).toMatchObject({
        client_id: id,
        cnf: { jkt: expect.any(String) },
      });
    } finally {
      vi.useRealTimers();
    }
  });

  test('with DPoP, though the server requires a nonce', async () => {
    const fields = { dpop_bound_access_tokens: true, dpop_nonce_required: true };
    const { client_id: id, client_secret: secret } = await loop.registerMachine(fields);
    const source = sourceFor({ client: { id, secret }, dpop: true });
    const token = await source.token();
    expect(token.token_type).toBe('DPoP');
    expect(decodeJwt(token.access_token)).toMatchObject({ cnf: { jkt: expect.any(String) } });
    const other = await source.token({ replaces: token.access_token });
    expect(decodeJwt(other.access_token).cnf).toEqual(decodeJwt(token.access_token).cnf);
  });

  test('with the token of a workload, from a file that is replaced, with and without its id', async () => {
    const platform = await generateKeyPair('ES256', { extractable: true });
    const subject = randomUUID();
    const issuer = 'https://platform.example';
    const identity = {
      issuer,
      subject,
      jwks: { keys: [{ ...(await exportJWK(platform.publicKey)), kid: 'one', alg: 'ES256' }] },
    };
    const { client_id: id } = await loop.registerMachine({
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: [identity],
    });
    const token = (expiresIn: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(loop.edgemint.issuer)
        .setIssuedAt()
        .setExpirationTime(expiresIn)
        .sign(platform.privateKey);
    const file = join(folder, 'token');
    await writeFile(file, `${await token('10m')}\n`);
    for (const client of [
      { id, token: kubernetes(file) },
      { token: spiffe(file) },
      { token: fileToken(file), grant: 'jwt-bearer' as const },
    ]) {
      expect(await claimsOf({ client })).toMatchObject({ client_id: id });
    }
    const source = sourceFor({ client: { id, token: fileToken(file) } });
    const { access_token } = await source.token();
    await writeFile(file, await token('-10m'));
    await expect(source.token({ replaces: access_token })).rejects.toMatchObject({
      code: 'invalid_client',
      status: 401,
    });
  });

  test('once for several processes, through files', async () => {
    const client = { id: loop.machine.client_id, secret: loop.machine.client_secret };
    const directory = join(folder, 'tokens');
    const sources = Array.from({ length: 10 }, () => sourceFor({ client, store: fileStore(directory) }));
    const tokens = await Promise.all(sources.map((source) => source.token()));
    expect(new Set(tokens.map(({ access_token }) => access_token)).size).toBe(1);
    const [file, ...others] = await readdir(directory);
    expect(others).toEqual([]);
    expect((await stat(join(directory, file ?? ''))).mode & 0o777).toBe(0o600);
  });

  test('after its rate limit permits it, and not a second earlier', async () => {
    const { client_id: id, client_secret: secret } = await loop.registerMachine({
      rate_limit: { per_minute: 60, burst: 1 },
    });
    const client = { id, secret };
    await sourceFor({ client }).token();
    const failures: TokenSourceEvent[] = [];
    const onEvent = (event: TokenSourceEvent) => void (event.type === 'failure' && failures.push(event));
    await sourceFor({ client, onEvent }).token();
    for (const failure of failures) {
      expect(failure).toMatchObject({ error: { code: 'slow_down', status: 429, requestId: expect.any(String) } });
    }
    expect(failures.length).toBeLessThanOrEqual(1);
  });

  test('and none with a wrong secret: the error has the code, the status and the request id', async () => {
    const source = sourceFor({ client: { id: loop.machine.client_id, secret: 'wrong' } });
    const error = { code: 'invalid_client', status: 401, requestId: expect.stringMatching(/./), isTemporary: false };
    await expect(source.token()).rejects.toMatchObject(error);
  });
});

test('a lease of files ends with its holder, and belongs to one holder', async () => {
  const store = fileStore(join(folder, 'leases'));
  expect(await store.acquire?.('a', 'me', 60_000)).toBe(true);
  expect(await store.acquire?.('a', 'you', 60_000)).toBe(false);
  expect(await store.acquire?.('a', 'me', 60_000)).toBe(true);
  await store.release?.('a', 'you');
  expect(await store.acquire?.('a', 'you', 60_000)).toBe(false);
  await store.release?.('a', 'me');
  expect(await store.acquire?.('a', 'you', 60_000)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await store.acquire?.('a', 'me', 10)).toBe(true);
  expect(await store.get('nothing')).toBeUndefined();
});

test('Redis keeps one token for several processes, and its lease belongs to one holder', async ({ skip }) => {
  const isThere = ['/usr/bin/redis-server', '/usr/bin/redis-cli'].every((program) => existsSync(program));
  if (!isThere) {
    console.warn('NOT TESTED: redisStore with Redis. Install it: apt-get install redis-server redis-tools.');
    skip();
  }
  const port = String(await freePort());
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = spawn('/usr/bin/redis-server', args, { stdio: 'ignore', cwd: folder });
  try {
    const command = async (words: string[]) => {
      const { stdout } = await execute('/usr/bin/redis-cli', ['-h', '127.0.0.1', '-p', port, ...words]);
      const answer = stdout.trimEnd();
      // It prints an empty line for nothing.
      return answer === '' ? null : answer;
    };
    await vi.waitFor(async () => expect(await command(['PING'])).toBe('PONG'));
    const store = redisStore(command);
    const client = { id: loop.machine.client_id, secret: loop.machine.client_secret };
    const issuer = loop.edgemint.issuer;
    const sources = Array.from({ length: 5 }, () => tokenSource({ issuer, client, resource: RESOURCE, store }));
    const tokens = await Promise.all(sources.map((source) => source.token()));
    expect(new Set(tokens.map(({ access_token }) => access_token)).size).toBe(1);
    const [key = '', ...others] = String(await command(['KEYS', '*'])).split('\n');
    expect(others).toEqual([]);
    expect(Number(await command(['TTL', key]))).toBeGreaterThan(3500);

    expect(await store.get('nothing')).toBeUndefined();
    expect(await store.acquire?.('a', 'me', 60_000)).toBe(true);
    expect(await store.acquire?.('a', 'you', 60_000)).toBe(false);
    await store.release?.('a', 'you');
    expect(await store.acquire?.('a', 'you', 60_000)).toBe(false);
    expect(await store.acquire?.('a', 'me', 50)).toBe(true);
    await vi.waitFor(async () => expect(await store.acquire?.('a', 'you', 60_000)).toBe(true));
    await store.release?.('a', 'you');
    expect(await store.acquire?.('a', 'me', 60_000)).toBe(true);
  } finally {
    redis.kill();
  }
});

/** Starts an API that requires a token with the scope of its query. */
async function protectedBy(orders: Verifier): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(async (message, response) => {
    const url = new URL(message.url ?? '/', addressOf(server));
    const request = new Request(url, { method: message.method ?? 'GET', headers: message.headers as HeadersInit });
    const answer = await orders
      .authenticate(request, { scope: url.searchParams.get('scope') ?? 'orders:read' })
      .then(({ client_id, scopes }) => Response.json({ client_id, scopes }))
      .catch((error: VerificationError) => error.toResponse());
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: addressOf(server), close: async () => void server.close() };
}

test.each([false, true])(
  'oidc-provider, unmodified, issues tokens to a source, and a verifier accepts them (DPoP: %s)',
  async (dpop) => {
    const client = { id: 'machine', secret: 'a-secret-of-the-machine' };
    const port = await freePort();
    const program = join(ROOT, 'test/bench/oidc-server.ts');
    const server = fork(program, [String(port), client.id, client.secret, RESOURCE, 'orders:read'], {
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      await once(server, 'message');
      const issuer = `http://127.0.0.1:${port}`;
      const source = tokenSource({ issuer, client, resource: RESOURCE, scope: 'orders:read', dpop });
      const tokens = await Promise.all(Array.from({ length: 50 }, () => source.token()));
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]?.token_type).toBe(dpop ? 'DPoP' : 'Bearer');
      expect(decodeJwt(tokens[0]?.access_token ?? '')).toMatchObject({
        iss: issuer,
        aud: RESOURCE,
        scope: 'orders:read',
      });
      const orders = verifier({ issuer, audience: RESOURCE, dpop: { required: dpop } });
      const { url, close } = await protectedBy(orders);
      const response = await source.fetch(`${url}/orders`);
      expect([response.status, await response.json()]).toEqual([
        200,
        { client_id: client.id, scopes: ['orders:read'] },
      ]);
      const unscoped = await source.fetch(`${url}/orders?scope=orders:write`);
      expect(unscoped.status).toBe(403);
      const elsewhere = verifier({ issuer, audience: 'https://billing.example.com' });
      await expect(elsewhere.verify(tokens[0]?.access_token ?? '')).rejects.toMatchObject({ status: 401 });
      await close();
      const wrong = tokenSource({ issuer, client: { ...client, secret: 'wrong' }, resource: RESOURCE });
      await expect(wrong.token()).rejects.toMatchObject({ code: 'invalid_client', isTemporary: false });
    } finally {
      server.kill();
    }
  },
);

/** Compiles a folder as strictly as TypeScript can. @returns what it complains of */
async function compiled(project: string): Promise<string> {
  const typeRoots = [join(ROOT, 'node_modules/@types')];
  const options = { strict: true, module: 'nodenext', target: 'es2022', lib: ['es2022'], noEmit: true };
  const compilerOptions = { ...options, types: ['node'], typeRoots };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await execute(process.execPath, [tsc, '-p', project]).catch((error) => error);
  return stdout;
}

async function newToken(): Promise<string> {
  const { issuer } = loop.edgemint;
  const source = tokenSource({ issuer, client: { id: loop.machine.client_id, secret: loop.machine.client_secret } });
  return (await source.token()).access_token;
}

async function revokeToken(token: string): Promise<void> {
  const { client_id, client_secret } = loop.machine;
  const headers = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
  const body = new URLSearchParams({ token });
  expect((await fetch(`${loop.edgemint.issuer}/oauth2/revoke`, { method: 'POST', headers, body })).status).toBe(200);
}

describe('the samples of docs/check-tokens.md', () => {
  test('compile', async () => {
    const project = join(withFrameworks, 'page');
    await mkdir(project);
    const blocks = samples('ts', checking);
    expect(blocks.length).toBeGreaterThan(3);
    await Promise.all(blocks.map((block, index) => writeFile(join(project, `sample-${index}.ts`), block)));
    expect(await compiled(project)).toBe('');
  });

  const ASK = `
    const ask = async (token: string) => (await handle(new Request('http://127.0.0.1/orders', { headers: { Authorization: 'Bearer ' + token } }))).status;
    const [good, revoked] = process.argv.slice(2);
    console.log(JSON.stringify([await ask(good), await ask(revoked), await ask('garbage')]));`;

  test.each([
    ['five lines', 0, 'const handle = (request: Request) => app.fetch(request);'],
    ['code without a framework', 1, ''],
  ])('check a token in %s, and see its revocation by the feed', async (name, index, adapter) => {
    const program = join(withFrameworks, `check-${index}.mts`);
    await writeFile(program, `${samples('ts', checking)[index]}${adapter}${ASK}`);
    const [good, revoked] = await Promise.all([newToken(), newToken()]);
    await revokeToken(revoked);
    const outcomes = async () => {
      const { stdout } = await execute(process.execPath, [program, good, revoked], { cwd: withFrameworks });
      return JSON.parse(stdout);
    };
    await vi.waitFor(async () => expect(await outcomes(), name).toEqual([200, 401, 401]), { timeout: 20_000 });
  });

  test('read the feed in Python', async ({ skip }) => {
    const python = '/usr/bin/python3';
    const isThere = await execute(python, ['-c', 'import jwt, cryptography']).catch(() => undefined);
    if (!isThere) {
      console.warn('NOT TESTED: PyJWT. Install it: apt-get install python3-jwt python3-cryptography.');
      skip();
    }
    const tokens = await Promise.all([newToken(), newToken()]);
    await revokeToken(tokens[1] ?? '');
    const use = `
import json, sys
poll()
print(json.dumps([is_revoked(jwt.decode(token, options={"verify_signature": False})) for token in sys.argv[1:]] + [is_stale()]))
`;
    await writeFile(join(folder, 'feed.py'), `${samples('python', checking)[0]}${use}`);
    const seen = async () => JSON.parse((await execute(python, ['feed.py', ...tokens], { cwd: folder })).stdout);
    await vi.waitFor(async () => expect(await seen()).toEqual([false, true, false]), { timeout: 20_000 });
  });
});

describe('the samples of docs/get-tokens.md', () => {
  beforeAll(async () => {
    await symlink(join(ROOT, 'node_modules/undici'), join(folder, 'node_modules/undici'));
  });

  const credentials = () => ({ CLIENT_ID: loop.machine.client_id, CLIENT_SECRET: loop.machine.client_secret });

  async function output(program: string, args: string[], env: Record<string, string>): Promise<string> {
    return (await execute(program, args, { cwd: folder, env: { ...process.env, ...env } })).stdout;
  }

  test('compile', async () => {
    const project = join(folder, 'page');
    await mkdir(project);
    const blocks = samples('ts');
    expect(blocks.length).toBeGreaterThan(4);
    await Promise.all(blocks.map((block, index) => writeFile(join(project, `sample-${index}.ts`), block)));
    expect(await compiled(project)).toBe('');
  });

  test('get a token in five lines', async () => {
    const use = 'console.log(await orders.text());';
    await writeFile(join(folder, 'five-lines.mts'), `${samples('ts')[0]}${use}`);
    const answer = JSON.parse(await output(process.execPath, ['five-lines.mts'], credentials()));
    expect(answer).toEqual({ scheme: 'Bearer' });
  });

  test('get a token for production, by a key and bound to another', async () => {
    const { pair, registration } = await newKey('ES256');
    const { client_id } = await loop.registerMachine(registration);
    const production = samples('ts').find((block) => block.includes('dpop: true')) ?? '';
    const use = 'console.log(JSON.stringify(await orders(AbortSignal.timeout(60_000))));';
    await writeFile(join(folder, 'production.mts'), `${production}${use}`);
    const PRIVATE_JWK = JSON.stringify(await exportJWK(pair.privateKey));
    const answer = await output(process.execPath, ['production.mts'], { CLIENT_ID: client_id, PRIVATE_JWK });
    expect(JSON.parse(answer)).toEqual({ scheme: 'DPoP', nonce: 'of-the-api' });
  });

  test('get a token in Go', async ({ skip }) => {
    const sources = '/usr/share/gocode/src';
    if (!existsSync(join(sources, 'golang.org/x/oauth2'))) {
      console.warn('NOT TESTED: x/oauth2. Install it: apt-get install golang-go golang-golang-x-oauth2-dev.');
      skip();
    }
    await mkdir(join(folder, 'go'));
    await writeFile(join(folder, 'go/main.go'), samples('go')[0] ?? '');
    const go = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', CGO_ENABLED: '0' };
    await output('go', ['build', '-o', 'go/program', 'go/main.go'], go);
    const answer = await output(join(folder, 'go/program'), [], credentials());
    expect(JSON.parse(answer)).toEqual({ scheme: 'Bearer' });
  });

  test('get a token in Python', async ({ skip }) => {
    const python = '/usr/bin/python3';
    const isThere = await execute(python, ['-c', 'import authlib.jose, requests']).catch(() => undefined);
    if (!isThere) {
      console.warn('NOT TESTED: Authlib. Install it: apt-get install python3-authlib python3-requests.');
      skip();
    }
    await writeFile(join(folder, 'client.py'), samples('python')[0] ?? '');
    expect(JSON.parse(await output(python, ['client.py'], credentials()))).toEqual({ scheme: 'Bearer' });
  });
});
