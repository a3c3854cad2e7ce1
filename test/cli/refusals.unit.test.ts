import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/edgemint/program.ts';
import { run } from '../../src/cli/edgemint/run.ts';
import { Terminal } from '../../src/cli/edgemint/terminal.ts';
import { noIo, Recorder } from '../e2e/cli/person.ts';

/** Right values of required arguments and options, by name. */
const VALUES: Readonly<Record<string, string>> = {
  client: 'emc_18Sd2cbnL63519K2GXrfrVaHAwcVXb',
  organization: 'org_7n42DGM5Tflk9n8mt7Fhc7',
  'resource-server': 'rs_7n42DGM5Tflk9n8mt7Fhc7',
  role: 'role_7n42DGM5Tflk9n8mt7Fhc7',
  'api-key': 'key_7n42DGM5Tflk9n8mt7Fhc7',
  webhook: 'wh_7n42DGM5Tflk9n8mt7Fhc7',
  secret: 'sec_7n42DGM5Tflk9n8mt7Fhc7',
  method: 'GET',
  path: 'clients',
  shell: 'bash',
  provider: 'okta',
  '--out': '/nowhere/worker.pem',
};

/** Commands whose first request is not to the API of one server, or that send none. */
const WITHOUT_API = [
  'dev',
  'completion',
  'complete',
  'backup',
  'restore',
  'resync',
  'tail',
  'import',
  'use',
  'profiles',
];
const LOCAL = [...WITHOUT_API, 'decode', 'logout', 'help'];
/** Options without which a command asks nothing of the server. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  update: ['--name', 'x'],
  issue: ['--client-id', 'emc_x'],
  apply: ['-f', '-'],
};

const leaves = (command: Command): Command[] =>
  command.commands.length > 0 ? command.commands.flatMap(leaves) : [command];
const all = leaves(createProgram(new Terminal(noIo()), async () => 0)).filter(
  (command) => command.name() !== 'complete' && command.name() !== 'help',
);
const pathOf = (command: Command): string[] => (command.parent ? [...pathOf(command.parent), command.name()] : []);
const named = all.map((command) => [pathOf(command).join(' '), command] as const);

let server: Server;
let answer: { readonly status: number; readonly body: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(answer.status).end(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

async function call(args: readonly string[]) {
  const [stdout, stderr] = [new Recorder(), new Recorder()];
  const stdin = new PassThrough();
  stdin.end('clients: []\n');
  const env = {
    EDGEMINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    EDGEMINT_API_KEY: 'key',
    EDGEMINT_CLIENT_SECRET: 'secret',
    EDGEMINT_TOKEN: 'a.b.c',
  };
  const code = await run(args, { ...noIo(), stdin, stdout, stderr, env });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

const required = (command: Command) => command.registeredArguments.filter((argument) => argument.required);

function callOf(command: Command): string[] {
  const mandatory = command.options.filter((option) => option.mandatory).map((option) => option.long ?? '');
  return [
    ...pathOf(command),
    ...required(command).map((argument) => VALUES[argument.name()] ?? '1042'),
    ...mandatory.flatMap((name) => [name, VALUES[name] ?? 'https://x.example']),
    ...(OPTIONS[command.name()] ?? []),
    '--yes',
  ];
}

describe('a refusal is a sentence, an exit code of 1 and a problem document:', () => {
  const problem = (status: number, title: string) =>
    [status, JSON.stringify({ type: 'about:blank', title, status, error: title, detail: 'Why.' })] as const;
  const answers = [
    problem(401, 'unauthorized'),
    problem(403, 'forbidden'),
    problem(404, 'not_found'),
    problem(409, 'conflict'),
    problem(412, 'precondition_failed'),
    problem(422, 'validation_failed'),
    problem(429, 'too_many_requests'),
    problem(503, 'unavailable'),
    [500, ''],
    [502, '<html>Bad gateway</html>'],
    [200, '<html>Welcome</html>'],
  ] as const;

  test.each(named.filter(([, command]) => !LOCAL.includes(command.name())))('%s', async (_, command) => {
    for (const [status, body] of answers) {
      answer = { status, body };
      const { code, stdout, stderr } = await call(callOf(command));
      const label = `${status} ${body}: ${stderr}`;
      expect(code, label).toBe(1);
      if (command.name() !== 'api') expect(stdout, label).toBe('');
      const lines = stderr.split('\n').filter((line) => line !== '' && !line.includes('Trying again in'));
      expect(lines.length, label).toBeLessThanOrEqual(status === 401 ? 2 : 1);
      expect(stderr, label).not.toMatch(/^\s+at |This should not have happened/m);
      const json = await call([...callOf(command), '--json']);
      expect(JSON.parse(json.stdout), label).toMatchObject({ title: expect.stringMatching(/./) });
      expect([json.code, json.stderr]).toEqual([code, stderr]);
    }
  });

  test.each(['null', '"x"', '5', '[]', '{}'])('a list that is %s is none', async (body) => {
    answer = { status: 200, body };
    const { code, stderr } = await call(['clients', 'list']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^\S+\/v1\/clients did not answer .*\n$/)]);
  });

  test.each([['issue'], ['introspect']])('the answer to tokens %s is one of an Edgemint', async (name) => {
    for (const body of ['null', '"x"', '{}']) {
      answer = { status: 200, body };
      expect(await call(['tokens', name, '--client-id', 'emc_x'])).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('did not answer as an Edgemint does'),
      });
    }
  });

  test('what was not foreseen is a sentence too, which says how to learn more', async () => {
    answer = { status: 200, body: '{}' };
    const { code, stderr } = await call(['me']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^This should not have happened: .+ EDGEMINT_DEBUG=1 shows where it did\.\n$/),
    ]);
  });
});

describe('a wrong call names what is wrong, exits with 2 and is a problem document:', () => {
  const faultsOf = (command: Command): (readonly [readonly string[], string])[] => {
    const right = callOf(command);
    const wrongValue = (option: Option) => [[...right, option.long ?? '', '~\u001b[2J'], option.long ?? ''] as const;
    const parsed = command.options.filter(
      ({ argChoices, parseArg, variadic }) => (argChoices || parseArg) && !variadic,
    );
    // A parser of a repeatable option may take any text.
    const strict = parsed.filter(({ argChoices, description }) => argChoices || !description.endsWith('(repeatable)'));
    const valued = command.options.filter((option) => option.required);
    const first = required(command)[0];
    const isOpen = command.registeredArguments.some((argument) => argument.variadic);
    return [
      ...(first ? [[pathOf(command), `<${first.name()}> is required.`] as const] : []),
      [[...right, '--nonsense'], '--nonsense is unknown.'],
      ...(isOpen ? [] : [[[...right, 'more', 'and', 'more'], 'too many'] as const]),
      ...strict.filter(({ long }) => long !== '--reset').map(wrongValue),
      ...valued.map(({ long }) => [[...right, long ?? ''], `${long} needs a value.`] as const),
    ];
  };

  test.each(named)('%s', async (_, command) => {
    for (const [args, expected] of faultsOf(command)) {
      const { code, stdout, stderr } = await call(args);
      const label = `${args.join(' ')}: ${stderr}`;
      expect(code, label).toBe(2);
      expect(stdout, label).toBe('');
      expect(stderr, label).toContain(expected);
      expect(stderr, label).not.toContain('\u001b[2J');
      const end = args.at(-1)?.startsWith('--') && args.at(-1) !== '--nonsense' ? [] : ['--json'];
      const json = await call(end.length > 0 ? [...args, ...end] : ['--json', ...args]);
      expect(JSON.parse(json.stdout), label).toMatchObject({ type: 'urn:edgemint:cli:usage' });
    }
  });

  test.each([
    [['clinets'], "Unknown command 'clinets'. Did you mean clients?"],
    [['tokens', 'isue'], "Unknown command 'isue'. Did you mean issue?"],
    [['clients', 'list', '--limt', '3'], '--limt is unknown. Did you mean --limit?'],
    [['clients'], 'Usage: edgemint clients'],
    [[], 'Usage: edgemint'],
  ])('%s', async (args, expected) => {
    expect(await call(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(expected) });
    const json = await call([...args, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ type: 'urn:edgemint:cli:usage', detail: expect.any(String) });
  });
});
