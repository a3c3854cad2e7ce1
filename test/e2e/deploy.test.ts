import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isWellFormedSecret } from '../../src/credentials/secret.ts';
import { readConfig } from '../../src/platform/config.ts';
import { type Account, type Call, EMPTY_ACCOUNT } from './account.ts';
import { type Clone, cloneProject, type Running, run } from './project.ts';

const FAKE = fileURLToPath(new URL('./fake-wrangler.ts', import.meta.url));
const BUNDLE_LIMIT_KIB = 255;

let clone: Clone;
let bin: string;
let accountFile: string;
let temporary: string;

beforeAll(async () => {
  clone = await cloneProject();
  bin = join(clone.directory, 'fake-bin');
  accountFile = join(clone.directory, 'account.json');
  temporary = join(clone.directory, 'temporary');
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
});

afterAll(() => clone.remove());

interface Deployed {
  code: number | null;
  output: Running['output'];
  account: Account;
  calls: Call[];
}

/** Deploys to an account with the fake wrangler. */
function deploy(account: Account, args: string[] = [], env: Record<string, string> = {}): Promise<Deployed> {
  return deployBy(['node', 'src/cli/deploy.ts', ...args], account, env);
}

/** Deploys at a terminal. The user types a line. */
function deployAtTerminal(account: Account, typed: string): Promise<Deployed> {
  const terminal = 'script --quiet --return --command "node src/cli/deploy.ts" /dev/null';
  return deployBy(['sh', '-c', `echo '${typed}' | ${terminal}`], account);
}

async function deployBy(command: string[], account: Account, env: Record<string, string> = {}): Promise<Deployed> {
  await writeFile(accountFile, JSON.stringify(account));
  const running = run(clone.directory, command, {
    PATH: `${bin}:${process.env.PATH}`,
    FAKE_ACCOUNT: accountFile,
    TMPDIR: temporary,
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
  test('an empty account gets a database, migrations, and a Worker with fresh secrets, in that order', async () => {
    const deployed = await deploy({ ...EMPTY_ACCOUNT, targets: ['auth.example.com (custom domain)'] }, [
      '--issuer',
      ISSUER,
    ]);
    expect(deployed.output.stderr).toBe('');
    expect(deployed.code).toBe(0);
    expect(commands(deployed)).toEqual([...LIST, 'd1 create edgemint', 'd1 migrations apply DB', 'deploy']);

    const [{ secrets = {}, mode } = {}] = deployments(deployed);
    expect(readConfig(secrets).issuer).toBe(ISSUER);
    expect(isWellFormedSecret(secrets.ROOT_API_KEY ?? '', 'emr_')).toBe(true);
    expect(mode).toBe(0o600);

    const { stdout } = deployed.output;
    expect(stdout).toContain(`Token URL: ${ISSUER}/oauth2/token`);
    expect(stdout.split(secrets.ROOT_API_KEY ?? '').length - 1).toBe(1);
    expect(stdout).not.toContain(secrets.MASTER_KEY);
    expect(stdout).not.toContain('does not lead to the Worker');
  });

  test('two deployments have nothing secret in common', async () => {
    const [one, other] = [
      await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]),
      await deploy(EMPTY_ACCOUNT, ['--issuer', ISSUER]),
    ];
    const [first, second] = [deployments(one)[0]?.secrets, deployments(other).at(-1)?.secrets];
    expect(first?.MASTER_KEY).not.toBe(second?.MASTER_KEY);
    expect(first?.ROOT_API_KEY).not.toBe(second?.ROOT_API_KEY);
  });

  test('an issuer that nothing leads to is pointed out', async () => {
    const { output } = await deploy(EMPTY_ACCOUNT, [], { ISSUER });
    expect(output.stdout).toContain('auth.example.com does not lead to the Worker yet');
  });

  test('without an issuer it is the address that the Worker got, and until that is known the Worker refuses to serve', async () => {
    const deployed = await deploy(EMPTY_ACCOUNT);
    const [first, second, ...others] = deployments(deployed);
    expect(others).toEqual([]);
    expect(Object.keys(first?.secrets ?? {})).toEqual(['MASTER_KEY', 'ROOT_API_KEY']);
    const ISSUER = /^ISSUER:(.*)$/.exec(first?.args[(first?.args.indexOf('--var') ?? 0) + 1] ?? '')?.[1] ?? '';
    expect(() => readConfig({ ...first?.secrets, ISSUER })).toThrow('ISSUER is malformed');

    expect(second?.secrets).toEqual({ ISSUER: 'https://edgemint.acme.workers.dev' });
    expect(second?.args).not.toContain('--var');
    expect(deployed.output.stdout).toContain('Token URL: https://edgemint.acme.workers.dev/oauth2/token');
  });

  test('run again it upgrades: migrations first, then the Worker, and no secret is touched, whatever issuer is given', async () => {
    const { account } = await deploy(EMPTY_ACCOUNT);
    await rm(`${accountFile}.calls`);
    const again = await deploy(account, ['--issuer', 'https://other.example.com']);
    expect(again.code).toBe(0);
    expect(commands(again)).toEqual([...LIST, 'd1 migrations apply DB', 'deploy']);
    expect(again.calls.at(-1)?.args).toEqual(['deploy']);
    expect(again.output.stdout).toContain(
      'The first deployment fixed the issuer. https://other.example.com is not used.',
    );
    expect(again.output.stdout).not.toContain('Root API key');
  });

  test('a first deployment that was interrupted before its issuer was known is finished by the next one', async () => {
    const worker = { secrets: ['MASTER_KEY', 'ROOT_API_KEY'], deployments: 1 };
    const deployed = await deploy({ ...EMPTY_ACCOUNT, databases: ['edgemint'], worker });
    expect(deployed.account.worker?.secrets).toEqual(['MASTER_KEY', 'ROOT_API_KEY', 'ISSUER']);
    for (const { secrets } of deployments(deployed)) expect(secrets ?? {}).not.toHaveProperty('MASTER_KEY');
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
    expect(calls.at(-1)?.args).toEqual(['d1', 'migrations', 'apply', 'DB', '--remote']);
  });

  test('after a failed deploy the root key is known, for the Worker may have taken it, and no secrets file is left', async () => {
    const deployed = await deploy({ ...EMPTY_ACCOUNT, failsAt: 'deploy' }, ['--issuer', ISSUER]);
    expect(deployed.code).toBe(1);
    expect(deployed.output.stdout).toContain(deployments(deployed)[0]?.secrets?.ROOT_API_KEY);
    expect(await readdir(temporary)).toEqual([]);
  });

  test('at a terminal the issuer is asked for, and wrangler is not given it: it would write ids into wrangler.toml', async () => {
    const deployed = await deployAtTerminal(EMPTY_ACCOUNT, ISSUER);
    expect(deployed.code).toBe(0);
    expect(deployments(deployed).map(({ secrets }) => secrets?.ISSUER)).toEqual([ISSUER]);
    expect(deployed.calls.filter(({ isInteractive }) => isInteractive)).toEqual([]);
  });

  test('at a terminal an empty answer means the address that the Worker gets, and an upgrade asks nothing', async () => {
    const deployed = await deployAtTerminal(EMPTY_ACCOUNT, '');
    expect(deployments(deployed).at(-1)?.secrets).toEqual({ ISSUER: 'https://edgemint.acme.workers.dev' });
    const again = await deployAtTerminal(deployed.account, 'https://other.example.com');
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
    expect(deployed.output.stdout).not.toContain('Root API key');
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
