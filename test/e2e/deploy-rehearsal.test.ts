import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMigrations } from '../../src/cli/deploy/check-migrations.ts';
import { type Cloudflare, startCloudflare } from './cloudflare-api.ts';
import { type Clone, cloneProject, type Running, run } from './project.ts';

// The real wrangler against a stand-in of Cloudflare's API. Each deployment starts wrangler five to eight times.
describe('a deployment with the real wrangler, against a stand-in of Cloudflare:', () => {
  let clone: Clone;
  let cloudflare: Cloudflare;
  let environment: Record<string, string>;

  beforeAll(async () => {
    clone = await cloneProject();
    cloudflare = await startCloudflare();
    const home = join(clone.directory, 'home');
    await mkdir(home);
    environment = { ...cloudflare.env, HOME: home, XDG_CONFIG_HOME: home };
  });

  afterAll(async () => {
    await cloudflare.close();
    await clone.remove();
  });

  /** Runs a command of the clone. @returns its exit code and output */
  async function go(...command: string[]): Promise<{ code: number | null; output: Running['output'] }> {
    const running = run(clone.directory, command, environment);
    return { code: await running.ended, output: running.output };
  }

  const deploy = (...args: string[]) => go('npm', 'run', '-s', 'deploy', '--', '--no-check', ...args);
  const workerOf = (name: string) => {
    const worker = cloudflare.workers.get(name);
    if (!worker) throw new Error(`There is no Worker ${name}.`);
    return worker;
  };
  const bindings = (name: string) =>
    workerOf(name)
      .versions.at(-1)
      ?.bindings.map((binding) => binding.name)
      .sort();

  const BINDINGS = [
    'ASSETS',
    'CLIENT_GATE',
    'CLIENT_LOOK_UPS',
    'DB',
    'DEPLOYMENT',
    'FAILED_ATTEMPTS',
    'KV',
    'LOG_SUCCESS_SHARE',
  ];
  const SECRETS = ['ISSUER', 'MASTER_KEY', 'ROOT_API_KEY'];

  test('a first deployment that fails half-way is finished by the next one, with the same keys', async () => {
    cloudflare.failsAt = 'PUT /workers/scripts/edgemint/domains/records';
    const first = await deploy('--issuer', 'https://auth.example.com');
    expect(first.code).toBe(1);
    const { MASTER_KEY } = Object.fromEntries(workerOf('edgemint').secrets);
    expect(workerOf('edgemint').secrets.has('ISSUER')).toBe(false);

    cloudflare.failsAt = undefined;
    const second = await deploy('--issuer', 'https://auth.example.com');
    expect(second.output.stderr).not.toContain('ERROR');
    expect(second.code).toBe(0);
    const { secrets, deployed, versions } = workerOf('edgemint');
    expect([...secrets.keys()].sort()).toEqual(SECRETS);
    expect(secrets.get('MASTER_KEY')).toBe(MASTER_KEY);
    expect(secrets.get('ISSUER')).toBe('https://auth.example.com');
    expect(deployed).toBe(versions.at(-1)?.id);
    expect(bindings('edgemint')).toEqual([...BINDINGS, 'SIGNING_KEY_MAX_AGE']);
    expect(cloudflare.domains.get('auth.example.com')).toBe('edgemint');
    expect(workerOf('edgemint').onWorkersDev).toBe(false);
    expect(workerOf('edgemint').crons).toEqual(['* * * * *']);
    const applied = cloudflare.databases
      .get('edgemint')
      ?.sqlite.prepare('SELECT name FROM d1_migrations ORDER BY id')
      .all();
    const names = (await readMigrations(join(clone.directory, 'migrations'))).map(({ name }) => ({ name }));
    expect(JSON.parse(JSON.stringify(applied))).toEqual(names);
  });

  test('an upgrade keeps secrets, bindings and domain', async () => {
    const before = new Map(workerOf('edgemint').secrets);
    const { code, output } = await deploy();
    expect(output.stderr).not.toContain('ERROR');
    expect(code).toBe(0);
    expect(workerOf('edgemint').secrets).toEqual(before);
    expect(bindings('edgemint')).toEqual([...BINDINGS, 'SIGNING_KEY_MAX_AGE']);
    expect(workerOf('edgemint').onWorkersDev).toBe(false);
    expect(output.stdout).toContain('Token URL: https://auth.example.com/oauth2/token');
  });

  test('a second environment shares nothing with the first, and an upgrade keeps its jurisdiction', async () => {
    const args = ['--env', 'staging', '--issuer', 'https://staging.example.com', '--jurisdiction', 'eu'];
    const file = join(clone.directory, 'wrangler.toml');
    const tracked = await readFile(file, 'utf8');
    const stores = workerOf('edgemint').versions.at(-1)?.bindings ?? [];
    const production = {
      database: stores.find(({ name }) => name === 'DB')?.id,
      namespace: stores.find(({ name }) => name === 'KV')?.namespace_id,
    };
    expect(production).toEqual({ database: expect.any(String), namespace: expect.any(String) });
    // Some users write the ids of production into the file.
    const withIds = tracked
      .replace('database_name = "edgemint"', `$&\ndatabase_id = "${production.database}"`)
      .replace('binding = "KV"', `$&\nid = "${production.namespace}"`);
    await writeFile(file, withIds);
    expect((await deploy(...args)).code).toBe(0);
    await writeFile(file, tracked);
    expect((await deploy('--env', 'staging')).code).toBe(0);
    expect([...workerOf('edgemint-staging').secrets.keys()].sort()).toEqual([...SECRETS, 'JURISDICTION'].sort());
    expect(cloudflare.databases.get('edgemint-staging')?.jurisdiction).toBe('eu');
    expect(cloudflare.domains.get('staging.example.com')).toBe('edgemint-staging');
    const idsOf = (name: string) =>
      workerOf(name)
        .versions.at(-1)
        ?.bindings.flatMap(({ id, namespace_id }) => [id, namespace_id])
        .filter((each) => each !== undefined);
    expect(idsOf('edgemint-staging')).toHaveLength(4);
    expect(idsOf('edgemint')?.filter((id) => idsOf('edgemint-staging')?.includes(id))).toEqual([]);
    expect(workerOf('edgemint').secrets.get('MASTER_KEY')).not.toBe(
      workerOf('edgemint-staging').secrets.get('MASTER_KEY'),
    );
  });

  test('a domain outside of the zones of the account is not fixed as the issuer', async () => {
    const { code, output } = await deploy('--env', 'other', '--issuer', 'https://auth.elsewhere.test');
    expect(code).toBe(1);
    expect(output.stderr).toContain('Could not find zone for auth.elsewhere.test');
    expect(workerOf('edgemint-other').secrets.has('ISSUER')).toBe(false);
  });

  test('a rollback serves an earlier version, and the next deployment goes on from there', async () => {
    const { versions } = workerOf('edgemint');
    const earlier = versions.at(-2)?.id ?? '';
    const { code } = await go(
      'npx',
      'wrangler',
      'rollback',
      earlier,
      '--name',
      'edgemint',
      '--yes',
      '--message',
      'back',
    );
    expect(code).toBe(0);
    expect(workerOf('edgemint').deployed).toBe(earlier);
    expect((await deploy()).code).toBe(0);
    expect(workerOf('edgemint').deployed).toBe(workerOf('edgemint').versions.at(-1)?.id);
  });

  test('the stand-in knew every request', () => {
    expect(cloudflare.unknown).toEqual([]);
  });
});
