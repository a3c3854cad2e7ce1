import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../harness/worker.ts';
import { type Clone, cloneProject, processesIn, type Running, run, written } from './project.ts';

const MASTER_KEY = 'dGVzdC1tYXN0ZXIta2V5LXdpdGgtMzItYnl0ZXMtLS0';
const ROOT_API_KEY = 'a-root-api-key-with-at-least-32-characters';

let clone: Clone;
let started: Running | undefined;

beforeAll(async () => {
  clone = await cloneProject();
});

/** Kills every process that a failed test left behind. */
async function clean(): Promise<void> {
  for (const pid of processesIn(clone.directory)) process.kill(pid, 'SIGKILL');
  await started?.ended;
}

afterAll(async () => {
  await clean();
  await clone.remove();
});

const inClone = (path: string) => join(clone.directory, path);

async function start(port: number | string, command = ['node', 'src/cli/start.ts']): Promise<Running> {
  await clean();
  started = run(clone.directory, command, { PORT: String(port) });
  return started;
}

async function serving(port: number, command?: string[]): Promise<Running> {
  const running = await start(port, command);
  await written(running, 'start.log');
  return running;
}

function pastedLines({ output }: Running): { token: string; introspect: string } {
  const [token = '', introspect = ''] = output.stdout.split('\n').filter((line) => line.startsWith('curl '));
  return { token, introspect };
}

async function paste(line: string) {
  return JSON.parse((await promisify(execFile)('bash', ['-c', line], { cwd: clone.directory })).stdout);
}

/** Returns the code blocks of a language in the README, changed to another port. */
async function readmeBlocks(language: string, port: number): Promise<string[]> {
  const readme = await readFile(inClone('README.md'), 'utf8');
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, block = '']) => block.replaceAll('localhost:8787', `localhost:${port}`));
}

/** Runs the example of an API and of a machine by the lines that `npm start` printed, and disables the client of the machine. */
async function runExamples({ output }: Running, client_id: string): Promise<void> {
  const lineWith = (text: string) => output.stdout.split('\n').find((line) => line.includes(text)) ?? text;
  const shell = (line: string) => run(clone.directory, ['bash', '-c', line]);
  const api = shell(lineWith('example:api'));
  await written(api, '/orders');
  const machine = shell(lineWith('example:machine'));
  try {
    await written(machine, `200 {"caller":{"client_id":"${client_id}"`);
    const disabled = shell(lineWith('--status disabled'));
    expect(await disabled.ended).toBe(0);
    await written(machine, '401 {"error":"invalid_token"');
  } finally {
    for (const { process: child } of [api, machine]) process.kill(-(child.pid ?? 0), 'SIGINT');
    await Promise.all([api.ended, machine.ended]);
  }
}

/** Waits: a killed process disappears a moment later. */
function expectNoProcesses(): Promise<void> {
  return vi.waitFor(() => expect(processesIn(clone.directory)).toEqual([]), { timeout: 5000 });
}

/** Counts the organizations and clients in the database. Reads its file directly, because a query through wrangler takes seconds. */
function held(): unknown {
  const files = globSync('.wrangler/state/v3/d1/**/*.sqlite', { cwd: clone.directory });
  const counts = files.map((file) => {
    const database = new DatabaseSync(inClone(file), { readOnly: true });
    const isIt = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'organizations'").get();
    const query =
      'SELECT (SELECT count(*) FROM organizations) AS organizations, (SELECT count(*) FROM clients) AS clients';
    const found = isIt && { ...database.prepare(query).get() };
    database.close();
    return found;
  });
  return counts.find((found) => found !== undefined);
}

