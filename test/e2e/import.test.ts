// biome-ignore-all lint/suspicious/noTemplateCurlyInString: some texts are shell programs.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { JwtVerifier } from 'aws-jwt-verify';
import { auth } from 'express-oauth2-jwt-bearer';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  auth0Tenant,
  cognitoPool,
  type ExpectedMachine,
  type Export,
  hydraClients,
  keycloakRealm,
  oktaOrg,
} from '../cli/importers/exports.ts';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { Person } from './cli/person.ts';

const DOCS = fileURLToPath(new URL('../../docs/moving-in/', import.meta.url));
const NOTHING = 'There is nothing to do.';
const FEW = 3;
const MANY = 200;

interface Provider {
  readonly name: string;
  readonly exported: (count: number) => Export;
  /** The files of an export, by the names that the page has. */
  readonly files: (text: string) => Record<string, string>;
  /** Requests a token as a machine of the provider does. */
  readonly request: (machine: ExpectedMachine) => { body: Record<string, string>; basic?: boolean };
  /** Verifies a token with the configuration for the provider. It throws if the token is refused. */
  readonly verify: (token: string, issuer: string, machine: ExpectedMachine) => unknown;
}

/** The configuration of a verifier from before, in which only the issuer is that of this test. */
const withJose = (token: string, issuer: string, { audience }: ExpectedMachine) =>
  jwtVerify(token, createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`)), {
    issuer,
    audience,
    algorithms: ['RS256'],
    typ: 'JWT',
  });

const PROVIDERS: readonly Provider[] = [
  {
    name: 'auth0',
    exported: auth0Tenant,
    files: (text) => ({ 'auth0/tenant.yaml': text }),
    request: ({ client_id, secret, audience }) => ({ body: { client_id, client_secret: secret, audience } }),
    verify: (token, issuer, { audience }) => {
      const check = auth({ issuerBaseURL: issuer, audience });
      const headers = { host: 'orders.example.com', authorization: `Bearer ${token}` };
      const get = (name: string) => headers[name.toLowerCase() as keyof typeof headers];
      const request = { method: 'GET', headers, get, protocol: 'https', url: '/', query: {}, is: () => false };
      return new Promise<void>((resolve, reject) => {
        check(request as never, {} as never, (error) => (error ? reject(error) : resolve()));
      });
    },
  },
  {
    name: 'keycloak',
    exported: keycloakRealm,
    files: (text) => ({ 'realm.json': text }),
    request: () => ({ body: {}, basic: true }),
    verify: withJose,
  },
  {
    name: 'cognito',
    exported: cognitoPool,
    files: (text) => ({ 'pool.json': text }),
    request: ({ scope }) => ({ body: { scope }, basic: true }),
    verify: async (token, issuer, { client_id }) => {
      const keys = await (await fetch(`${issuer}/.well-known/jwks.json`)).json();
      // As for Cognito: no audience, and checks of its own.
      const jwksUri = 'https://auth.example.com/.well-known/jwks.json';
      const customJwtCheck = ({ payload }: { payload: Record<string, unknown> }) => {
        if (payload.token_use !== 'access' || payload.client_id !== client_id) throw new Error('refused');
      };
      const verifier = JwtVerifier.create({ issuer, audience: null, jwksUri, customJwtCheck });
      verifier.cacheJwks(keys);
      return verifier.verify(token);
    },
  },
  {
    name: 'hydra',
    exported: hydraClients,
    files: (text) => ({ 'clients.json': text }),
    request: ({ scope, audience }) => ({ body: { scope, audience }, basic: true }),
    verify: withJose,
  },
  {
    name: 'okta',
    exported: oktaOrg,
    files: (text) => {
      const { apps, authorizationServers } = JSON.parse(text);
      return { 'apps.json': JSON.stringify(apps), 'servers.json': JSON.stringify({ authorizationServers }) };
    },
    request: ({ scope }) => ({ body: { scope }, basic: true }),
    verify: withJose,
  },
];

let edgemint: RunningEdgemint;

beforeAll(async () => {
  edgemint = await startEdgemint();
});

afterAll(() => edgemint?.stop());

/** Requests a token with an old credential. In Basic, the id and the secret are form-encoded (RFC 6749 section 2.3.1). */
async function requestToken({ request }: Provider, machine: ExpectedMachine): Promise<string> {
  const { body, basic } = request(machine);
  const pair = `${encodeURIComponent(machine.client_id)}:${encodeURIComponent(machine.secret)}`;
  const response = await fetch(`${edgemint.issuer}/oauth2/token`, {
    method: 'POST',
    headers: basic ? { Authorization: `Basic ${btoa(pair)}` } : {},
    body: new URLSearchParams({ grant_type: 'client_credentials', ...body }),
  });
  const answer = (await response.json()) as { access_token: string };
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer.access_token;
}

/** Returns the line of a page that imports, as its arguments. */
async function commandOf(provider: string): Promise<string[]> {
  const page = await readFile(join(DOCS, `${provider}.md`), 'utf8');
  const line = /^npx edgemint (import .+)$/m.exec(page)?.[1] ?? expect.unreachable(provider);
  return line.split(' ');
}

describe.each(PROVIDERS)('moving in from $name', (provider) => {
  let person: Person;
  const apply = (...args: string[]) => person.run(['apply', '-f', person.file('edgemint.yaml'), ...args]);
  const few = provider.exported(FEW);
  const many = provider.exported(MANY);

  beforeAll(async () => {
    person = await Person.arrive({ EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey });
    const name = `From ${provider.name}`;
    person.env.EDGEMINT_ORGANIZATION = (
      await person.json<{ id: string }>(['organizations', 'create', '--name', name])
    ).id;
  });

  afterAll(() => person?.leave());

  /** Imports an export by the command of the page, and puts the secrets that it lacks where the file looks for them. */
  async function importExport({ text, machines }: Export): Promise<string> {
    for (const [name, content] of Object.entries(provider.files(text))) {
      await mkdir(dirname(person.file(name)), { recursive: true });
      await writeFile(person.file(name), content);
    }
    const { code, stdout, stderr } = await person.spawn([...(await commandOf(provider.name)), '--yes']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { clients } = parse(await readFile(person.file('edgemint.yaml'), 'utf8'));
    await mkdir(person.file('secrets'), { recursive: true });
    for (const { client_id, client_secret } of clients) {
      const file = person.file(client_secret.file);
      const machine = machines.find((each) => each.client_id === client_id);
      if (!existsSync(file)) await writeFile(file, `${machine?.secret}\n`, { mode: 0o600 });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    return stdout;
  }

  test('a small export is imported by the command of the page and applied: an old credential gets a token', async () => {
    const report = await importExport(few);
    expect(report).toMatch(/^Taken:$/m);
    expect(report).toMatch(/^Left out:$/m);
    expect(report).toContain('Next: edgemint apply -f edgemint.yaml --dry-run');
    const file = await readFile(person.file('edgemint.yaml'), 'utf8');
    for (const { secret } of many.machines) expect(file + report).not.toContain(secret);

    const applied = await apply('--yes');
    expect(applied.code, applied.stderr).toBe(0);
    // The secrets are the machines' own: nobody needs to see them.
    for (const { secret } of few.machines) expect(applied.stdout + applied.stderr).not.toContain(secret);
    expect((await apply('--yes')).stdout).toContain(NOTHING);
    expect((await apply('--dry-run', '--exit-code')).code).toBe(0);

    for (const machine of few.machines) {
      const token = await requestToken(provider, machine);
      expect(decodeJwt(token)).toMatchObject({
        client_id: machine.client_id,
        aud: machine.audience,
        scope: machine.scope,
      });
      await provider.verify(token, edgemint.issuer, machine);
    }
    const [machine, other] = few.machines;
    if (!machine || !other) return expect.unreachable();
    const token = await requestToken(provider, machine);
    await expect(async () => provider.verify(token, 'https://elsewhere.example', machine)).rejects.toThrow();
  });

  test('200 clients are interrupted in the middle, and continued to the same state', async () => {
    await importExport(many);
    const reaction = {
      text: 'Created the client',
      act: (child: { kill: (signal: 'SIGINT') => boolean }) => void child.kill('SIGINT'),
    };
    const stopped = await person.spawn(['apply', '-f', 'edgemint.yaml', '--yes'], { reaction });
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/Stopped: \d+ of \d+ steps were done\. Apply again to continue\./);
    const finished = await apply('--yes');
    expect(finished.code).toBe(0);
    expect((await apply('--yes')).stdout).toContain(NOTHING);
    const { stdout } = await person.run(['clients', 'list', '--all', '--json']);
    expect(JSON.parse(stdout).data).toHaveLength(MANY);
    const last = many.machines.at(-1) ?? expect.unreachable();
    await provider.verify(await requestToken(provider, last), edgemint.issuer, last);
  });
});

describe('the script that exports', () => {
  let person: Person;

  beforeAll(async () => {
    person = await Person.arrive();
    await mkdir(person.file('bin'));
  });

  afterAll(() => person?.leave());

  /** Runs the shell lines of a page that come before the import, with a program in place of that of the provider. */
  async function runScript(page: string, program: string, answers: Record<string, unknown>): Promise<void> {
    const text = await readFile(join(DOCS, page), 'utf8');
    const [, block = ''] = /^```sh\n(.*?)^npx edgemint import/ms.exec(text.replaceAll(/```sh\nnpm.*?```/gs, '')) ?? [];
    await mkdir(person.file('answers'), { recursive: true });
    for (const [name, answer] of Object.entries(answers)) {
      await writeFile(person.file(`answers/${name}`), typeof answer === 'string' ? answer : JSON.stringify(answer));
    }
    const name = page === 'okta.md' ? 'curl' : 'aws';
    await writeFile(person.file(`bin/${name}`), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
    const env = { PATH: `${person.file('bin')}:${process.env.PATH}`, OKTA_API_TOKEN: 'x' };
    await promisify(execFile)('sh', ['-euc', block], { cwd: person.home, env });
  }

  test.skipIf(!existsSync('/usr/bin/jq'))('from Okta makes one file of what its API answers', async () => {
    const { apps, authorizationServers } = JSON.parse(oktaOrg(FEW).text);
    const [{ scopes, claims, policies, ...server }] = authorizationServers;
    const [{ rules, ...policy }] = policies;
    const below = `authorizationServers_${server.id}`;
    await runScript('okta.md', 'for url; do :; done; cat "answers/$(echo "${url#*/api/v1/}" | tr / _)"', {
      'apps?limit=200': apps,
      authorizationServers: [server],
      [`${below}_policies`]: [policy],
      [`${below}_policies_${policy.id}_rules`]: rules,
      [`${below}_scopes`]: scopes,
      [`${below}_claims`]: claims,
    });
    const written = JSON.parse(await readFile(person.file('servers.json'), 'utf8'));
    expect(written).toEqual({ authorizationServers });
    const { stdout } = await person.spawn(await commandOf('okta'));
    expect(stdout).toContain('From Okta: 1 resource server and 3 clients.');
  });

  test('from Cognito makes one file of the answers', async () => {
    const { text, machines } = cognitoPool(1);
    const [servers = '', web = '', worker = ''] = text.split(/(?<=^\})\n/m);
    const { client_id } = machines[0] ?? expect.unreachable();
    const program = 'case $2 in describe-user-pool-client) cat "answers/$6";; *) cat "answers/$2";; esac';
    await runScript('cognito.md', program, {
      'list-resource-servers': servers,
      'list-user-pool-clients': `web\t${client_id}\n`,
      web,
      [client_id]: worker,
    });
    const { stdout } = await person.spawn([...(await commandOf('cognito')), '--yes']);
    expect(stdout).toContain('From Cognito: 1 resource server and 1 client.');
  });
});
