import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fastifyJwt from '@fastify/jwt';
import { JwtVerifier } from 'aws-jwt-verify';
import { auth } from 'express-oauth2-jwt-bearer';
import Fastify from 'fastify';
import buildGetJwks from 'get-jwks';
import { verifyWithJwks } from 'hono/jwt';
import {
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  type JSONWebKeySet,
  jwtVerify,
  SignJWT,
} from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../harness/worker.ts';
import { RESOURCE, type RegisteredClient, startLoop } from './management.ts';

// Runs the code of docs/verify-tokens.md with the libraries themselves, and clients of other languages. All of them share one Edgemint.

const loop = startLoop();
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const FOREIGN = fileURLToPath(new URL('foreign', import.meta.url));
const page = await readFile(new URL('../../docs/verify-tokens.md', import.meta.url), 'utf8');
const PYTHON = '/usr/bin/python3';
const APACHE = '/usr/sbin/apache2';
const APACHE_MODULES = '/usr/lib/apache2/modules';
const GO_SOURCES = '/usr/share/gocode/src';

const succeeds = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Whether the software is installed. Otherwise says by name what is not tested. */
function has(name: string, isThere: boolean, packages: string): boolean {
  if (!isThere) console.warn(`NOT TESTED: ${name}. Install it: apt-get install ${packages}.`);
  return isThere;
}

const hasGoOidc = has(
  'go-oidc and x/oauth2',
  ['github.com/coreos/go-oidc', 'golang.org/x/oauth2'].every((path) => existsSync(join(GO_SOURCES, path))) &&
    succeeds('go', 'version'),
  'golang-go golang-github-coreos-go-oidc-dev golang-golang-x-oauth2-dev',
);
const hasPyJwt = has('PyJWT', succeeds(PYTHON, '-c', 'import jwt, cryptography'), 'python3-jwt python3-cryptography');
const hasAuthlib = has(
  'Authlib',
  succeeds(PYTHON, '-c', 'import authlib.jose, requests'),
  'python3-authlib python3-requests',
);
const hasRuby = has(
  'oauth2 and openid_connect of Ruby',
  succeeds('ruby', '-e', "require 'oauth2'; require 'openid_connect'"),
  'ruby ruby-oauth2 ruby-openid-connect',
);
const hasApache = has(
  'mod_auth_openidc',
  existsSync(APACHE) && existsSync(join(APACHE_MODULES, 'mod_auth_openidc.so')) && succeeds('openssl', 'version'),
  'apache2-bin libapache2-mod-auth-openidc openssl',
);

/** Returns a block of code below a heading of the page, for the Edgemint of this test. */
function sample(heading: string, language: string, index = 0): string {
  const section = page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  const block = blocks[index]?.[1] ?? expect.unreachable(`There is no sample ${heading}.`);
  return block.replaceAll('https://auth.example.com', loop.edgemint.issuer);
}

let folder: string;
/** By name: a valid token, one without the scope, and tokens that no API of this identifier may accept. */
let tokens: Record<'right' | 'unscoped' | 'elsewhere' | 'forged' | 'strange' | 'garbage', string>;

async function manage<T = Record<string, string>>(method: string, path: string, fields?: object): Promise<T> {
  const response = await fetch(`${loop.edgemint.issuer}/v1/${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${loop.edgemint.rootApiKey}` },
    ...(fields && { body: JSON.stringify(fields) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as T;
}

async function tokenOf({ client_id, client_secret }: RegisteredClient, form: Record<string, string>): Promise<string> {
  const headers = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...form });
  const response = await fetch(`${loop.edgemint.issuer}/oauth2/token`, { method: 'POST', headers, body });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** Returns a token for another API, whose tokens are signed with this algorithm. */
async function tokenElsewhere(identifier: string, signing_alg = 'ES256'): Promise<string> {
  const { organization_id = '' } = await manage('GET', `clients/${loop.machine.client_id}`);
  const scopes = [{ name: 'orders:read' }];
  await manage('POST', 'resource-servers', { organization_id, identifier, name: identifier, scopes, signing_alg });
  const grants = [{ resource_server: identifier, scopes: ['orders:read'] }];
  const fields = { organization_id, client_name: identifier, grants };
  return tokenOf(await manage<RegisteredClient>('POST', 'clients', fields), {});
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgemint-verify-'));
  // Apache serves it as another user.
  await chmod(folder, 0o755);
  await symlink(MODULES, join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const right = await tokenOf(loop.machine, { scope: 'orders:read', resource: RESOURCE });
  const [header = '', , signature = ''] = right.split('.');
  const claims = decodeJwt(right);
  const more = Buffer.from(JSON.stringify({ ...claims, scope: 'orders:read orders:write' })).toString('base64url');
  const { privateKey } = await generateKeyPair('ES256');
  tokens = {
    right,
    unscoped: await tokenOf(loop.machine, { scope: 'orders:write', resource: RESOURCE }),
    elsewhere: await tokenElsewhere('https://stock.example.com'),
    forged: `${header}.${more}.${signature}`,
    strange: await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'another' })
      .sign(privateKey),
    garbage: 'x.y.z',
  };
});

