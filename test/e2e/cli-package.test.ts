import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../harness/worker.ts';
import { type Clone, cloneProject, processesIn, run } from './project.ts';

const execute = promisify(execFile);

let clone: Clone;

beforeAll(async () => {
  clone = await cloneProject();
  // npm runs this script by itself after `npm ci`.
  await execute('npm', ['run', '-s', 'prepare'], { cwd: clone.directory });
  // Before a test removes what it is built with.
  await execute('npm', ['run', '-s', 'build:package'], { cwd: clone.directory });
});

afterAll(() => clone?.remove());

// The Nodes of this machine: that of the tests, and those of its PATH.
async function nodesByVersion(): Promise<Map<string, string>> {
  const nodes = [process.execPath, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'))];
  const found = await Promise.all(
    nodes.map((node) =>
      execute(node, ['--version']).then(
        ({ stdout }) => [[stdout.trim(), node] as const],
        () => [],
      ),
    ),
  );
  return new Map(found.flat());
}

const version = async () => JSON.parse(await readFile('package.json', 'utf8')).version as string;

test('after an installation there is a command that any Node of the machine runs, with nothing beside it', async () => {
  const { bin } = JSON.parse(await readFile('package.json', 'utf8'));
  const file = join(clone.directory, bin.edgemint);
  await rm(join(clone.directory, 'node_modules'));
  const nodes = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
  const answers = await Promise.all(
    [process.execPath, ...nodes].map((node) =>
      execute(node, [file, '--version']).catch((error) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    ),
  );
  const found = answers.filter((answer) => answer !== undefined);
  expect(found.length).toBeGreaterThan(0);
  for (const { stdout } of found) expect(stdout).toBe(`${await version()}\n`);
  expect((await execute(file, ['--version'])).stdout).toBe(`${await version()}\n`);
});

test('npm run edgemint runs it from its source', async () => {
  const { stdout } = await execute('npm', ['run', '-s', 'edgemint', '--', '--version']);
  expect(stdout).toBe(`${await version()}\n`);
});

describe('the packed package in an empty folder', () => {
  const SECRET = 'a-secret-that-the-tests-of-another-project-know';
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edgemint-dev-'));
    const packed = ['pack', '--silent', '--pack-destination', folder];
    const { stdout } = await execute('npm', packed, { cwd: join(clone.directory, 'dist/package') });
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    await execute('npm', ['install', '--no-audit', '--no-fund', '--offline', `./${stdout.trim()}`], { cwd: folder });
    await writeFile(
      join(folder, 'seed.yaml'),
      `resource_servers: [{ identifier: https://orders.example, name: Orders, scopes: [{ name: read }] }]
clients:
  - client_name: Orders
    client_id: orders
    client_secret: ${SECRET}
    grants: [{ resource_server: https://orders.example, scopes: [read] }]
`,
    );
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('needs no other package, and names no path of the machine that built it', async () => {
    const packages = (await readdir(join(folder, 'node_modules'))).filter((name) => !name.startsWith('.'));
    expect(packages).toEqual(['edgemint']);
    const worker = await readFile(join(folder, 'node_modules/edgemint/dev/worker.json'), 'utf8');
    expect(worker).not.toContain(clone.directory);
  });

  test('serves with edgemint dev, runs a command once it is ready, and ends with it, on each Node of this machine', async () => {
    const command = `[ "$(curl -s -u orders:${SECRET} -d grant_type=client_credentials $EDGEMINT_URL/oauth2/token | grep -c eyJ)" = 1 ] && curl -sf -o page $EDGEMINT_URL/console && exit 7`;
    const nodes = await nodesByVersion();
    expect(nodes.size).toBeGreaterThan(0);
    for (const [version, node] of nodes) {
      const port = String(await freePort());
      const args = ['node_modules/edgemint/edgemint.cjs', 'dev', '--fresh', '--port', port, '--seed', 'seed.yaml'];
      const running = run(folder, [node, ...args, '--', 'sh', '-c', command], {
        XDG_CACHE_HOME: join(folder, 'cache'),
      });
      expect(await running.ended, `${version}: ${running.output.stderr}`).toBe(7);
      expect(running.output.stderr).toContain('orders can get tokens.');
      await vi.waitFor(() => expect(processesIn(folder)).toEqual([]), { timeout: 10_000 });
    }
    expect(await readFile(join(folder, '.edgemint/.gitignore'), 'utf8')).toBe('*\n');
  });

  // There is no container engine here, so the steps of the Dockerfile run on this machine, with its folders in a temporary one.
  test('serves in the way of the Dockerfile', async () => {
    const root = join(folder, 'root');
    await mkdir(join(root, 'data'), { recursive: true });
    const inRoot = (text: string) => text.replace(/(?<=^|[ =])\/(?=opt|var|data)/g, `${root}/`);
    const env: Record<string, string> = {
      npm_config_prefix: join(root, 'usr'),
      PATH: `${join(root, 'usr/bin')}${delimiter}${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      PORT: String(await freePort()),
    };
    let directory = root;
    let entry: string[] = [];
    for (const line of (await readFile('Dockerfile', 'utf8')).split('\n')) {
      const [, step, text = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      const argument = inRoot(text);
      if (step === 'ENV')
        for (const [name, value = ''] of argument.split(' ').map((pair) => pair.split('='))) env[name ?? ''] = value;
      if (step === 'WORKDIR') directory = argument;
      if (step === 'COPY') {
        const [from = '', to = ''] = argument.split(' ');
        await cp(join(clone.directory, from), to, { recursive: true });
      }
      if (step === 'RUN') await execute('sh', ['-c', argument], { cwd: directory, env: { ...process.env, ...env } });
      if (step === 'ENTRYPOINT') entry = JSON.parse(text);
    }
    const ask = 'curl -sf http://127.0.0.1:$PORT/healthz && exit 7';
    const running = run(directory, [...entry, '--', 'sh', '-c', ask], env);
    expect(await running.ended, running.output.stderr).toBe(7);
  });
});
