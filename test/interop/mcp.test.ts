import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as v2 from '@modelcontextprotocol/client';
import { discoverAuthorizationServerMetadata } from '@modelcontextprotocol/sdk/client/auth.js';
import {
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StaticPrivateKeyJwtProvider,
} from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { decodeJwt, exportJWK, exportPKCS8, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Person } from '../e2e/cli/person.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';

// Runs the code and the commands of docs/mcp.md: real MCP servers, and the official clients as npm has them.

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const EXAMPLE = 'https://mcp.example.com/mcp';
const page = await readFile(new URL('../../docs/mcp.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
}

const [verify, guard, server, express, client, bySecret, byKey, byPlatform, byBoundKey, boundGuard] = blocks('ts');

/** The arguments of the commands of the page, in their order. */
const commands = blocks('sh')
  .flatMap((block) => block.replaceAll('\\\n', '').split('\n'))
  .filter((line) => line.startsWith('npx edgemint '))
  .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '').slice(2));
const [createResourceServer = [], createClient = [], createKeyClient = [], createBoundClient = []] = commands;

interface Server {
  readonly url: URL;
  /** The identifier of its resource server. */
  readonly resource: string;
  /** The id of its resource server. */
  readonly id: string;
}

type Files = Readonly<Record<string, string | undefined>>;
type Created = { client_id: string; client_secret: string };

const folders: string[] = [];
const processes: ChildProcess[] = [];
let edgemint: RunningEdgemint;
let person: Person;
/** The MCP servers of the page: of either SDK, with DPoP, and one whose resource server is its host. */
let servers: Readonly<Record<'sdk 1' | 'sdk 2' | 'bound' | 'host', Server>>;

beforeAll(async () => {
  edgemint = await startEdgemint();
  person = await Person.arrive({ EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey });
  const { id } = await person.json<{ id: string }>(['organizations', 'create', '--name', 'Agents']);
  person.env.EDGEMINT_ORGANIZATION = id;
  const express1 = { 'verify.mts': verify, 'express-server.mts': express };
  const fetch2 = { 'verify.mts': verify, 'server.mts': server };
  const [sdk1, sdk2, bound, host] = await Promise.all([
    startServer('express-server.mts', express1),
    startServer('server.mts', { ...fetch2, 'guard.mts': guard }),
    startServer('server.mts', { ...fetch2, 'guard.mts': boundGuard }),
    startServer('express-server.mts', express1, ''),
  ]);
  servers = { 'sdk 1': sdk1, 'sdk 2': sdk2, bound, host };
});

afterAll(async () => {
  for (const child of processes) child.kill();
  await edgemint?.stop();
  await person?.leave();
  for (const folder of folders) await rm(folder, { recursive: true });
});

/** Writes files to a new folder, in which Node finds the packages. */
async function newFolder(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'edgemint-mcp-'));
  folders.push(folder);
  await symlink(MODULES, join(folder, 'node_modules'));
  for (const [name, text = ''] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** Starts an MCP server of the page in its own process, and registers its resource server, as the page says. */
async function startServer(main: string, files: Files, path = '/mcp'): Promise<Server> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const resource = `${origin}${path}`;
  const { id } = await edgemintCommand<{ id: string }>(createResourceServer, resource);
  const env = { ...process.env, ISSUER: edgemint.issuer, RESOURCE: resource, PORT: String(port) };
  const child = spawn(process.execPath, [main], {
    cwd: await newFolder(files),
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  const isListening = await Promise.race([
    once(createInterface(child.stdout), 'line').then(() => true),
    once(child, 'exit').then(() => false),
  ]);
  if (!isListening) throw new Error(`${main} ended before it listened.`);
  return { url: new URL(`${origin}/mcp`), resource, id };
}

/** Runs a command of the page, for another resource server than the page's, and under a name that is not taken. */
function edgemintCommand<T = Created>(args: readonly string[], resource: string): Promise<T> {
  const own = args.map((arg, index) =>
    args[index - 1] === '--name' ? `${arg} ${crypto.randomUUID()}` : arg.replace(EXAMPLE, resource),
  );
  return person.json<T>(own);
}

/** Creates a client that has a key, by a command of the page. */
async function createWithKey(args: readonly string[], resource: string, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const file = person.file(`${crypto.randomUUID()}.json`);
  await writeFile(file, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: '1' }] }));
  const created = await edgemintCommand(
    args.map((arg) => (arg === 'public.json' ? file : arg)),
    resource,
  );
  return { ...created, privateKey };
}