describe('npm start', () => {
  let first: { token: string; introspect: string };
  let firstPort: number;

  test('serves a fresh clone; the lines that it prints, and the README’s line and code, get a token and check it', async () => {
    firstPort = await freePort();
    const starting = await start(firstPort, ['npm', 'start']);
    await written(starting, `Starting http://localhost:${firstPort}`);
    // Before anything answers.
    await expect(fetch(`http://localhost:${firstPort}/healthz`)).rejects.toThrow();
    await written(starting, 'start.log');
    const running = starting;
    const { stdout } = running.output;
    const steps = [
      'Applying the migrations',
      'Building and starting',
      'Making the demo',
      'Edgemint serves',
      'Console: ',
    ];
    const places = steps.map((step) => stdout.indexOf(step));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    for (const page of ['console', 'docs']) {
      expect(stdout).toContain(`http://localhost:${firstPort}/${page}`);
      expect((await fetch(`http://localhost:${firstPort}/${page}`)).status, page).toBe(200);
    }
    first = pastedLines(running);

    const { access_token, scope } = await paste(first.token);
    expect(decodeJwt(access_token).iss).toBe(`http://localhost:${firstPort}`);
    const { client_id } = decodeJwt(access_token);
    expect(await paste(first.introspect)).toMatchObject({ active: true, scope, client_id });

    const curl = (await readmeBlocks('sh', firstPort)).find((block) => block.startsWith('curl ')) ?? '';
    const fromReadme = await paste(curl);
    expect(fromReadme).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope });

    const blocks = await readmeBlocks('ts', firstPort);
    await writeFile(inClone('readme.ts'), blocks.join('\n'));
    const readClient = async (name: string) =>
      (await readFile(inClone(`.wrangler/demo/${name}`), 'utf8')).trim().split(':');
    const caller = await readClient('api');
    [process.env.API_ID, process.env.API_SECRET] = caller;
    [process.env.CLIENT_ID, process.env.CLIENT_SECRET] = await readClient('worker');
    const { source, callerOf, strict } = await import(inClone('readme.ts'));
    const scopes = scope.split(' ');
    const bySource = await source.token();
    for (const valid of [fromReadme.access_token, bySource.access_token]) {
      const withToken = (token: string) =>
        new Request('http://localhost:8788/orders', { headers: { Authorization: `Bearer ${token}` } });
      expect(await callerOf(withToken(valid))).toMatchObject({ client_id, scopes });
      expect(await strict.verify(valid)).toMatchObject({ client_id, scopes });
      await expect(callerOf(withToken(`${valid}x`))).rejects.toThrow();
      await expect(strict.verify(`${valid}x`)).rejects.toThrow();
    }

    await runExamples(running, client_id as string);

    // The log is in the file that the last printed line names, and holds no secret.
    const log = await vi.waitFor(async () => {
      const text = await readFile(inClone('.wrangler/start.log'), 'utf8');
      expect(text).toContain('"route":"/oauth2/introspect"');
      // Each success has its line.
      for (const token of [access_token, fromReadme.access_token])
        expect(text).toContain(`"jti":"${decodeJwt(token).jti}"`);
      return text;
    });
    const secrets = (await readFile(inClone('.dev.vars'), 'utf8')).matchAll(/^(?:MASTER_KEY|ROOT_API_KEY)=(.+)$/gm);
    for (const secret of [...[...secrets].map(([, value = '']) => value), caller[1] ?? '']) {
      expect(secret).not.toBe('');
      expect(log).not.toContain(secret);
    }

    // With wrangler's explorer any local process could read and change the database. Its path is ours, as every other.
    const explorer = `http://localhost:${firstPort}/cdn-cgi/local/explorer`;
    for (const path of ['', '/', '/api', '/api/d1/database']) {
      const answer = await fetch(`${explorer}${path}`);
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        404,
        expect.stringContaining('No such endpoint'),
      ]);
    }

    // The scheduled handler runs right after the start, and then every minute.
    await vi.waitFor(
      async () => {
        const health = await (await fetch(`http://localhost:${firstPort}/healthz`)).json();
        expect(health).toMatchObject({ last_success: { purge: expect.any(String) } });
      },
      { timeout: 15_000, interval: 500 },
    );

    // wrangler dev finds the assets in node_modules.
    expect((await fetch(`http://localhost:${firstPort}/docs/swagger-ui.css`)).status).toBe(200);

    // On ctrl-C a terminal signals the whole foreground process group.
    process.kill(-(running.process.pid ?? 0), 'SIGINT');
    await running.ended;
    await expectNoProcesses();
    expect(running.output.stderr).not.toMatch(/wrangler/i);
  });

  test('started again, on another port, shows the same demo and seeds nothing twice', async () => {
    const port = await freePort();
    const running = await serving(port);
    const again = pastedLines(running);
    expect(again.token).toBe(first.token.replaceAll(String(firstPort), String(port)));
    expect(decodeJwt((await paste(again.token)).access_token).iss).toBe(`http://localhost:${port}`);
    expect(await paste(again.introspect)).toMatchObject({ active: true });
    expect(held()).toEqual({ organizations: 1, clients: 2 });

    // A supervisor signals this process only.
    running.process.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    await expectNoProcesses();
  });

  test('with another MASTER_KEY than the database was made with refuses, and says how to go on', async () => {
    const made = await readFile(inClone('.dev.vars'), 'utf8');
    await writeFile(inClone('.dev.vars'), `MASTER_KEY=${MASTER_KEY}\nROOT_API_KEY=${ROOT_API_KEY}\n`);
    const running = await start(await freePort());
    expect(await running.ended).toBe(1);
    expect(running.output.stderr).toBe(
      'The data in .wrangler/ was made with another MASTER_KEY than the one in .dev.vars. Put that MASTER_KEY back, or remove .wrangler/ to start afresh.\n',
    );
    expect(running.output.stdout).not.toContain('Edgemint serves');
    await expectNoProcesses();
    expect(held()).toEqual({ organizations: 1, clients: 2 });
    await writeFile(inClone('.dev.vars'), made);
  });

  // One start for two tests, since each takes ten seconds.
  describe('once more', () => {
    let running: Running;

    test('seeds a new demo when .wrangler/ was removed', async () => {
      await rm(inClone('.wrangler'), { recursive: true });
      running = await serving(await freePort());
      const lines = pastedLines(running);
      expect(lines.token.split(' ')[3]).not.toBe(first.token.split(' ')[3]);
      expect(await paste(lines.introspect)).toMatchObject({ active: true });
    });

    test('ends with a sentence, and leaves no process behind, when its server dies', async () => {
      const isServer = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('wrangler-dist/cli.js');
      for (const pid of processesIn(clone.directory).filter(isServer)) process.kill(pid, 'SIGKILL');
      expect(await running.ended).toBe(1);
      expect(running.output.stderr).toMatch(/^wrangler dev ended unexpectedly/);
      await expectNoProcesses();
    });
  });
});

