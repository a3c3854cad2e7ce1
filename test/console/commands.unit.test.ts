import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CommandLine } from '../../src/cli/edgemint/command-line.ts';
import { processIo } from '../../src/cli/edgemint/io.ts';
import { createProgram } from '../../src/cli/edgemint/program.ts';
import { run } from '../../src/cli/edgemint/run.ts';
import { Terminal } from '../../src/cli/edgemint/terminal.ts';
import { commandFor, fieldsCommand, optionOf } from '../../src/console/api/command.ts';
import { bodyOf, EMPTY_DRAFT } from '../../src/console/pages/new-client/draft.ts';
import { draftOf, type OrganizationFields, patchOf } from '../../src/console/pages/organization/fields.ts';
import { EMPTY_SERVER, newServerBody } from '../../src/console/pages/resource-server/server-draft.ts';
import { shellWord } from '../../src/lib/shell-word.ts';
import { Person } from '../e2e/cli/person.ts';

// The commands that the console shows beside the curl call.

const SHELLS = ['/bin/sh', '/bin/dash', '/bin/bash', '/bin/zsh'].filter((path) => existsSync(path));

/** Runs a command line of a shell. `edgemint` prints its arguments, and then what it reads, with a NUL after each. */
function inShell(command: string, shell = 'sh'): string[] {
  const print = `edgemint() { printf '%s\\0' "$@"; case "$*" in *'--from -'*) cat;; esac; printf '\\0'; }`;
  return execFileSync(shell, ['-c', `${print}\n${command}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

describe('a word for a shell', () => {
  const HOSTILE = [
    '',
    ' ',
    'plain-word_1.2@x',
    "it's",
    `"double" and 'single' and \`both\``,
    '$HOME $(id) $x !! !x',
    'a\\b\\',
    'two\nlines\n',
    '-x',
    '--',
    '~ * ? [a] {b,c}',
    '=ls',
    '# ; & | < > ( )',
    'tab\tand return\r',
    // The end of a bracketed paste: what follows would be typed.
    '\x1b[201~\nid\n',
    '\x01\x03\x04\x7f',
    '\u009b31m \u0085 ü € 😀 \u202e',
  ];

  test.each(SHELLS)('has the same value in %s', (shell) => {
    for (const text of HOSTILE) {
      expect(inShell(`edgemint ${shellWord(text)} x`, shell), JSON.stringify(text)).toEqual([text, 'x', '']);
    }
  });

  test('has no control character on which a terminal would act', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point.
    for (const text of HOSTILE) expect(shellWord(text)).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test('has quotes only if it needs them', () => {
    expect(shellWord('https://api.example.com/orders')).toBe('https://api.example.com/orders');
    expect(shellWord("it's")).toBe(String.raw`'it'\''s'`);
  });
});

test('a value or an id that begins with a hyphen is not taken for an option', () => {
  expect(commandFor(['clients', 'get', '-x'], { json: true })).toBe('edgemint clients get --json -- -x');
  expect(commandFor(['clients', 'list'], { sort: '-name', name: undefined })).toBe(
    'edgemint clients list --sort=-name',
  );
});

describe('the command beside a form', () => {
  let person: Person;

  beforeAll(async () => {
    person = await Person.arrive({ EDGEMINT_URL: 'https://auth.example.com', EDGEMINT_API_KEY: 'key' });
  });
  afterAll(() => person.leave());
  afterEach(() => vi.unstubAllGlobals());

  /** Returns what `edgemint` sends for a command. */
  async function sentBy(command: string) {
    const args = inShell(command);
    const input = args.pop() ?? '';
    let sent: { method: string; path: string; ifMatch: string | null; body: Record<string, unknown> } | undefined;
    vi.stubGlobal('fetch', async (url: URL, { method, headers, body }: RequestInit) => {
      const ifMatch = new Headers(headers).get('If-Match');
      sent = { method: method ?? '', path: url.pathname, ifMatch, body: JSON.parse(String(body)) };
      return Response.json({ ...sent.body });
    });
    const { code, stderr } = await person.run([...args, '--json'], { input });
    expect(stderr.replace(/^Store .*\n/, '')).toBe('');
    expect(code).toBe(0);
    return sent;
  }

  // null stands for it. Without events, a webhook would get all of them.
  const isDefaultList = (name: string, value: unknown) =>
    Array.isArray(value) && value.length === 0 && name !== 'events';

  const acme: OrganizationFields = {
    id: 'org_1',
    name: 'Acme',
    subject: 'client',
    status: 'active',
    security_profile: 'standard',
    metadata: { team: 'billing', 'a=b': 'c' },
    quota: { tokens_per_day: 5, tokens_per_month: 50, action: 'warn' },
    unused_clients: { report_after_days: 60, disable_after_days: 90, except: ['emc_1', 'emc_2'] },
    created_at: '',
    updated_at: '',
  };
  const organization = (changes: object) => patchOf(acme, { ...draftOf(acme), ...changes });

  test.each<[readonly string[], object]>([
    [['organizations', 'update', 'org_1'], organization({ name: '-Ac\nme ', subject: 'organization' })],
    [['organizations', 'update', 'org_1'], organization({ perDay: null })],
    [['organizations', 'update', 'org_1'], organization({ perDay: null, perMonth: null })],
    [['organizations', 'update', 'org_1'], organization({ reportAfter: null })],
    [['organizations', 'update', 'org_1'], organization({ except: [] })],
    [['organizations', 'update', 'org_1'], organization({ disableAfter: 100, except: ['emc_1'] })],
    [['organizations', 'update', 'org_1'], organization({ reportAfter: null, disableAfter: null })],
    [['organizations', 'update', 'org_1'], organization({ metadata: { 'a=b': 'c' } })],
    [['organizations', 'update', 'org_1'], organization({ metadata: { ...acme.metadata, x: '', "o'k": '$1 = !' } })],
    [['organizations', 'update', 'org_1'], organization({ metadata: { ...acme.metadata, 'a=b': 'd' } })],
    [['webhooks', 'update', 'wh_00000000000000000000'], { description: '', events: null }],
    [['webhooks', 'update', 'wh_00000000000000000000'], { url: 'https://a.example', events: ['client.updated'] }],
    [['webhooks', 'update', 'wh_00000000000000000000'], { events: [] }],
    [['roles', 'update', 'role_00000000000000000000'], { description: '', grants: [] }],
    [['roles', 'update', 'role_00000000000000000000'], { grants: [{ resource_server: 'r', scopes: ['a', 'b'] }] }],
    [
      ['resource-servers', 'update', 'rs_00000000000000000000'],
      { access_token_ttl: null, scopes: [], accepted_claims: [], introspection: 'edge' },
    ],
    [
      ['resource-servers', 'update', 'rs_00000000000000000000'],
      {
        scopes: [
          { name: 'a', description: '' },
          { name: 'b', description: 'Two  words' },
        ],
        accepted_claims: ['groups'],
      },
    ],
    [['resource-servers', 'update', 'rs_00000000000000000000'], { scopes: [{ name: 'a b', description: 'c' }] }],
    [['clients', 'update', 'emc_1'], { client_name: "It's", owner: null, description: '', rate_limit: { burst: 5 } }],
    [['clients', 'update', 'emc_1'], { may_rotate_secret: true, dpop_bound_access_tokens: false, roles: [] }],
    [
      ['clients', 'update', 'emc_1'],
      { roles: ['a', '-b c'], claims: { tier: 'gold', old: null }, metadata: { x: null } },
    ],
    [['clients', 'update', 'emc_1'], { quota: { tokens_per_day: null, tokens_per_month: 5, action: 'enforce' } }],
    [['clients', 'update', 'emc_1'], { quota: null, expires_at: '2027-01-31T12:00:00.000Z', access_token_ttl: 600 }],
    [['clients', 'update', 'emc_1'], { jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }] }, jwks_uri: null }],
    [
      ['clients', 'update', 'emc_1'],
      { federated_identities: [{ issuer: 'https://i.example', claims: { sub: 'a b', n: ["'"] } }] },
    ],
  ])('changes the same: %s %j', async (words, patch) => {
    expect(patch).not.toEqual({});
    const sent = await sentBy(fieldsCommand(words, patch, { 'if-match': '"abc"' }));
    const [collection, , id] = words;
    expect(sent).toMatchObject({ method: 'PATCH', path: `/v1/${collection}/${id}`, ifMatch: '"abc"' });
    const expected = Object.entries(patch).map(([name, value]) => [name, isDefaultList(name, value) ? null : value]);
    expect(sent?.body).toEqual(Object.fromEntries(expected));
  });

  const github = {
    ...EMPTY_DRAFT,
    answers: { ...EMPTY_DRAFT.answers, place: 'github' } as const,
    name: "Deploy's",
    owner: 'ops',
    grants: [{ resource_server: 'https://a.example', scopes: ['a', 'b'] }],
    roles: ['reader'],
    tokenTtl: 600,
    perMinute: 10,
    burst: 5,
    workload: { repository_id: ' 74 ' },
  };

  test.each<[string, object]>([
    ['clients', bodyOf(github, { method: 'federated_jwt', binding: 'dpop' }, 'org_1')],
    [
      'clients',
      bodyOf(
        { ...EMPTY_DRAFT, name: 'Worker', jwks: '{"kty":"OKP","crv":"Ed25519","x":"eA"}' },
        { method: 'private_key_jwt', binding: 'none' },
        'org_1',
      ),
    ],
    [
      'resource-servers',
      newServerBody({ ...EMPTY_SERVER, identifier: 'https://a.example', scope_policy: 'narrow' }, 'org_1'),
    ],
    ['roles', { organization_id: 'org_1', name: 'reader', grants: [{ resource_server: 'r', scopes: ['a'] }] }],
    [
      'webhooks',
      { organization_id: 'org_1', name: 'On call', description: '', url: 'https://a.example', events: null },
    ],
    ['webhooks', { name: 'On call', url: 'https://a.example', events: [] }],
    ['organizations', { name: 'Acme', subject: 'client', security_profile: 'strict' }],
    [
      'portal-links',
      { organization_id: 'org_1', scopes: ['clients:read'], return_url: 'https://a.example', expires_in: 60 },
    ],
  ])('creates the same: %s %j', async (collection, body) => {
    const sent = await sentBy(fieldsCommand([collection, 'create'], body));
    expect(sent).toMatchObject({ method: 'POST', path: `/v1/${collection}` });
    const isSet = ([name, value]: [string, unknown]) => value !== null && value !== '' && !isDefaultList(name, value);
    expect(sent?.body).toEqual(Object.fromEntries(Object.entries(body).filter(isSet)));
  });

  test('has the options that the command line declares', () => {
    const program = createProgram(new Terminal(processIo()), run);
    const commands = (of: Command): Command[] => [of, ...of.commands.flatMap(commands)];
    const declared = commands(program).flatMap((command) =>
      command instanceof CommandLine && ['create', 'update'].includes(command.name())
        ? command.fields.map((field) => ({ ...field, of: command.parent?.name() }))
        : [],
    );
    expect(declared.length).toBeGreaterThan(50);
    for (const { name, member, flags, of } of declared) {
      const option = optionOf(member === undefined ? name : `${name}.${member}`);
      // The console writes these two itself.
      const written: Readonly<Record<string, string>> = {
        'api-keys expires_at': 'expires',
        'clients jwks': 'jwks-file',
      };
      const own = written[`${of} ${name}`];
      expect(flags.replace(/^--(no-)?/, '').split(' ')[0], `${of} ${name}`).toBe(own ?? option);
    }
  });
});