const PLATFORM = { issuer: 'https://kubernetes.example.com', subject: 'system:serviceaccount:agents:nightly' };

/** Creates a client that trusts a platform. @returns it, and a token of the platform */
async function createWorkload({ resource }: Server) {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const subject = `${PLATFORM.subject}-${crypto.randomUUID()}`;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'of the platform' }] };
  const file = person.file(`${crypto.randomUUID()}.json`);
  const grants = [{ resource_server: resource, scopes: ['reports:read'] }];
  const federated_identities = [{ ...PLATFORM, subject, jwks }];
  const body = { client_name: subject, token_endpoint_auth_method: 'federated_jwt', federated_identities, grants };
  await writeFile(file, JSON.stringify(body));
  const { client_id } = await person.json<Created>(['clients', 'create', '--from', file]);
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', kid: 'of the platform' })
    .setIssuer(PLATFORM.issuer)
    .setSubject(subject)
    .setAudience(edgemint.issuer)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  return { client_id, token };
}

/** Runs the client of the page with a provider of the page, in its own process. @returns what the tool answers */
async function runClient(
  provider: string | undefined,
  { url }: Server,
  env: Record<string, string>,
  files: Files = {},
) {
  const cwd = await newFolder({ 'client.mts': client, 'provider.mts': provider, ...files });
  const options = { cwd, env: { ...process.env, ISSUER: edgemint.issuer, MCP_URL: url.href, ...env } };
  return JSON.parse((await promisify(execFile)(process.execPath, ['client.mts'], options)).stdout);
}

const reportFor = (client_id: string) => [{ type: 'text', text: `sales for ${client_id}` }];

describe('the code of the page', () => {
  test.each(['sdk 1', 'sdk 2', 'host'] as const)('calls a tool with a secret: server %s', async (name) => {
    const { client_id, client_secret } = await edgemintCommand(createClient, servers[name].resource);
    const env = { CLIENT_ID: client_id, CLIENT_SECRET: client_secret };
    expect(await runClient(bySecret, servers[name], env)).toEqual(reportFor(client_id));
  });

  test('calls a tool with a key', async () => {
    const { client_id, privateKey } = await createWithKey(createKeyClient, servers['sdk 2'].resource);
    const files = { 'key.pem': await exportPKCS8(privateKey) };
    expect(await runClient(byKey, servers['sdk 2'], { CLIENT_ID: client_id }, files)).toEqual(reportFor(client_id));
  });

  test('calls a tool with the token of a platform', async () => {
    const { client_id, token } = await createWorkload(servers['sdk 2']);
    const files = { token: `${token}\n` };
    expect(await runClient(byPlatform, servers['sdk 2'], { CLIENT_ID: client_id }, files)).toEqual(
      reportFor(client_id),
    );
  });

  test('calls a tool with a bound token, for which a nonce is required', async () => {
    const { client_id, privateKey } = await createWithKey(createBoundClient, servers.bound.resource);
    const files = { 'key.pem': await exportPKCS8(privateKey) };
    expect(await runClient(byBoundKey, servers.bound, { CLIENT_ID: client_id }, files)).toEqual(reportFor(client_id));
  });
});

