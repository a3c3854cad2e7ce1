import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import type { Vite } from 'vitest/node';
import { buildAssets } from './src/cli/console/assets.ts';
import { outbound } from './test/outbound.ts';
import type { Size } from './test/size.ts';

/** The test vectors of Project Wycheproof, which lie beside the repository: by file name, `{}` where they are absent. */
const wycheproof = {
  name: 'wycheproof',
  resolveId: (id: string) => (id === 'virtual:wycheproof' ? id : undefined),
  load(id: string) {
    if (id !== 'virtual:wycheproof') return undefined;
    const folder = process.env.WYCHEPROOF_DIR ?? '../shared/wycheproof';
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
    const members = names.map((name) => `${JSON.stringify(name)}: ${readFileSync(join(folder, name), 'utf8')}`);
    return `export default {${members.join()}};`;
  },
};

/**
 * Loads with the Worker what its source loads when a request first needs it. In a test that is a call from the request to Vitest, which never
 * ends if the request does so before: in a runtime that serves several files, all later requests for the module would wait for it.
 */
const eager: Vite.Plugin = {
  name: 'eager',
  enforce: 'pre',
  transform(code, id) {
    if (!/\/src\/(?!cli\/).*\.ts$/.test(id)) return undefined;
    const loaded: string[] = [];
    const changed = code.replaceAll(/\bimport\(('\.[^']+')\)/g, (_, path: string) => {
      loaded.push(`import * as eager${loaded.length} from ${path};`);
      return `Promise.resolve(eager${loaded.length - 1})`;
    });
    // On the last line, so that the others keep their numbers.
    return loaded.length > 0 ? { code: `${changed}\n${loaded.join(' ')}`, map: null } : undefined;
  },
};

const size: Size = process.env.EDGEMINT_TEST_SIZE === 'soak' ? 'soak' : 'small';

/** The test files among some: with `soak`, only those that do more then. */
function filesOf(glob: string): string[] {
  const isLarger = (file: string) => /from '(\.\.?\/)+size\.ts'/.test(readFileSync(file, 'utf8'));
  return size === 'small' ? [glob] : globSync(glob).filter(isLarger);
}

/** A project whose files run in the runtime of the Worker. */
function workers(test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  return {
    plugins: [
      wycheproof,
      eager,
      cloudflareTest(async () => ({
        main: './test/worker.ts',
        wrangler: { configPath: './wrangler.toml' },
        miniflare: {
          // What the Worker fetches: no test reaches the network.
          outboundService: { node: outbound },
          bindings: {
            TEST_MIGRATIONS: await readD1Migrations('./migrations'),
            ISSUER: 'https://auth.example.com',
            MASTER_KEY: 'dGVzdC1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXMtLS0',
            // As random as a real one, by which echoes know it for a secret.
            ROOT_API_KEY: 'test8rootKeyV3xq9ZbW2mKp7LcRf4HnYd6Gs1Ju',
            LOG_SUCCESS_SHARE: '1',
          },
        },
      })),
    ],
    test: {
      setupFiles: ['./test/setup.ts'],
      provide: { size },
      // A test that hangs ends here. No other comes near, not even on a machine that does four times as much.
      testTimeout: size === 'soak' ? 600_000 : 120_000,
      hookTimeout: 120_000,
      ...test,
    },
  };
}

// The Worker's runtime does not start without the folder of its assets.
await buildAssets();

export default defineConfig({
  test: {
    // What the Worker logs is for the tests that look at it.
    onConsoleLog: (text) => !text.startsWith('{"event":'),
    // Much of what is tested is waiting, for a deadline or for another process: two cores have time for three files at once.
    maxWorkers: availableParallelism() + 1,
    projects: [
      workers({
        // Stores that fail and hang leave promises behind that nobody settles: each file has a runtime to itself.
        name: 'faults',
        include: filesOf('test/faults/**/*.test.ts'),
      }),
      workers({
        name: 'workers',
        // One runtime serves several files, one after the other: to start one takes longer than most files. test/setup.ts parts them.
        isolate: false,
        include: filesOf('test/**/*.test.ts'),
        exclude: ['test/{e2e,interop,console,bench,faults}/**', 'test/**/*.unit.test.ts'],
      }),
      {
        test: {
          // What needs no runtime: pure functions, in plain Node.
          name: 'unit',
          isolate: false,
          include: filesOf('test/**/*.unit.test.ts'),
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'node',
          include: filesOf('test/{e2e,interop,console}/**/*.test.ts'),
          exclude: ['test/**/*.unit.test.ts'],
          globalSetup: ['./test/harness/builds.ts'],
          setupFiles: ['./test/patience.ts'],
          // As patient as test/patience.ts: the default of a second is too short for a busy machine.
          expect: { poll: { timeout: 50_000 } },
          provide: { size },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
