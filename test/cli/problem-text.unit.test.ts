import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { CommandLine } from '../../src/cli/edgemint/command-line.ts';
import { REQUEST_OPTIONS } from '../../src/cli/edgemint/option-table.ts';
import { createProgram } from '../../src/cli/edgemint/program.ts';
import { RequestError } from '../../src/cli/edgemint/request-error.ts';
import { Terminal } from '../../src/cli/edgemint/terminal.ts';
import { noIo } from '../e2e/cli/person.ts';

/** Options that set nothing in a request to the management API. */
const LOCAL = [
  '--no-open',
  ...['--url', '--profile', '--json', '--yes', '--no-wait', '--version', '--all', '--reset', '--from'],
  ...['--own-secret', '--only', '--verify', '--apply', '--output', '--file', '--shared', '--prune', '--dry-run'],
  ...['--exit-code', '--secrets-file', '--confirm', '--substitute', '--secrets-dir', '--new-secrets', '--mappings'],
  ...['--out', '--key-file', '--input', '--paginate', '--include', '--field', '--raw-field', '--worker', '--env'],
  ...['--client', '--reason', '--event', '--stdin'],
  // Of requests to OAuth endpoints, whose errors name no field.
  ...['--scope', '--resource', '--claims', '--strong'],
];

const program = createProgram(new Terminal(noIo()), async () => 0);
/** Commands that send no request whose errors name fields. */
const WITHOUT_FIELDS = ['backup', 'restore', 'gates', 'import', 'dev', 'console'];
const commands = (function all(command: Command): Command[] {
  return [command, ...command.commands.filter((one) => !WITHOUT_FIELDS.includes(one.name())).flatMap(all)];
})(program);

test('each option of each command sets a field that errors can name, or none', () => {
  const unknown = commands.flatMap((command) => {
    const fields = command instanceof CommandLine ? command.fields : [];
    const known = new Set(fields.flatMap(({ flags }) => /--[\w-]+/.exec(flags) ?? []));
    return command.options
      .map(({ long }) => long ?? '')
      .filter((long) => !known.has(long) && !(long in REQUEST_OPTIONS) && !LOCAL.includes(long))
      .map((long) => `${command.name()} ${long}`);
  });
  expect(unknown).toEqual([]);
});

test('the table has no option that no command has', () => {
  const all = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
  expect(Object.keys(REQUEST_OPTIONS).filter((long) => !all.has(long))).toEqual([]);
});

describe('an error of the API is said by options:', () => {
  const commandOf = (...names: string[]) =>
    names.reduce<Command>((parent, name) => {
      const found = parent.commands.find((command) => command.name() === name);
      if (!found) throw new Error(name);
      return found;
    }, program);
  const say = (command: string[], pointer: string, detail: string, body: object) =>
    new RequestError(422, { title: 'Wrong', errors: [{ pointer, detail }] }, { sent: { body } })
      .describeFor(commandOf(...command))
      .split('\n')[1];

  test.each([
    [
      ['clients', 'create'],
      '/client_name',
      '`client_name` is required.',
      {},
      "`--name` is required. Example: --name 'Invoice worker'",
    ],
    [
      ['clients', 'create'],
      '/access_token_ttl',
      'Too big: expected number to be <=86400',
      { access_token_ttl: 172_800 },
      '--access-token-ttl: must be at most 86400 s (1d), not `2d`. Example: --access-token-ttl 10m',
    ],
    [
      ['secrets', 'rotate'],
      '/grace_seconds',
      'Too small: expected number to be >=1',
      { grace_seconds: 0 },
      '--grace: must be at least 1 s, not `0s`. Example: --grace 1h',
    ],
    [
      ['clients', 'create'],
      '/metadata/team',
      'Too big: expected string to have <=3 characters',
      { metadata: { team: 'long' } },
      '--metadata (/metadata/team): must have at most 3 characters, not `long`.',
    ],
    [
      ['clients', 'create'],
      '/quota/tokens_per_day',
      'Too small: expected number to be >=1',
      { quota: { tokens_per_day: 0 } },
      '--quota-day: must be at least 1, not `0`.',
    ],
    [
      ['tokens', 'revoke'],
      '/expires_at',
      '`expires_at` is too far ahead.',
      { expires_at: '2999-01-01T00:00:00Z' },
      '--expires-at: `--expires-at` is too far ahead. It is `2999-01-01T00:00:00Z`.',
    ],
  ])('%s %s', (command, pointer, detail, body, sentence) => {
    expect(say(command, pointer, detail, body)).toContain(`  ${sentence}`);
  });

  test('a secret is never repeated, and nothing steers the terminal', () => {
    const secret = { client_secret: 'do-not-show' };
    expect(say(['clients', 'create'], '/client_secret', 'is too easy to guess', secret)).not.toContain('do-not-show');
    const odd = say(['clients', 'create'], '/owner', 'must be text', { owner: '\u001b[2J' });
    expect(odd).toContain('not `�[2J`');
  });
});

test('an organization that does not exist is said with what names it', () => {
  const errors = [{ parameter: 'organization_id', detail: 'There is no such organization.' }];
  const say = (organizationNamedBy?: string) => {
    const sent = { query: { organization_id: 'org_gone' }, organizationNamedBy };
    return new RequestError(404, { title: 'Not found', errors }, { sent }).message.split('\n')[1];
  };
  expect(say('the profile')).toBe('  `org_gone` does not exist; the profile names it.');
  expect(say()).toBe('  `org_gone` does not exist.');
});