describe('the server', () => {
  const challengeOf = async ({ url }: Server, headers: Record<string, string> = {}) => {
    const response = await fetch(url, { method: 'POST', headers });
    return { status: response.status, challenge: response.headers.get('WWW-Authenticate') ?? '' };
  };

  test.each([
    ['sdk 1', /^Bearer /, undefined],
    ['sdk 2', /^Bearer /, 'reports:read'],
    ['bound', /^DPoP /, 'reports:read'],
  ] as const)(
    'V1: %s answers 401 to a request without a token, and says where to get one',
    async (name, scheme, scope) => {
      const { status, challenge } = await challengeOf(servers[name]);
      expect([status, challenge]).toEqual([401, expect.stringMatching(scheme)]);
      expect(/ scope="([^"]*)"/.exec(challenge)?.[1]).toBe(scope);
      const metadataUrl = /resource_metadata="([^"]*)"/.exec(challenge)?.[1] ?? '';
      const metadata = await (await fetch(metadataUrl)).json();
      const { resource } = servers[name];
      expect(metadata).toMatchObject({ resource, authorization_servers: [edgemint.issuer] });
      expect(metadata).toMatchObject({ scopes_supported: ['reports:read', 'reports:write'] });
    },
  );

  test('refuses the token of another server, and one that is not from here', async () => {
    const created = await edgemintCommand(createClient, servers['sdk 1'].resource);
    const authorization = { Authorization: `Bearer ${await tokenOf(created)}` };
    expect((await challengeOf(servers['sdk 1'], authorization)).status).not.toBe(401);
    expect((await challengeOf(servers['sdk 2'], authorization)).status).toBe(401);
    for (const text of ['x', 'a.b.c', '']) {
      expect((await challengeOf(servers['sdk 2'], { Authorization: `Bearer ${text}` })).status).toBe(401);
    }
  });

  test('refuses a bound token without its proof, one whose proof was used, and an unbound one', async () => {
    const both = [...createClient, '--grant', `${servers['sdk 2'].resource} reports:read`];
    const created = await edgemintCommand(both, servers.bound.resource);
    const session = await v2.DpopSession.create();
    const endpoint = `${edgemint.issuer}/oauth2/token`;
    const proof = await session.buildProof({ htm: 'POST', htu: endpoint });
    const accessToken = await tokenOf(created, { resource: servers.bound.resource }, { DPoP: proof });

    const { url } = servers.bound;
    const own = await session.buildProof({ htm: 'POST', htu: url, accessToken });
    const presented = { Authorization: `DPoP ${accessToken}`, DPoP: own };
    expect((await challengeOf(servers.bound, presented)).status).not.toBe(401);
    expect((await challengeOf(servers.bound, presented)).status).toBe(401);
    expect((await challengeOf(servers.bound, { Authorization: `DPoP ${accessToken}` })).status).toBe(401);
    expect((await challengeOf(servers.bound, { Authorization: `Bearer ${accessToken}` })).status).toBe(401);
    const stranger = await (await v2.DpopSession.create()).buildProof({ htm: 'POST', htu: url, accessToken });
    expect((await challengeOf(servers.bound, { ...presented, DPoP: stranger })).status).toBe(401);

    const unbound = await tokenOf(created, { resource: servers.bound.resource });
    expect((await challengeOf(servers.bound, { Authorization: `Bearer ${unbound}` })).status).toBe(401);
    const again = await session.buildProof({ htm: 'POST', htu: endpoint });
    const boundToken = await tokenOf(created, { resource: servers['sdk 2'].resource }, { DPoP: again });
    expect((await challengeOf(servers['sdk 2'], { Authorization: `Bearer ${boundToken}` })).status).toBe(401);
  });
});

async function tokenOf({ client_id, client_secret }: Created, more = {}, headers = {}): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret, ...more });
  const response = await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', headers, body });
  const { access_token } = (await response.json()) as { access_token?: string };
  if (access_token === undefined) throw new Error(`The token request was answered ${response.status}.`);
  return access_token;
}

