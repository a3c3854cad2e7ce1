import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { transform } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isWellFormedSecret } from '../../src/credentials/secret.ts';
import { readConfig } from '../../src/platform/config.ts';
import { type Account, type Call, EMPTY_ACCOUNT } from './account.ts';
import { type Clone, cloneProject, type Running, run } from './project.ts';

const FAKE = fileURLToPath(new URL('./fake-wrangler.ts', import.meta.url));
const BUNDLE_LIMIT_KIB = 304;
const ACCOUNT = '11111111111111111111111111111111';

let clone: Clone;
let bin: string;
let accountFile: string;
let temporary: string;
let keysHome: string;

beforeAll(async () => {
  clone = await cloneProject();
  bin = join(clone.directory, 'fake-bin');
  accountFile = join(clone.directory, 'account.json');
  temporary = join(clone.directory, 'temporary');
  keysHome = join(clone.directory, 'config');
  await mkdir(bin);
  // Compile it once: the tests start it some hundred times, and stripping its types would take most of each start.
  const { code } = await transform(await readFile(FAKE, 'utf8'), { loader: 'ts', format: 'esm' });
  const fake = join(bin, 'fake-wrangler.mjs');
  await writeFile(fake, code);
  await writeFile(join(bin, 'wrangler'), `#!/bin/sh\nexec node ${fake} "$@"\n`, { mode: 0o755 });
});

beforeEach(async () => {
  await rm(`${accountFile}.calls`, { force: true });
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  await rm(keysHome, { recursive: true, force: true });
});

afterAll(() => clone.remove());

interface Deployed {
  code: number | null;
  output: Running['output'];
  account: Account;
  calls: Call[];
}

/** Deploys to an account with the fake wrangler. There is no service to try out. */
function deploy(account: Account, args: string[] = [], env: Record<string, string> = {}): Promise<Deployed> {
  return deployBy(['node', 'src/cli/deploy/main.ts', '--no-check', ...args], account, env);
}

/** Reads the file with the keys of a Worker. */
const keysOf = async (worker = 'edgemint') =>
  parseEnv(await readFile(join(keysHome, 'edgemint', `${worker}.keys`), 'utf8'));

/** Deploys at a terminal. The user types a line. */
function deployAtTerminal(account: Account, typed: string): Promise<Deployed> {
  const terminal = 'script --quiet --return --command "node src/cli/deploy/main.ts --no-check" /dev/null';
  return deployBy(['sh', '-c', `echo '${typed}' | ${terminal}`], account);
}

async function deployBy(command: string[], account: Account, env: Record<string, string> = {}): Promise<Deployed> {
  await writeFile(accountFile, JSON.stringify(account));
  const running = run(clone.directory, command, {
    PATH: `${bin}:${process.env.PATH}`,
    FAKE_ACCOUNT: accountFile,
    TMPDIR: temporary,
    XDG_CONFIG_HOME: keysHome,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    ...env,
  });
  const code = await running.ended;
  const calls = existsSync(`${accountFile}.calls`) ? await readFile(`${accountFile}.calls`, 'utf8') : '';
  return {
    code,
    output: running.output,
    account: JSON.parse(await readFile(accountFile, 'utf8')),
    calls: calls
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line)),
  };
}

/** The calls without their options. */
const commands = ({ calls }: Deployed) => calls.map(({ args }) => args.join(' ').replace(/ -.*/, ''));
const deployments = ({ calls }: Deployed) => calls.filter(({ args }) => args[0] === 'deploy');

const LIST = ['d1 list', 'secret list'];
const ISSUER = 'https://auth.example.com';

