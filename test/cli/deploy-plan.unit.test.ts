import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { configurationFor, databaseIdOf, parseConfiguration } from '../../src/cli/deploy/configuration.ts';
import { planDeployment } from '../../src/cli/deploy/plan.ts';

const ALL = ['ISSUER', 'MASTER_KEY', 'ROOT_API_KEY'];

const plan = (databaseExists: boolean, secrets: string[], issuerIsReady: boolean, hasMasterKey = false) =>
  planDeployment({ databaseExists, secrets, note: undefined }, { issuerIsReady, hasMasterKey });

describe('the plan of a deployment', () => {
  test('migrates before it deploys, whatever is there', () => {
    for (const databaseExists of [true, false]) {
      for (let mask = 0; mask < 8; mask++) {
        const secrets = ALL.filter((_, bit) => mask & (1 << bit));
        for (const issuerIsKnown of [true, false]) {
          const steps = plan(databaseExists, secrets, issuerIsKnown).map((step) => step.do);
          expect(steps.indexOf('apply migrations')).toBeLessThan(steps.indexOf('deploy'));
          expect(steps.includes('create database')).toBe(!databaseExists);
        }
      }
    }
  });

  test('sets each secret that is missing once, and none that is there', () => {
    for (let mask = 0; mask < 8; mask++) {
      const secrets = ALL.filter((_, bit) => mask & (1 << bit));
      for (const issuerIsKnown of [true, false]) {
        const set = plan(true, secrets, issuerIsKnown).flatMap((step) =>
          step.do === 'deploy' ? [...step.keys, ...(step.issuer === 'set' ? ['ISSUER'] : [])] : [],
        );
        expect([...secrets, ...set].sort()).toEqual(ALL);
      }
    }
  });

  test('asks whether the database was used only where a fresh master key would meet an old database', () => {
    const asks = (databaseExists: boolean, secrets: string[], hasMasterKey = false) =>
      plan(databaseExists, secrets, true, hasMasterKey).some((step) => step.do === 'require an unused database');
    expect(asks(true, [])).toBe(true);
    expect(asks(true, ['ROOT_API_KEY', 'ISSUER'])).toBe(true);
    expect(asks(false, [])).toBe(false);
    expect(asks(true, ALL)).toBe(false);
    expect(asks(true, [], true)).toBe(false);
    const compares = plan(true, ['ISSUER'], true, true).map((step) => step.do);
    expect(compares).toContain('require the master key of the database');
  });
});

describe('the configuration of a deployment from a wrangler.toml with the ids of its stores', async () => {
  const text = (await readFile('wrangler.toml', 'utf8'))
    .replace('database_name = "edgemint"', '$&\ndatabase_id = "id-of-d1"\npreview_database_id = "preview-of-d1"')
    .replace('binding = "KV"', '$&\nid = "id-of-kv"\npreview_id = "preview-of-kv"');
  const tracked = parseConfiguration(text);

  test('has none of them for an environment, which has stores of its own', () => {
    const staging = configurationFor(tracked, { environment: 'staging', domain: undefined });
    expect(staging.d1_databases).toEqual([
      { binding: 'DB', database_name: 'edgemint-staging', migrations_dir: 'migrations' },
    ]);
    expect(staging.kv_namespaces).toEqual([{ binding: 'KV' }]);
    expect(JSON.stringify(staging)).not.toMatch(/(id|preview)-of-/);
    expect(databaseIdOf(staging)).toBeUndefined();
  });

  test('has all of them without an environment', () => {
    const own = configurationFor(tracked, { environment: undefined, domain: undefined });
    expect([own.d1_databases, own.kv_namespaces]).toEqual([tracked.d1_databases, tracked.kv_namespaces]);
    expect(databaseIdOf(own)).toBe('id-of-d1');
  });
});