/** The two SDKs. Their providers have the same names and options. */
const SDKS = {
  '@modelcontextprotocol/sdk': {
    providers: { ClientCredentialsProvider, PrivateKeyJwtProvider, StaticPrivateKeyJwtProvider },
    async connect(url: URL, authProvider: never, fetch: Fetch) {
      const connected = new Client({ name: 'test', version: '1.0.0' });
      await connected.connect(new StreamableHTTPClientTransport(url, { authProvider, fetch }) as never);
      return connected;
    },
  },
  '@modelcontextprotocol/client': {
    providers: {
      ClientCredentialsProvider: v2.ClientCredentialsProvider,
      PrivateKeyJwtProvider: v2.PrivateKeyJwtProvider,
      StaticPrivateKeyJwtProvider: v2.StaticPrivateKeyJwtProvider,
    },
    async connect(url: URL, authProvider: never, fetch: Fetch) {
      const connected = new v2.Client({ name: 'test', version: '1.0.0' });
      await connected.connect(new v2.StreamableHTTPClientTransport(url, { authProvider, fetch }));
      return connected;
    },
  },
} as const;

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;
type Sdk = keyof typeof SDKS;
type ProviderName = keyof (typeof SDKS)[Sdk]['providers'];
const SDK_NAMES = Object.keys(SDKS) as Sdk[];

const newProvider = (sdk: Sdk, name: ProviderName, options: object): object =>
  Reflect.construct(SDKS[sdk].providers[name], [options]);

interface TokenRequest {
  readonly form: URLSearchParams;
  readonly status: number;
  /** The claims of the token; undefined if the request was refused. */
  readonly claims: JWTPayload | undefined;
}

/** Connects the client of an SDK to a server, and records its token requests. */
async function connect(sdk: Sdk, { url }: Server, provider: object) {
  const tokenRequests: TokenRequest[] = [];
  const recorded: Fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (String(input).endsWith('/oauth2/token')) {
      const { access_token } = (await response.clone().json()) as { access_token?: string };
      const claims = access_token === undefined ? undefined : decodeJwt(access_token);
      tokenRequests.push({ form: new URLSearchParams(String(init?.body)), status: response.status, claims });
    }
    return response;
  };
  const connected = await SDKS[sdk].connect(url, provider as never, recorded);
  const callTool = async (name: string) => await connected.callTool({ name, arguments: { name: 'sales' } });
  return { callTool, tokenRequests, close: () => connected.close() };
}

/** Connects a client with a secret. */
function connectWithSecret(sdk: Sdk, to: Server, { client_id, client_secret }: Created, more = {}) {
  const options = { clientId: client_id, clientSecret: client_secret, expectedIssuer: edgemint.issuer, ...more };
  return connect(sdk, to, newProvider(sdk, 'ClientCredentialsProvider', options));
}