describe('npm run deploy, with a fake wrangler since an account is needed for the real one:', () => {
  test('an empty account gets a database, migrations, and a Worker with fresh keys, and its domain before its issuer', async () => {
    const deployed = await deploy({ ...EMPTY_ACCOUNT, targets: ['auth.example.com (custom domain)'] }, [
      '--issuer',
      ISSUER,
    ]);
    expect(deployed.output.stderr).toBe('');
    expect(deployed.code).toBe(0);
    expect(commands(deployed)).toEqual([...LIST, 'd1 create edgemint', 'd1 migrations apply DB', 'deploy', 'deploy']);

    const [first, second] = deployments(deployed);
    expect(first?.configuration).toMatchObject({
      name: 'edgemint',
      routes: [{ pattern: 'auth.example.com', custom_domain: true }],
      workers_dev: false,
    });
    expect(Object.keys(first?.secrets ?? {})).toEqual(['MASTER_KEY', 'ROOT_API_KEY']);
    expect(first?.mode).toBe(0o600);
    expect(second?.secrets).toEqual({ ISSUER });
    expect(readConfig({ ...first?.secrets, ...second?.secrets }).issuer).toBe(ISSUER);
    expect(isWellFormedSecret(first?.secrets?.ROOT_API_KEY ?? '', 'emr_')).toBe(true);

    const { stdout } = deployed.output;
    expect(stdout).toContain(`Token URL: ${ISSUER}/oauth2/token`);
    expect(stdout).not.toContain('does not lead to the Worker');
    expect(stdout).toContain(`npx edgemint login --url ${ISSUER}`);
    expect(stdout).toContain(`EDGEMINT_CLIENT_ID='<client_id>' npx edgemint tokens issue --url ${ISSUER}`);
    expect(stdout).not.toContain('curl');
  });

  test('the keys go to a file that only its owner can read, and are never printed', async () => {
    const { output, calls } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    const file = join(keysHome, 'edgemint', 'edgemint.keys');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { MASTER_KEY = '', ROOT_API_KEY = '' } = await keysOf();
    expect(calls.find(({ secrets }) => secrets)?.secrets).toMatchObject({ MASTER_KEY, ROOT_API_KEY });
    expect(output.stdout).toContain(`MASTER_KEY and ROOT_API_KEY: in ${file}`);
    expect(output.stdout).toContain('Without MASTER_KEY the database is worthless');
    for (const key of [MASTER_KEY, ROOT_API_KEY]) expect(`${output.stdout}${output.stderr}`).not.toContain(key);
  });

  test('two deployments have nothing secret in common', async () => {
    const one = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    const other = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER, '--keys-file', join(temporary, 'other.keys')]);
    const [first, second] = [deployments(one)[0]?.secrets, deployments(other).at(-2)?.secrets];
    expect(first?.MASTER_KEY).not.toBe(second?.MASTER_KEY);
    expect(first?.ROOT_API_KEY).not.toBe(second?.ROOT_API_KEY);
  });

  test('an issuer that nothing leads to is pointed out', async () => {
    const { output } = await deploy(EMPTY_ACCOUNT, ['--no-domain'], { ISSUER });
    expect(output.stdout).toContain('auth.example.com does not lead to the Worker yet');
  });

  test('without a terminal a first deployment needs the issuer, because it can never change', async () => {
    const { code, output, account } = await deploy(EMPTY_ACCOUNT);
    expect(code).toBe(1);
    expect(output.stderr).toMatch(/^The first deployment needs --issuer <url>/);
    expect(account).toEqual(EMPTY_ACCOUNT);
  });

  test('the address that the Worker gets is known only after a deployment, and until then the Worker refuses to serve', async () => {
    const deployed = await deployAtTerminal(EMPTY_ACCOUNT, '');
    const [first, second, ...others] = deployments(deployed);
    expect(others).toEqual([]);
    expect(Object.keys(first?.secrets ?? {})).toEqual(['MASTER_KEY', 'ROOT_API_KEY']);
    const ISSUER = /^ISSUER:(.*)$/.exec(first?.args[(first?.args.indexOf('--var') ?? 0) + 1] ?? '')?.[1] ?? '';
    expect(() => readConfig({ ...first?.secrets, ISSUER })).toThrow('ISSUER is malformed');

    expect(second?.secrets).toEqual({ ISSUER: 'https://edgemint.acme.workers.dev' });
    expect(second?.configuration).not.toHaveProperty('routes');
    expect(deployed.output.stdout).toContain('Token URL: https://edgemint.acme.workers.dev/oauth2/token');
  });

  test('run again it upgrades: migrations first, then the Worker, with its domain and no secret', async () => {
    const { account } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    await rm(`${accountFile}.calls`);
    const again = await deploy(account, ['--issuer', 'https://other.example.com']);
    expect(again.code).toBe(0);
    const looks = [
      'd1 list',
      'd1 execute DB',
      'd1 execute DB',
      'secret list',
      'deployments status',
      'versions view a-version',
    ];
    expect(commands(again)).toEqual([...looks, 'd1 migrations apply DB', 'deploy']);
    const [upgrade] = deployments(again);
    expect(upgrade?.secrets).toBeUndefined();
    expect(upgrade?.configuration?.routes).toEqual([{ pattern: 'auth.example.com', custom_domain: true }]);
    expect(again.account.worker?.variables).toEqual(account.worker?.variables);
    expect(again.output.stdout).toContain(`The first deployment fixed the issuer as ${ISSUER}.`);
  });

  test('an upgrade of a deployment that noted no issuer leaves its domains alone', async () => {
    const worker = { secrets: ['MASTER_KEY', 'ROOT_API_KEY', 'ISSUER'], deployments: 1 };
    const deployed = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'], worker });
    expect(deployed.code).toBe(0);
    expect(deployments(deployed)[0]?.configuration).not.toHaveProperty('routes');
    expect(deployments(deployed)[0]?.args).not.toContain('--var');
  });

  test('--env makes a Worker, a database, counters and keys of its own, from the tracked file', async () => {
    const before = await readFile(join(clone.directory, 'wrangler.toml'), 'utf8');
    const deployed = await deploy(EMPTY_ACCOUNT, ['--env', 'staging', '--issuer', 'https://staging.example.com']);
    expect(deployed.code).toBe(0);
    expect(deployed.account.databases).toContain('edgemint-staging');
    const { configuration } = deployments(deployed)[0] ?? {};
    const plain = await deploy(EMPTY_ACCOUNT, ['--print-config']);
    const tracked = JSON.parse(plain.output.stdout);
    expect(configuration).toEqual({
      ...tracked,
      name: 'edgemint-staging',
      d1_databases: [{ ...tracked.d1_databases[0], database_name: 'edgemint-staging' }],
      ratelimits: tracked.ratelimits.map((each: object) => ({
        ...each,
        namespace_id: expect.stringMatching(/^\d{5,10}$/),
      })),
      routes: [{ pattern: 'staging.example.com', custom_domain: true }],
      workers_dev: false,
    });
    expect(JSON.stringify(configuration?.ratelimits)).not.toBe(JSON.stringify(tracked.ratelimits));
    expect(Object.keys(await keysOf('edgemint-staging'))).toEqual(['MASTER_KEY', 'ROOT_API_KEY']);
    expect(await readFile(join(clone.directory, 'wrangler.toml'), 'utf8')).toBe(before);
    expect((await readdir(clone.directory)).filter((name) => name.endsWith('.generated.json'))).toEqual([]);
  });

  test('ids of stores in wrangler.toml are those of the deployment without --env, and its checks look at them', async () => {
    const file = join(clone.directory, 'wrangler.toml');
    const before = await readFile(file, 'utf8');
    const withId = (id: string) =>
      writeFile(file, before.replace('database_name = "edgemint"', `$&\ndatabase_id = "${id}"`));
    try {
      await withId('id-of-another');
      const own = await deploy({ ...EMPTY_ACCOUNT, rows: 3 }, ['--issuer', ISSUER]);
      expect(own.output.stderr).toMatch(/^The database edgemint was used with a MASTER_KEY/);
      expect(commands(own)).not.toContain('d1 create edgemint');
      const staging = await deploy(EMPTY_ACCOUNT, ['--env', 'staging', '--issuer', 'https://staging.example.com']);
      expect(staging.code).toBe(0);
      expect(JSON.stringify(deployments(staging).map(({ configuration }) => configuration))).not.toContain('id-of');
      await rm(`${accountFile}.calls`);
      await withId('id-of-production');
      const unknown = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'] }, ['--issuer', ISSUER]);
      expect(unknown.output.stderr).toMatch(/^The account has no database with the database_id id-of-production/);
      expect(deployments(unknown)).toEqual([]);
    } finally {
      await writeFile(file, before);
    }
  });

  test('CLOUDFLARE_ENV means the same, and wrangler does not see it: it would leave out the bindings', async () => {
    const { output } = await deploy(EMPTY_ACCOUNT, ['--print-config'], { CLOUDFLARE_ENV: 'prod' });
    expect(JSON.parse(output.stdout)).toMatchObject({ name: 'edgemint-prod', kv_namespaces: [{ binding: 'KV' }] });
  });

  test('--jurisdiction places the database and the gates, and cannot come later', async () => {
    const args = ['--issuer', ISSUER, '--jurisdiction', 'eu'];
    const deployed = await deploy(EMPTY_ACCOUNT, args);
    expect(deployed.calls.find(({ args }) => args[1] === 'create')?.args.slice(2)).toEqual([
      'edgemint',
      '--jurisdiction',
      'eu',
    ]);
    expect(deployments(deployed)[0]?.secrets).toMatchObject({ JURISDICTION: 'eu' });
    const { account } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    await rm(`${accountFile}.calls`);
    const late = await deploy(account, args);
    expect(late.output.stderr).toMatch(/^--jurisdiction eu is too late/);
    expect(deployments(late)).toEqual([]);
  });

  test.each([
    ['tables that are not ours', { tables: ['_cf_KV', 'd1_migrations', 'orders'], migrations: ['0001_orders.sql'] }],
    ['tables and no migrations', { tables: ['orders'] }],
  ])('a database with %s is not migrated', async (_, others) => {
    const deployed = await deploy({ ...EMPTY_ACCOUNT, ...others, databases: ['edgemint'] }, ['--issuer', ISSUER]);
    expect(deployed.code).toBe(1);
    expect(deployed.output.stderr).toMatch(
      /^The account has a database edgemint that is not Edgemint's: it holds .*orders/,
    );
    expect(commands(deployed).filter((command) => !/^d1 (list|execute)/.test(command))).toEqual([]);
  });

  test('a configuration that lacks a binding is refused before anything is touched', async () => {
    const file = join(clone.directory, 'wrangler.toml');
    const before = await readFile(file, 'utf8');
    await writeFile(file, before.replace('binding = "KV"', 'binding = "CACHE"'));
    const { code, output, calls } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    await writeFile(file, before);
    expect(code).toBe(1);
    expect(output.stderr).toBe('wrangler.toml lacks the binding KV.\n');
    expect(calls).toEqual([]);
  });

  test('a service that does not answer after the deployment is an error, with the next commands all the same', async () => {
    const command = ['node', 'src/cli/deploy/main.ts', '--issuer', 'https://localhost:65531', '--no-domain'];
    const { code, output } = await deployBy([...command, '--check-timeout', '0'], EMPTY_ACCOUNT);
    expect(code).toBe(1);
    expect(output.stderr).toMatch(
      /^The service was deployed, but https:\/\/localhost:65531\/healthz is not healthy: .*ECONNREFUSED/,
    );
    expect(output.stdout).toContain('npx edgemint login --url https://localhost:65531');
  });

  test('a first deployment that was interrupted before its issuer was known is finished by the next one', async () => {
    const worker = { secrets: ['MASTER_KEY', 'ROOT_API_KEY'], deployments: 1 };
    const deployed = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'], worker }, ['--issuer', ISSUER]);
    expect(deployed.account.worker?.secrets).toEqual(['MASTER_KEY', 'ROOT_API_KEY', 'ISSUER']);
    for (const { secrets } of deployments(deployed)) expect(secrets ?? {}).not.toHaveProperty('MASTER_KEY');
  });

  test('an interrupted first deployment may take the host that it had, and no other that leads somewhere', async () => {
    const variables = { DEPLOYMENT: JSON.stringify({ issuer: 'https://localhost', domain: true }) };
    const secrets = ['MASTER_KEY', 'ROOT_API_KEY'];
    const interrupted = (noted: object) => ({
      ...EMPTY_ACCOUNT,
      databases: ['edgemint'],
      worker: { secrets, deployments: 1, ...noted },
    });
    const other = await deploy(interrupted({}), ['--issuer', 'https://localhost']);
    expect(other.code).toBe(1);
    expect(other.output.stderr).toMatch(/^localhost leads to \S+ already/);
    expect(deployments(other)).toEqual([]);
    await rm(`${accountFile}.calls`);
    const same = await deploy(interrupted({ variables }), ['--issuer', 'https://localhost']);
    expect(same.code).toBe(0);
  });

  test('a first deployment notes its host before its issuer is set', async () => {
    const deployed = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    expect(deployments(deployed)[0]?.args).toContain(`DEPLOYMENT:${JSON.stringify({ issuer: ISSUER, domain: true })}`);
  });

  test("a Worker of that name that is not Edgemint's is not replaced", async () => {
    for (const secrets of [[], ['API_TOKEN']]) {
      await rm(`${accountFile}.calls`, { force: true });
      const worker = { secrets, deployments: 7 };
      const { code, output, account, calls } = await deploy({ ...EMPTY_ACCOUNT, worker }, ['--issuer', ISSUER]);
      expect(code).toBe(1);
      expect(output.stderr).toMatch(/^The account has a Worker edgemint that is not Edgemint's/);
      expect(account.worker).toEqual(worker);
      expect(calls.map(({ args }) => args[1])).toEqual(['list', 'list']);
    }
  });

  test('a file for the keys that has other lines keeps them', async () => {
    const file = join(temporary, 'production.env');
    await writeFile(file, '# ours\nDATABASE_PASSWORD=irreplaceable');
    const { code, calls } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER, '--keys-file', file]);
    expect(code).toBe(0);
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/^# ours\nDATABASE_PASSWORD=irreplaceable\n/);
    const { DATABASE_PASSWORD: _, ...keys } = parseEnv(text);
    expect(calls.find(({ secrets }) => secrets)?.secrets).toEqual(keys);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('a database that was used is not deployed to with a fresh master key', async () => {
    const { code, output, account, calls } = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'], rows: 3 }, [
      '--issuer',
      ISSUER,
    ]);
    expect(code).toBe(1);
    expect(output.stderr).toMatch(/^The database edgemint was used with a MASTER_KEY that the Worker does not have/);
    expect(account.worker).toBeNull();
    expect(calls.map(({ args }) => args[0])).not.toContain('deploy');
  });

  test('with the file that holds its master key it is', async () => {
    await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    const keys = await keysOf();
    const again = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'], rows: 3 }, ['--issuer', ISSUER]);
    expect(again.code).toBe(0);
    expect(
      again.calls.filter(({ secrets }) => secrets?.MASTER_KEY).map(({ secrets }) => secrets?.MASTER_KEY),
    ).toContain(keys.MASTER_KEY);
  });

  test('a database whose signing keys another master key sealed is not deployed to with that file', async () => {
    await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    await rm(`${accountFile}.calls`);
    const sealed = [`${btoa(JSON.stringify({ alg: 'dir', kid: 'another' }))}....`];
    const account = { ...EMPTY_ACCOUNT, databases: ['edgemint'], rows: 3, sealed };
    const { code, output, calls } = await deploy(account, ['--issuer', ISSUER]);
    expect(code).toBe(1);
    expect(output.stderr).toMatch(/^The database edgemint was used with another MASTER_KEY than the one in \S+\.keys/);
    expect(calls.map(({ args }) => args[0])).not.toContain('deploy');
  });

  test('the keys of a file stay with their account and issuer, which its comments name', async () => {
    const file = join(keysHome, 'edgemint', 'edgemint.keys');
    await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(new RegExp(`^# account: ${ACCOUNT}\n# issuer: ${ISSUER}\n`, 'm'));
    for (const [args, env, reason] of [
      [['--issuer', ISSUER], { CLOUDFLARE_ACCOUNT_ID: 'another' }, `account ${ACCOUNT}, and this deployment is in the`],
      [['--issuer', ISSUER], { CLOUDFLARE_ACCOUNT_ID: '' }, 'and this deployment is in the account an-account'],
      [['--issuer', 'https://other.example.com'], {}, `issuer ${ISSUER}, and this deployment is for https://other.ex`],
    ] as const) {
      await rm(`${accountFile}.calls`, { force: true });
      const { code, output, calls } = await deploy(EMPTY_ACCOUNT, [...args], env);
      expect(code).toBe(1);
      expect(output.stderr).toContain(`${file} has the keys of the `);
      expect(output.stderr).toContain(reason);
      expect(calls.map(({ args }) => args.slice(0, 2).join(' '))).not.toContain('d1 create');
      expect(await readFile(file, 'utf8')).toBe(text);
    }
    const again = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    expect(again.output.stdout).toContain(`The deployment uses the MASTER_KEY and the ROOT_API_KEY of ${file}.`);
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  test('a file of an older version, without such comments, gets them when it is used', async () => {
    const file = join(temporary, 'old.keys');
    const old = Object.entries(
      (await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER])).calls.find(({ secrets }) => secrets)?.secrets ?? {},
    );
    const lines = old.map(([name, value]) => `${name}=${value}\n`).join('');
    await writeFile(file, lines);
    expect((await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER, '--keys-file', file])).code).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(`${lines}# account: ${ACCOUNT}\n# issuer: ${ISSUER}\n`);
  });

  test('without a login, the error says how to log in', async () => {
    const failure = "In a non-interactive environment, it's necessary to set a CLOUDFLARE_API_TOKEN. --temporary";
    for (const failsAt of ['d1 list', 'secret list']) {
      const { code, output } = await deploy({ ...EMPTY_ACCOUNT, failsAt, failure }, ['--issuer', ISSUER]);
      expect(code).toBe(1);
      expect(output.stderr).toBe(
        'Run `npx wrangler login` first, or set CLOUDFLARE_API_TOKEN: wrangler is not logged in to Cloudflare.\n',
      );
    }
  });

  test('secrets that could not be listed are not taken for missing', async () => {
    const { code, output, calls } = await deploy(
      { ...EMPTY_ACCOUNT, failsAt: 'secret list', worker: { secrets: [], deployments: 1 } },
      ['--issuer', ISSUER],
    );
    expect(code).toBe(1);
    expect(output.stderr).toContain('wrangler could not list the secrets:\n✘ [ERROR] A request to the API failed.');
    expect(calls).toHaveLength(2);
  });

  test('migrations that fail leave the Worker as it was', async () => {
    const { code, output, calls } = await deploy({ ...EMPTY_ACCOUNT, failsAt: 'd1 migrations' }, ['--issuer', ISSUER]);
    expect(code).toBe(1);
    expect(output.stderr).toContain('wrangler could not apply the migrations');
    expect(calls.at(-1)?.args.slice(0, 5)).toEqual(['d1', 'migrations', 'apply', 'DB', '--remote']);
  });

  test('after a failed deploy the keys are kept, for the Worker may have taken them, and the next run uses them', async () => {
    const deployed = await deploy({ ...EMPTY_ACCOUNT, failsAt: 'deploy' }, ['--issuer', ISSUER]);
    expect(deployed.code).toBe(1);
    expect(await keysOf()).toEqual(deployments(deployed)[0]?.secrets);
    expect(await readdir(temporary)).toEqual([]);
    const again = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    expect(deployments(again).at(-2)?.secrets).toEqual(await keysOf());
  });

  test('at a terminal the issuer is asked for, and wrangler is not given it: it would write ids into wrangler.toml', async () => {
    const deployed = await deployAtTerminal(EMPTY_ACCOUNT, ISSUER);
    expect(deployed.code).toBe(0);
    expect(deployments(deployed).map(({ secrets }) => secrets?.ISSUER)).toEqual([undefined, ISSUER]);
    expect(deployed.calls.filter(({ isInteractive }) => isInteractive)).toEqual([]);
  });

  test('an upgrade asks nothing', async () => {
    const { account } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    const again = await deployAtTerminal(account, 'https://other.example.com');
    expect(again.output.stdout).not.toContain('Issuer (empty');
    expect(again.account.worker?.deployments).toBe(3);
  });

  test.each(['http://localhost:8787', 'http://auth.example.com', 'https://auth.example.com//', 'nonsense'])(
    'the issuer %s is refused before anything is touched',
    async (issuer) => {
      const { code, output, calls } = await deploy(EMPTY_ACCOUNT, ['--issuer', issuer]);
      expect(code).toBe(1);
      expect(output.stderr).toMatch(/^ISSUER is malformed: [^\n]+\n$/);
      expect(calls).toEqual([]);
    },
  );

  test('an unknown option is refused before anything is touched', async () => {
    const { code, output, calls } = await deploy(EMPTY_ACCOUNT, ['--isuer', ISSUER]);
    expect(code).toBe(1);
    expect(output.stderr).toContain("Unknown option '--isuer'");
    expect(calls).toEqual([]);
  });

  test('a migration that drops a referenced table is refused before anything is touched', async () => {
    const file = join(clone.directory, 'migrations', '9999_bad.sql');
    await writeFile(file, 'DROP TABLE clients;');
    const { code, output, calls } = await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]);
    await rm(file);
    expect(code).toBe(1);
    expect(output.stderr).toContain('9999_bad.sql drops or rebuilds the table clients');
    expect(calls).toEqual([]);
  });

  test('a dry run only runs the deploy, dry, with placeholders', async () => {
    const deployed = await deploy(EMPTY_ACCOUNT, ['--dry-run']);
    expect(deployed.code).toBe(0);
    expect(deployed.calls.map(({ args }) => args.slice(0, 2))).toEqual([['deploy', '--dry-run']]);
    expect(existsSync(keysHome)).toBe(false);
  });
});

describe('with the real wrangler', () => {
  let running: Running;

  test('npm run deploy -- --dry-run passes', async () => {
    running = run(clone.directory, ['npm', 'run', 'deploy', '--', '--dry-run']);
    expect(await running.ended).toBe(0);
    expect(running.output.stdout).toContain('--dry-run: exiting now.');
  });

  test(`the bundle is under ${BUNDLE_LIMIT_KIB} KiB gzipped`, () => {
    const [, kib = ''] = /Total Upload: .* gzip: ([\d.]+) KiB/.exec(running.output.stdout) ?? [];
    console.log(`bundle: ${kib} KiB gzipped`);
    expect(Number(kib)).toBeGreaterThan(0);
    expect(Number(kib)).toBeLessThan(BUNDLE_LIMIT_KIB);
  });
});