describe('npm start with --seed', () => {
  const SECRET = 'a-secret-that-the-tests-of-another-project-know';
  const file = () => inClone('seed.yaml');

  async function issued(port: number): Promise<number> {
    const { status } = await fetch(`http://127.0.0.1:${port}/oauth2/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`orders:${SECRET}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    return status;
  }

  test('makes the clients of the file, with the ids and secrets in it, listens on HOST, and makes no demo', async () => {
    await writeFile(inClone('known-secret'), `${SECRET}-too\n`);
    await writeFile(
      file(),
      `resource_servers:
  - identifier: https://orders.example
    name: Orders
    scopes: [{ name: read }]
clients:
  - client_name: Orders
    client_id: orders
    client_secret: ${SECRET}
    grants: [{ resource_server: https://orders.example, scopes: [read] }]
  - client_name: Others
    client_id: others
    client_secret: { file: known-secret }
`,
    );
    const port = await freePort();
    const command = ['node', 'src/cli/start.ts', '--seed', 'seed.yaml'];
    await clean();
    started = run(clone.directory, [...command, '--fresh'], { PORT: String(port), HOST: '127.0.0.1' });
    await written(started, 'orders, others can get tokens.');
    expect(await issued(port)).toBe(200);
    expect(held()).toEqual({ organizations: 1, clients: 2 });
    started.process.kill('SIGTERM');
    await started.ended;

    // Started again, the file changes nothing.
    started = run(clone.directory, command, { PORT: String(port), HOST: '127.0.0.1' });
    await written(started, 'orders, others can get tokens.');
    expect(await issued(port)).toBe(200);
    expect(held()).toEqual({ organizations: 1, clients: 2 });
    await clean();
  });

  test('and a file that does not exist, or is no declaration, ends with a sentence', async () => {
    const missing = run(clone.directory, ['node', 'src/cli/start.ts', '--seed', 'none.yaml']);
    expect(await missing.ended).toBe(1);
    expect(missing.output).toEqual({ stdout: '', stderr: `${inClone('none.yaml')} does not exist.\n` });
    const wrong = run(clone.directory, ['node', 'src/cli/start.ts', '--seeds', 'seed.yaml']);
    expect(await wrong.ended).toBe(1);
    expect(wrong.output.stderr).toContain('--seeds');
    const host = run(clone.directory, ['node', 'src/cli/start.ts'], { HOST: 'auth.example.com' });
    expect(await host.ended).toBe(1);
    expect(host.output.stderr).toMatch(/^HOST auth.example.com cannot be used: .*\.\n$/);
  });
});

describe('npm start refuses in one sentence, having started nothing:', () => {
  async function refusal(port: number | string): Promise<string> {
    await rm(inClone('.wrangler'), { recursive: true, force: true });
    const running = await start(port);
    expect(await running.ended).toBe(1);
    expect(running.output.stdout).toBe('');
    expect(existsSync(inClone('.wrangler'))).toBe(false);
    expect(running.output.stderr).toMatch(/^[^\n]+\.\n$/);
    return running.output.stderr;
  }

  test.each(['127.0.0.1', '0.0.0.0', '::1'])('a port that is busy on %s', async (host) => {
    const port = await freePort();
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(port, host, resolve));
    expect(await refusal(port)).toContain(`Port ${port} is in use`);
    await new Promise((resolve) => busy.close(resolve));
  });

  test('a PORT that is none', async () => {
    expect(await refusal('eighty')).toContain('PORT');
  });

  test.each([
    ['a malformed MASTER_KEY', 'MASTER_KEY is malformed', { MASTER_KEY: 'too-short', ROOT_API_KEY }],
    ['a missing MASTER_KEY', 'MASTER_KEY is missing', { ROOT_API_KEY }],
    ['a missing ROOT_API_KEY', 'ROOT_API_KEY is missing', { MASTER_KEY }],
    ['a malformed ROOT_API_KEY', 'ROOT_API_KEY is malformed', { MASTER_KEY, ROOT_API_KEY: 'secret' }],
    ['a malformed ISSUER', 'ISSUER is malformed', { MASTER_KEY, ROOT_API_KEY, ISSUER: 'http://auth.example.com/' }],
  ])('%s', async (_, complaint, variables) => {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(inClone('.dev.vars'), lines.join(''));
    const sentence = await refusal(await freePort());
    expect(sentence).toContain(complaint);
    for (const value of Object.values(variables)) expect(sentence).not.toContain(value);
  });

  test('a .dev.vars that is a folder', async () => {
    await rm(inClone('.dev.vars'));
    await mkdir(inClone('.dev.vars'));
    expect(await refusal(await freePort())).toBe('.dev.vars is a folder, but must be a file. Move it away.\n');
    await rm(inClone('.dev.vars'), { recursive: true });
  });
});