describe.each(SDK_NAMES)('%s, by discovery alone,', (sdk) => {
  describe.each(['sdk 1', 'sdk 2'] as const)('at a server of %s,', (name) => {
    const callsWith = async (provider: ProviderName, clientId: string, options: object) => {
      const authProvider = newProvider(sdk, provider, { clientId, expectedIssuer: edgemint.issuer, ...options });
      const { callTool, tokenRequests, close } = await connect(sdk, servers[name], authProvider);
      expect((await callTool('read_report')).content).toEqual(reportFor(clientId));
      expect((await callTool('read_report')).content).toEqual(reportFor(clientId));
      await close();
      const { resource } = servers[name];
      expect(tokenRequests).toEqual([
        {
          form: expect.anything(),
          status: 200,
          claims: expect.objectContaining({ aud: resource, scope: 'reports:read' }),
        },
      ]);
      expect(tokenRequests[0]?.form.get('resource')).toBe(resource);
    };

    test('ClientCredentialsProvider', async () => {
      const { client_id, client_secret } = await edgemintCommand(createClient, servers[name].resource);
      await callsWith('ClientCredentialsProvider', client_id, { clientSecret: client_secret });
    });

    test.each(['ES256', 'RS256', 'PS256'])('PrivateKeyJwtProvider, with a PEM for %s', async (algorithm) => {
      const { client_id, privateKey } = await createWithKey(createKeyClient, servers[name].resource, algorithm);
      await callsWith('PrivateKeyJwtProvider', client_id, { privateKey: await exportPKCS8(privateKey), algorithm });
    });

    test('PrivateKeyJwtProvider, with a JWK for EdDSA', async () => {
      const { client_id, privateKey } = await createWithKey(createKeyClient, servers[name].resource, 'EdDSA');
      const options = { privateKey: await exportJWK(privateKey), algorithm: 'EdDSA' };
      await callsWith('PrivateKeyJwtProvider', client_id, options);
    });

    test('StaticPrivateKeyJwtProvider, with an assertion of the client', async () => {
      const { client_id, privateKey } = await createWithKey(createKeyClient, servers[name].resource);
      const assertion = new SignJWT({ jti: crypto.randomUUID() }).setProtectedHeader({ alg: 'ES256' });
      assertion.setIssuer(client_id).setSubject(client_id).setAudience(edgemint.issuer).setExpirationTime('2m');
      const jwtBearerAssertion = await assertion.sign(privateKey);
      await callsWith('StaticPrivateKeyJwtProvider', client_id, { jwtBearerAssertion });
    });

    test('StaticPrivateKeyJwtProvider, with the token of a platform and no client_id', async () => {
      const { client_id, token } = await createWorkload(servers[name]);
      await callsWith('StaticPrivateKeyJwtProvider', client_id, { jwtBearerAssertion: token });
    });
  });

  test('asks for a host with a slash, and gets a token for the host as it is registered', async () => {
    const { resource } = servers.host;
    const created = await edgemintCommand(createClient, resource);
    const { callTool, tokenRequests, close } = await connectWithSecret(sdk, servers.host, created);
    expect((await callTool('read_report')).content).toEqual(reportFor(created.client_id));
    await close();
    expect(tokenRequests[0]?.form.get('resource')).toBe(`${resource}/`);
    expect(tokenRequests[0]?.claims?.aud).toBe(resource);
  });

  test('gets what is granted of more scopes than that, and no more', async () => {
    const created = await edgemintCommand(createClient, servers['sdk 1'].resource);
    const scope = 'reports:read reports:write';
    const { callTool, tokenRequests, close } = await connectWithSecret(sdk, servers['sdk 1'], created, { scope });
    expect((await callTool('read_report')).content).toEqual(reportFor(created.client_id));
    expect(await callTool('write_report')).toMatchObject({ isError: true });
    await close();
    expect(tokenRequests.map(({ form, claims }) => [form.get('scope'), claims?.scope])).toEqual([
      [scope, 'reports:read'],
    ]);
  });

  test('is refused if nothing of what it asks for is granted', async () => {
    const writer = createClient.map((arg) => arg.replace('reports:read', 'reports:write'));
    const created = await edgemintCommand(writer, servers['sdk 2'].resource);
    const connecting = connectWithSecret(sdk, servers['sdk 2'], created, { scope: 'reports:read' });
    await expect(connecting).rejects.toThrow(/^Not granted at .*: reports:read\.$/);
  });

  test('is told that there is no user flow if it wants a user to log in', async () => {
    const provider = {
      redirectUrl: 'http://127.0.0.1:1/callback',
      clientMetadata: { redirect_uris: ['http://127.0.0.1:1/callback'] },
      clientInformation: () => ({ client_id: 'emc_x', issuer: edgemint.issuer }),
      tokens: () => undefined,
      saveTokens: () => undefined,
      saveCodeVerifier: () => undefined,
      codeVerifier: () => '',
      redirectToAuthorization: () => expect.unreachable(),
    };
    await expect(connect(sdk, servers['sdk 2'], provider)).rejects.toThrow('does not support response type code');
  });
});