let secureKeys: Server | undefined;

afterAll(async () => {
  secureKeys?.close();
  await rm(folder, { recursive: true });
});

/** Runs a program to its end, and returns what it prints. */
async function run(command: string, args: string[], env: Record<string, string> = {}, input = ''): Promise<string> {
  const child = execFile(command, args, { cwd: folder, env: { ...process.env, ...env } });
  child.stdin?.end(input);
  let [output, complaint] = ['', ''];
  child.stdout?.on('data', (text) => (output += text));
  child.stderr?.on('data', (text) => (complaint += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${complaint}`);
  return output;
}

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

/** Starts a server, asks it with each token and without one, and stops it. */
async function answersOf(start: (port: number) => Promise<ChildProcess>) {
  const port = await freePort();
  const server = await start(port);
  const ended = new Promise((resolve) => server.on('close', resolve));
  const ask = (token?: string) =>
    fetch(`http://127.0.0.1:${port}/orders`, {
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    });
  try {
    await vi.waitUntil(() => ask().catch(() => server.exitCode !== null));
    expect(server.exitCode).toBeNull();
    const answers = await Promise.all(Object.values(tokens).map(async (token) => (await ask(token)).status));
    const statuses = Object.fromEntries(Object.keys(tokens).map((name, index) => [name, answers[index]]));
    return { ...statuses, none: (await ask()).status, body: await (await ask(tokens.right)).text() };
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
}

const serve = (command: string, args: string[], port: number) =>
  spawn(command, args, { cwd: folder, env: { ...process.env, PORT: String(port) }, stdio: 'ignore' });

const REFUSED = { elsewhere: 401, forged: 401, strange: 401, garbage: 401, none: 401 };
const served = () => ({
  right: 200,
  unscoped: 403,
  ...REFUSED,
  body: expect.stringContaining(loop.machine.client_id),
});

/** Serves the keys over https. @returns the origin */
async function serveKeysSecurely(): Promise<string> {
  const [key, cert] = [join(folder, 'tls.key'), join(folder, 'tls.pem')];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert];
  await run('openssl', ['req', '-x509', '-subj', '/CN=127.0.0.1', ...made]);
  secureKeys = createServer({ key: await readFile(key), cert: await readFile(cert) }, async (request, response) => {
    const answer = await fetch(`${loop.edgemint.issuer}${request.url}`);
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => secureKeys?.listen(port, '127.0.0.1', resolve));
  return `https://127.0.0.1:${port}`;
}

describe('the sample', () => {
  test('of jose accepts only the right token', async () => {
    await write('jose.mts', sample('jose', 'ts'));
    const program = `import { verify } from './jose.mts';
      const tokens = ${JSON.stringify(Object.values(tokens))};
      const clients = tokens.map((token) => verify(token, 'orders:read').then((claims) => claims.client_id, () => null));
      console.log(JSON.stringify(await Promise.all(clients)));`;
    const clients = JSON.parse(await run(process.execPath, [await write('use-jose.mts', program)]));
    expect(clients).toEqual([loop.machine.client_id, null, null, null, null, null]);
  });

  test('of Hono accepts only the right token', async () => {
    await write('hono.mts', sample('Hono', 'ts'));
    const program = `import app from './hono.mts';
      const tokens = ${JSON.stringify([...Object.values(tokens), ''])};
      const ask = (token) => app.request('/orders', { headers: token === '' ? {} : { Authorization: 'Bearer ' + token } });
      const answers = await Promise.all(tokens.map(ask));
      console.log(JSON.stringify([...answers.map(({ status }) => status), await answers[0].json()]));`;
    const answers = JSON.parse(await run(process.execPath, [await write('use-hono.mts', program)]));
    expect(answers).toEqual([200, 403, 401, 401, 401, 401, 401, { client_id: loop.machine.client_id }]);
  });

  test.each([
    ['Express', 0, 'express-oauth2-jwt-bearer'],
    ['Express', 1, 'jsonwebtoken and jwks-rsa'],
    ['Fastify', 0, '@fastify/jwt and get-jwks'],
  ])('of %s (%i: %s) accepts only the right token', async (heading, index) => {
    const file = await write(`${heading}-${index}.js`, sample(heading, 'js', index));
    expect(await answersOf(async (port) => serve(process.execPath, [file], port))).toEqual(served());
  });

  test('of a Worker on the same zone fetches the keys through the binding', async () => {
    const file = await write('binding.mts', sample('A Worker on the same zone', 'ts'));
    const program = `import { jwtVerify } from 'jose';
      import { keysOf } from ${JSON.stringify(pathToFileURL(file))};
      const keys = keysOf({ EDGEMINT: { fetch: (url) => fetch(url) } });
      const { payload } = await jwtVerify(${JSON.stringify(tokens.right)}, keys);
      console.log(payload.client_id);`;
    const printed = await run(process.execPath, [await write('use-binding.mts', program)]);
    expect(printed.trim()).toBe(loop.machine.client_id);
  });

  for (const [heading, isThere] of [
    ['PyJWT', hasPyJwt],
    ['Authlib', hasAuthlib],
  ] as const) {
    test.skipIf(!isThere)(`of ${heading} accepts only the right token`, async () => {
      // A module must not have the name of the library.
      const name = `sample_${heading.toLowerCase()}`;
      await write(`${name}.py`, sample(heading, 'python'));
      const args = [await write('verify.py', await readFile(join(FOREIGN, 'verify.py'), 'utf8')), name];
      const [clients] = JSON.parse(await run(PYTHON, args, {}, JSON.stringify([Object.values(tokens)])));
      expect(clients).toEqual([loop.machine.client_id, null, null, null, null, null]);
    });
  }

  test.skipIf(!hasGoOidc)('of go-oidc accepts only the right token', async () => {
    // Debian has version 2.1, which has another path.
    const source = sample('Go', 'go').replace('go-oidc/v3/oidc', 'go-oidc');
    const program = await build('verify', source);
    expect(await answersOf(async (port) => serve(program, [], port))).toEqual(served());
  });

  test.skipIf(!hasApache)('of mod_auth_openidc accepts only the right token', async () => {
    await write('htdocs/orders', 'orders');
    const secure = await serveKeysSecurely();
    const answers = await answersOf(async (port) => {
      const lines = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'auth_openidc'].map(
        (name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`,
      );
      const configuration = [
        ...lines,
        `ServerRoot ${folder}`,
        'ServerName 127.0.0.1',
        `Listen 127.0.0.1:${port}`,
        `PidFile ${folder}/apache.pid`,
        `ErrorLog ${folder}/apache.log`,
        `DocumentRoot ${folder}/htdocs`,
        ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
        // It takes keys from https only. The certificate of this test is nobody's.
        'OIDCOAuthSSLValidateServer Off',
        sample('Apache: mod_auth_openidc', 'apache').replace(
          `${loop.edgemint.issuer}/.well-known`,
          `${secure}/.well-known`,
        ),
      ];
      return serve(APACHE, ['-f', await write('apache.conf', configuration.join('\n')), '-DFOREGROUND'], port);
    });
    expect(answers).toEqual({ right: 200, unscoped: 401, ...REFUSED, body: 'orders' });
  });
});

describe('the table of algorithms', () => {
  const ALGS = ['ES256', 'RS256', 'EdDSA'] as const;
  type Alg = (typeof ALGS)[number];
  const audienceOf = (alg: Alg) => `https://${alg.toLowerCase()}.example.com`;
  let signed: Record<Alg, string>;
  let keys: JSONWebKeySet;

  beforeAll(async () => {
    const [ES256, RS256, EdDSA] = await Promise.all(ALGS.map((alg) => tokenElsewhere(audienceOf(alg), alg)));
    signed = { ES256, RS256, EdDSA } as typeof signed;
    keys = (await (await fetch(jwksUri())).json()) as JSONWebKeySet;
  });

  const jwksUri = () => `${loop.edgemint.issuer}/.well-known/jwks.json`;

  /** Each throws if the library cannot verify the token. */
  const LIBRARIES: Record<string, (token: string, alg: Alg, rules: { issuer: string; audience: string }) => unknown> = {
    jose: (token, alg, rules) =>
      jwtVerify(token, createRemoteJWKSet(new URL(jwksUri())), { ...rules, algorithms: [alg] }),
    'hono `jwk`': (token, alg, { issuer, audience }) =>
      verifyWithJwks(token, {
        jwks_uri: jwksUri(),
        allowedAlgorithms: [alg],
        verification: { iss: issuer, aud: audience, typ: 'at+jwt' },
      }),
    'express-oauth2-jwt-bearer': (token, alg, { issuer, audience }) => {
      const check = auth({ issuerBaseURL: issuer, audience, tokenSigningAlg: alg, strict: true });
      const headers = { host: 'orders.example.com', authorization: `Bearer ${token}` };
      const get = (name: string) => headers[name.toLowerCase() as keyof typeof headers];
      const request = { method: 'GET', headers, get, protocol: 'https', url: '/', query: {}, is: () => false };
      return new Promise<void>((resolve, reject) => {
        check(request as never, {} as never, (error) => (error ? reject(error) : resolve()));
      });
    },
    '@fastify/jwt with get-jwks': async (token, alg, { issuer, audience }) => {
      const fastify = Fastify();
      const getJwks = buildGetJwks();
      fastify.register(fastifyJwt, {
        decode: { complete: true },
        // Its types do not know the second argument.
        secret: (async (_: unknown, { header: { kid } }: { header: { kid: string } }) =>
          getJwks.getPublicKey({ kid, alg, domain: issuer })) as never,
        verify: { allowedIss: issuer, allowedAud: audience, algorithms: [alg] },
      });
      fastify.get('/', { onRequest: (request) => request.jwtVerify() }, () => 'ok');
      const { statusCode } = await fastify.inject({ url: '/', headers: { authorization: `Bearer ${token}` } });
      if (statusCode !== 200) throw new Error(`${statusCode}`);
    },
    'jsonwebtoken with jwks-rsa': async (token, alg, rules) => {
      const { kid } = decodeProtectedHeader(token);
      const key = await new JwksClient({ jwksUri: jwksUri() }).getSigningKey(kid);
      jsonwebtoken.verify(token, key.getPublicKey(), { ...rules, algorithms: [alg as 'ES256'] });
    },
    // It fetches keys from https only, so it is given the whole set.
    'aws-jwt-verify': (token, _, rules) => {
      const verifier = JwtVerifier.create({ ...rules, jwksUri: 'https://auth.example.com/.well-known/jwks.json' });
      verifier.cacheJwks(keys as never);
      verifier.verifySync(token);
    },
  };

  /** Returns what the page says about each algorithm. */
  function row(library: string): (string | undefined)[] {
    const cells = page.split('\n').find((line) => line.startsWith(`| ${library} |`)) ?? expect.unreachable(library);
    return cells
      .split('|')
      .slice(2, 2 + ALGS.length)
      .map((cell) => cell.trim());
  }

  const yesOrNo = (isRead: boolean) => (isRead ? 'yes' : 'no');

  test.each(Object.keys(LIBRARIES))('is right about %s', async (library) => {
    const found = ALGS.map(async (alg) => {
      const rules = { issuer: loop.edgemint.issuer, audience: audienceOf(alg) };
      return yesOrNo(
        await Promise.resolve()
          .then(() => LIBRARIES[library]?.(signed[alg], alg, rules))
          .then(
            () => true,
            () => false,
          ),
      );
    });
    expect(await Promise.all(found)).toEqual(row(library));
  });

  for (const [library, isThere] of [
    ['PyJWT', hasPyJwt],
    ['Authlib', hasAuthlib],
  ] as const) {
    test.skipIf(!isThere)(`is right about ${library}`, async () => {
      const names = ALGS.map((alg) => `${library.toLowerCase()}_${alg}`);
      const sources = ALGS.map((alg) =>
        sample(library, 'python').replace('["ES256"]', `["${alg}"]`).replace(RESOURCE, audienceOf(alg)),
      );
      await Promise.all(names.map((name, index) => write(`${name}.py`, sources[index] ?? '')));
      const args = [await write('verify.py', await readFile(join(FOREIGN, 'verify.py'), 'utf8')), ...names];
      const clients = JSON.parse(await run(PYTHON, args, {}, JSON.stringify(ALGS.map((alg) => [signed[alg]]))));
      expect(clients.map(([client]: [string | null]) => yesOrNo(client !== null))).toEqual(row(library));
    });
  }

  test.skipIf(!hasRuby)('is right about json-jwt and ruby-jwt', async () => {
    const program = join(FOREIGN, 'algorithms.rb');
    const found = JSON.parse(await run('ruby', [program], {}, JSON.stringify({ keys, tokens: signed })));
    for (const library of ['json-jwt', 'ruby-jwt']) {
      expect([library, ALGS.map((alg) => yesOrNo(found[library][alg]))]).toEqual([library, row('json-jwt, ruby-jwt')]);
    }
  });
});

/** Builds a Go program with Debian's libraries. @returns its path */
async function build(name: string, source: string): Promise<string> {
  const file = await write(`${name}/main.go`, source);
  const environment = { GO111MODULE: 'off', GOPATH: dirname(GO_SOURCES), GOFLAGS: '', CGO_ENABLED: '0' };
  await run('go', ['build', '-o', join(folder, name, name), file], environment);
  return join(folder, name, name);
}

describe('a client of another language gets a token: ', () => {
  const settings = ({ client_id, client_secret }: RegisteredClient) => ({
    ISSUER: loop.edgemint.issuer,
    RESOURCE,
    CLIENT_ID: client_id,
    CLIENT_SECRET: client_secret,
  });

  test.skipIf(!hasGoOidc)('x/oauth2 of Go', async () => {
    const program = await build('client', await readFile(join(FOREIGN, 'client.go'), 'utf8'));
    const claims = decodeJwt(await run(program, [], settings(loop.machine)));
    expect(claims).toMatchObject({ client_id: loop.machine.client_id, scope: 'orders:read' });
  });

  test.skipIf(!hasAuthlib)('Authlib, by a secret', async () => {
    const claims = decodeJwt(await run(PYTHON, [join(FOREIGN, 'client.py')], settings(loop.machine)));
    expect(claims).toMatchObject({ client_id: loop.machine.client_id, scope: 'orders:read' });
  });

  test.skipIf(!hasAuthlib)('Authlib, by a key', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const client = await loop.registerMachine({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [await exportJWK(publicKey)] },
      // Authlib names the token endpoint as audience, and its assertions live an hour.
      assertion_audience: 'issuer_or_token_endpoint',
      assertion_lifetime_max: 3600,
    });
    const env = { ...settings(client), CLIENT_SECRET: '', PRIVATE_KEY: await exportPKCS8(privateKey) };
    const claims = decodeJwt(await run(PYTHON, [join(FOREIGN, 'client.py')], env));
    expect(claims).toMatchObject({ client_id: client.client_id, scope: 'orders:read' });
  });

  test.skipIf(!hasRuby)('oauth2 of Ruby, and openid_connect verifies it by discovery', async () => {
    const printed = await run('ruby', [join(FOREIGN, 'client.rb')], settings(loop.machine));
    const claims = { iss: loop.edgemint.issuer, client_id: loop.machine.client_id, scope: 'orders:read' };
    expect(JSON.parse(printed)).toMatchObject({ issuer: loop.edgemint.issuer, claims: [claims, claims] });
  });
});