describe('npm start says in one sentence', () => {
  // Root may write everywhere, so a process of root starts the command as another user.
  const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

  async function sentence(): Promise<string> {
    const running = await start(await freePort(), [...asNobody, process.execPath, 'src/cli/start.ts']);
    expect(await running.ended).toBe(1);
    expect(running.output.stderr).toMatch(/^[^\n]+\.\n$/);
    return running.output.stderr;
  }

  test('that its folder cannot be written', async () => {
    await rm(inClone('.dev.vars'), { force: true });
    await chmod(clone.directory, 0o555);
    expect(await sentence()).toBe('This user may not access .dev.vars. Change its permissions or its owner.\n');
    await chmod(clone.directory, 0o755);
  });

  test('that .wrangler is a file, or cannot be written', async () => {
    await rm(inClone('.wrangler'), { recursive: true, force: true });
    await writeFile(inClone('.dev.vars'), `MASTER_KEY=${MASTER_KEY}\nROOT_API_KEY=${ROOT_API_KEY}\n`);
    await writeFile(inClone('.wrangler'), '');
    expect(await sentence()).toContain('.wrangler cannot be used: there is a file in place of a folder.');
    await rm(inClone('.wrangler'));
    for (const unwritable of ['.wrangler', '.wrangler/state']) {
      await mkdir(inClone(unwritable), { recursive: true });
      await chmod(inClone(unwritable), 0o555);
      expect(await sentence()).toContain(`This user may not access ${unwritable}.`);
      await chmod(inClone(unwritable), 0o777);
    }
    await rm(inClone('.wrangler'), { recursive: true });
  });
});
