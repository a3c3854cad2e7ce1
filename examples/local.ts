// What the examples share when they are tried in this repository. The files that you would copy do not need it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EXAMPLES = join(ROOT, 'examples');
/** The command line, as `npm run edgemint` starts it. */
const EDGEMINT = join(ROOT, 'src/cli/edgemint/main.ts');
/** How often a command that is starting is asked whether it answers, in milliseconds. */
const POLL_MS = 100;
/** The organization that the examples live in. */
const ORGANIZATION = 'Examples';

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** An Edgemint to try the examples with: the one of `npm start`, or the one of `EDGEMINT_URL` and `EDGEMINT_API_KEY`. */
export interface Local {
  /** Its issuer. */
  readonly url: string;
  /** The variables that the command line needs. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Applies a declaration of an example, as often as you like.
   * @param file its path below `examples/`
   * @param text the declaration, if it is not the file as it stands
   * @returns the clients with a secret, by name. Secrets are shown once, so they are kept in `.wrangler/examples/`
   */
  apply(file: string, text?: string): Promise<Readonly<Record<string, Credentials>>>;
  /** Runs a command of the command line and returns what it prints. @throws an error with its output, if it fails */
  edgemint(...args: readonly string[]): Promise<string>;
}

/** @throws an error that says what to do, if no Edgemint answers */
export async function connect(): Promise<Local> {
  const { url, apiKey } = await address();
  await requireAnswer(url);
  const env = { EDGEMINT_URL: url, EDGEMINT_API_KEY: apiKey };
  const edgemint = (...args: readonly string[]) => output(process.execPath, [EDGEMINT, ...args], env);
  const names = JSON.parse(await edgemint('organizations', 'list', '--json')) as { data: { name: string }[] };
  if (!names.data.some(({ name }) => name === ORGANIZATION)) {
    await edgemint('organizations', 'create', '--name', ORGANIZATION);
  }
  const inOrganization = { ...env, EDGEMINT_ORGANIZATION: ORGANIZATION };
  const run = (args: readonly string[], input?: string) =>
    output(process.execPath, [EDGEMINT, ...args], inOrganization, input);
  return {
    url,
    env: inOrganization,
    edgemint: (...args) => run(args),
    async apply(file, text) {
      const kept = join(ROOT, '.wrangler/examples', dirname(file));
      await mkdir(kept, { recursive: true });
      const secrets = join(kept, `${new Date().toISOString().replaceAll(':', '-')}.jsonl`);
      const source = text === undefined ? join(EXAMPLES, file) : '-';
      await run(['apply', '-f', source, '--yes', '--secrets-file', secrets], text);
      return readSecrets(kept);
    },
  };
}

/** Starts a program of an example, waits for a line of its output, runs the task, and stops the program. */
export async function serving(
  file: string,
  env: Readonly<Record<string, string>>,
  line: string,
  task: () => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [join(EXAMPLES, file)], { env: { ...process.env, ...env } });
  child.stderr.pipe(process.stderr);
  try {
    await untilPrinted(child, line);
    await task();
  } finally {
    child.kill();
  }
}

/** Starts a command, waits until a URL answers, runs the task, and stops the command. */
export async function servingCommand(
  command: string,
  args: readonly string[],
  url: string,
  task: () => Promise<void>,
): Promise<void> {
  const child = spawn(command, [...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const isUp = () =>
      fetch(url).then(
        () => true,
        () => false,
      );
    while (child.exitCode === null && !(await isUp())) await sleep(POLL_MS);
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}.`);
    await task();
  } finally {
    child.kill();
    await ended;
  }
}

/** Runs a program of an example, and shows what it prints. @throws an error if it fails */
export async function shown(file: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, [join(EXAMPLES, file)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} ended with ${code}.`);
}

/** Runs a command and returns what it prints. @throws an error with its output, if it fails */
export async function output(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
  expected: readonly number[] = [0],
): Promise<string> {
  const child = spawn(command, [...args], { env: { ...process.env, ...env } });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = await once(child, 'close');
  if (!expected.includes(code)) throw new Error(`${args.join(' ')} ended with ${code}:\n${stdout()}${stderr()}`);
  return stdout();
}

/** Returns a port that no process listens on. */
export async function localPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function address(): Promise<{ readonly url: string; readonly apiKey: string }> {
  const { EDGEMINT_URL, EDGEMINT_API_KEY, PORT = '8787' } = process.env;
  if (EDGEMINT_URL && EDGEMINT_API_KEY) return { url: EDGEMINT_URL, apiKey: EDGEMINT_API_KEY };
  const variables = parseEnv(await readFile(join(ROOT, '.dev.vars'), 'utf8').catch(() => ''));
  if (!variables.ROOT_API_KEY) throw new Error('Start Edgemint first, in another shell: npm start');
  return { url: EDGEMINT_URL ?? variables.ISSUER ?? `http://localhost:${PORT}`, apiKey: variables.ROOT_API_KEY };
}

async function requireAnswer(url: string): Promise<void> {
  const answer = await fetch(`${url}/healthz`).catch(() => undefined);
  if (!answer?.ok) throw new Error(`No Edgemint answers at ${url}. Start it first, in another shell: npm start`);
}

/** Reads the secrets that were shown when the clients were created. Later files win. */
async function readSecrets(directory: string): Promise<Record<string, Credentials>> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.jsonl')).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line !== '');
  const clients = lines.map((line) => JSON.parse(line) as Credentials & { client_name: string });
  return Object.fromEntries(clients.map((client) => [client.client_name, client]));
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return () => text;
}

async function untilPrinted(child: ChildProcess, line: string): Promise<void> {
  const { stdout } = child;
  if (!stdout) throw new Error('The program has no output.');
  const printed = collect(stdout);
  await new Promise<void>((resolve, reject) => {
    stdout.on('data', () => printed().includes(line) && resolve());
    child.once('exit', (code) => reject(new Error(`It ended with ${code} before it printed "${line}":\n${printed()}`)));
  });
}