describe('@modelcontextprotocol/client', () => {
  const sdk = '@modelcontextprotocol/client';

  test('asks for all scopes that the server supports, and needs `narrow` to get those that are granted', async () => {
    const to = servers['sdk 1'];
    const created = await edgemintCommand(createClient, to.resource);
    const setPolicy = (policy: string) => person.json(['resource-servers', 'update', to.id, '--scope-policy', policy]);
    await setPolicy('exact');
    await expect(connectWithSecret(sdk, to, created)).rejects.toThrow(/Not granted at .*: reports:write\./);
    await setPolicy('narrow');
    const { callTool, tokenRequests, close } = await connectWithSecret(sdk, to, created);
    expect((await callTool('read_report')).content).toEqual(reportFor(created.client_id));
    await close();
    expect(tokenRequests[0]?.form.get('scope')).toBe('reports:read reports:write');
    expect(tokenRequests[0]?.claims?.scope).toBe('reports:read');
  });

  test('begins with the scope that the 401 names, and asks for more when a tool needs more', async () => {
    const to = servers['sdk 2'];
    const created = await edgemintCommand([...createClient, '--grant', `${EXAMPLE} reports:write`], to.resource);
    const { callTool, tokenRequests, close } = await connectWithSecret(sdk, to, created);
    expect((await callTool('read_report')).content).toEqual(reportFor(created.client_id));
    expect((await callTool('write_report')).content).toEqual([{ type: 'text', text: 'sales is written' }]);
    await close();
    expect(tokenRequests.map(({ claims }) => claims?.scope)).toEqual(['reports:read', 'reports:read reports:write']);
  });

  test('gives up if it is not granted what a tool needs', async () => {
    const to = servers['sdk 2'];
    const created = await edgemintCommand(createClient, to.resource);
    const { callTool, tokenRequests, close } = await connectWithSecret(sdk, to, created);
    await expect(callTool('write_report')).rejects.toThrow('insufficient_scope');
    await close();
    expect(tokenRequests.map(({ claims }) => claims?.scope)).toEqual(['reports:read', 'reports:read']);
  });

  test('gets a bound token with a required nonce, which it shows with proofs', async () => {
    const { client_id, privateKey } = await createWithKey(createBoundClient, servers.bound.resource);
    const session = await v2.DpopSession.create();
    const options = { clientId: client_id, privateKey: await exportPKCS8(privateKey), algorithm: 'ES256' };
    const provider = new v2.PrivateKeyJwtProvider({ ...options, expectedIssuer: edgemint.issuer });
    const authProvider = Object.assign(provider, { dpop: () => session });
    const { callTool, tokenRequests, close } = await connect(sdk, servers.bound, authProvider);
    expect((await callTool('read_report')).content).toEqual(reportFor(client_id));
    await close();
    expect(tokenRequests.map(({ status }) => status)).toEqual([400, 200]);
    expect(tokenRequests[1]?.claims?.cnf).toEqual({ jkt: session.thumbprint });
  });
});

test.each(['/tenant/a', '/tenant/'])(
  'both SDKs find the metadata of an issuer with the path %s, also by the discovery of OpenID Connect',
  async (path) => {
    const issuer = `http://127.0.0.1:${await freePort()}${path}`;
    const tenant = await startEdgemint({ issuer });
    try {
      const onlyOpenId: Fetch = async (url, init) =>
        String(url).includes('oauth-authorization-server') ? new Response(null, { status: 404 }) : fetch(url, init);
      for (const discover of [discoverAuthorizationServerMetadata, v2.discoverAuthorizationServerMetadata]) {
        for (const fetchFn of [fetch, onlyOpenId]) {
          const found = await discover(issuer, { fetchFn });
          expect(found).toMatchObject({
            issuer,
            authorization_endpoint: expect.stringMatching(/\w\/oauth2\/authorize$/),
          });
        }
      }
    } finally {
      await tenant.stop();
    }
  },
);
