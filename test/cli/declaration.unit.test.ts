import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Document, parse } from 'yaml';
import {
  type Action,
  type CurrentItem,
  planActions,
  type Sections,
  subjectOf,
} from '../../src/cli/edgemint/declaration/plan.ts';
import { readDeclaration } from '../../src/cli/edgemint/declaration/read.ts';
import { findComplaints, type Shared } from '../../src/cli/edgemint/declaration/references.ts';
import { Declaration, SCHEMAS } from '../../src/cli/edgemint/declaration/schema.ts';
import { showPlan } from '../../src/cli/edgemint/declaration/show-plan.ts';
import { orderSteps } from '../../src/cli/edgemint/declaration/steps.ts';
import { alreadyHas, mergePatch } from '../../src/cli/edgemint/merge-patch.ts';
import { defaults, fieldNames, SECTIONS, type Section } from '../../src/declaration/fields.ts';
import { canonical } from '../../src/declaration/item.ts';
import { writeDeclaration } from '../../src/declaration/write.ts';
import { writeYaml } from '../../src/declaration/yaml.ts';
import { applyMergePatch } from '../../src/lib/merge-patch.ts';

const ORDERS = 'https://api.example.com/orders';
const server = { identifier: ORDERS, name: 'Orders', scopes: [{ name: 'read' }, { name: 'write' }] };
const reader = { name: 'reader', grants: [{ resource_server: ORDERS, scopes: ['read'] }] };
const worker = { client_name: 'Worker', roles: ['reader'] };

const NOW = Date.UTC(2027, 0);
const NOTHING_SHARED: Shared = { resource_servers: [], roles: [] };

/** Returns a declaration, and the resources that would exist after it was applied. */
function declare(sections: { [name in Section]?: object[] }) {
  const declaration = Declaration.parse(sections);
  const current = (section: Section): CurrentItem[] =>
    declaration[section].map((item, index) => ({ id: `${section}-${index}`, fields: canonical(section, item) }));
  const own: Sections<CurrentItem> = {
    resource_servers: current('resource_servers'),
    roles: current('roles'),
    clients: current('clients'),
    webhooks: current('webhooks'),
  };
  return { declaration, own };
}

const whole = { resource_servers: [server], roles: [reader], clients: [worker] };
const nothing = declare({});

/** Returns a short form of each action, such as `create roles reader`. */
function inShort(actions: readonly Action[]): string[] {
  return actions.map((action) => `${action.do} ${action.section} ${subjectOf(action)}`);
}

const plan = (from: object, to: object, prune = false) =>
  planActions(declare(to).declaration, declare(from).own, prune ? SECTIONS : []);

describe('a plan', () => {
  test('of a file about nothing that stands creates all, what others depend on first', () => {
    const expected = [`create resource_servers ${ORDERS}`, 'create roles reader', 'create clients Worker'];
    expect(inShort(plan({}, whole))).toEqual(expected);
  });

  test('is empty where all stands as it is declared', () => {
    expect(plan(whole, whole)).toEqual([]);
    expect(showPlan(plan(whole, whole))).toBe('');
  });

  test('does not take another order of what is a set for a change', () => {
    const grants = [
      { resource_server: ORDERS, scopes: ['write'] },
      { resource_server: 'https://other.example.com', scopes: [] },
      { resource_server: ORDERS, scopes: ['read', 'write'] },
    ];
    const one = { ...worker, roles: ['b', 'a'], grants, introspects: ['y', 'x'], requestable_claims: ['q', 'p'] };
    const other = {
      ...worker,
      roles: ['a', 'b', 'a'],
      grants: [
        { resource_server: ORDERS, scopes: ['write', 'read'] },
        { resource_server: 'https://other.example.com', scopes: [] },
      ],
      introspects: ['x', 'y'],
      requestable_claims: ['p', 'q'],
    };
    expect(plan({ clients: [one] }, { clients: [other] })).toEqual([]);
    const scopes = server.scopes.toReversed();
    expect(plan({ resource_servers: [server] }, { resource_servers: [{ ...server, scopes }] })).toEqual([]);
  });

  test('does not take another offset of a time, or a fraction of a second, for a change', () => {
    const one = { ...worker, expires_at: '2036-12-31T10:00:00.000Z' };
    const other = { ...worker, expires_at: '2036-12-31T12:00:00.5+02:00' };
    expect(plan({ clients: [one] }, { clients: [other] })).toEqual([]);
  });

  test('takes a field that is left out for its default, and shows what differs from it', () => {
    const drifted = { ...worker, status: 'disabled', access_token_ttl: 60, metadata: { team: 'a' } };
    const text = showPlan(plan({ clients: [drifted] }, { clients: [worker] }));
    expect(text).toBe(`~ client Worker
    access_token_ttl: 60 → none
    metadata: {"team":"a"} → {}
    status: "disabled" → "active"

0 to create, 1 to change, 0 to delete.`);
  });

  test('of a set shows what comes and what goes', () => {
    const changed = { ...reader, grants: [{ resource_server: ORDERS, scopes: ['write'] }] };
    const text = showPlan(plan({ roles: [reader] }, { roles: [changed] }));
    expect(text).toContain(`    grants: - ${ORDERS} read\n    grants: + ${ORDERS} write\n`);
  });

  test('deletes what is not declared only where that is asked for', () => {
    expect(plan(whole, { resource_servers: [server] })).toEqual([]);
    const actions = plan(whole, { resource_servers: [server] }, true);
    expect(inShort(actions)).toEqual(['delete roles reader', 'delete clients Worker']);
  });

  test('knows a client and a role again whose name differs in case, as the API does, and a resource server only by its exact identifier', () => {
    const upper = { ...whole, roles: [{ ...reader, name: 'READER' }], clients: [{ ...worker, client_name: 'WORKER' }] };
    expect(inShort(plan(whole, upper))).toEqual(['change roles READER', 'change clients WORKER']);
    const other = { resource_servers: [{ ...server, identifier: ORDERS.toUpperCase() }] };
    expect(inShort(plan(whole, other))).toEqual([`create resource_servers ${ORDERS.toUpperCase()}`]);
  });
});

describe('the steps of a plan', () => {
  const steps = (from: object, to: object, prune = false) => orderSteps(plan(from, to, prune));
  const sequence = (from: object, to: object, prune = false) =>
    steps(from, to, prune).map(({ action }) => inShort([action])[0]);

  test('delete what depends on others first', () => {
    const expected = ['delete clients Worker', 'delete roles reader', `delete resource_servers ${ORDERS}`];
    expect(sequence(whole, {}, true)).toEqual(expected);
  });

  test('create what is newly referred to before who refers to it, and delete only after', () => {
    const writer = { ...reader, name: 'writer' };
    const to = { ...whole, roles: [writer], clients: [{ ...worker, roles: ['writer'] }] };
    expect(sequence(whole, to, true)).toEqual(['create roles writer', 'change clients Worker', 'delete roles reader']);
  });

  test('take a scope from a resource server when nothing is granted it any more, and change the rest before', () => {
    const to = {
      ...whole,
      resource_servers: [{ ...server, name: 'New', scopes: [{ name: 'write' }] }],
      roles: [{ ...reader, grants: [{ resource_server: ORDERS, scopes: ['write'] }] }],
    };
    const taken = steps(whole, to);
    const order = [`change resource_servers ${ORDERS}`, 'change roles reader', `change resource_servers ${ORDERS}`];
    expect(taken.map(({ action }) => inShort([action])[0])).toEqual(order);
    expect(taken[0]?.to).toMatchObject({ name: 'New', scopes: [{ name: 'read' }, { name: 'write' }] });
    expect(taken[2]?.to).toMatchObject({ name: 'New', scopes: [{ name: 'write' }] });
  });

  test('that only take a scope are one', () => {
    const to = { resource_servers: [{ ...server, scopes: [{ name: 'write' }] }] };
    expect(steps({ resource_servers: [server] }, to)).toHaveLength(1);
  });
});

describe('before anything is changed a file is refused that', () => {
  const complaints = (
    to: { [name in Section]?: object[] },
    { from = {}, shared = NOTHING_SHARED, prune = false }: { from?: object; shared?: Shared; prune?: boolean } = {},
  ) =>
    findComplaints(declare(to).declaration, declare(from).own, shared, prune ? SECTIONS : [], NOW).map(
      ({ message }) => message,
    );

  test('refers to what is neither in it nor stands', () => {
    expect(complaints({ roles: [reader] })).toEqual([`There is no resource server ${ORDERS}.`]);
    expect(complaints({ clients: [worker] })).toEqual(['There is no role reader.']);
    const client = { client_name: 'Api', introspects: [ORDERS], default_resource: ORDERS, grants: reader.grants };
    expect(complaints({ clients: [client] })).toHaveLength(3);
    expect(
      complaints({ ...whole, roles: [{ ...reader, grants: [{ resource_server: ORDERS, scopes: ['x'] }] }] }),
    ).toEqual([`${ORDERS} has no scope x.`]);
    expect(complaints(whole)).toEqual([]);
  });

  test('has a client that would end in the past, unless it has ended already', () => {
    const ended = { client_name: 'Trial', expires_at: '2026-12-31T00:00:00Z' };
    const expected = ['2026-12-31T00:00:00.000Z is in the past. Set a later time, or remove the item from the file.'];
    expect(complaints({ clients: [ended] })).toEqual(expected);
    expect(complaints({ clients: [ended] }, { from: { clients: [{ client_name: 'Trial' }] } })).toEqual(expected);
    const described = { ...ended, description: 'over' };
    expect(complaints({ clients: [described] }, { from: { clients: [ended] } })).toEqual([]);
    expect(complaints({ clients: [{ ...ended, expires_at: '2027-01-01T00:00:01Z' }] })).toEqual([]);
  });

  test('refers to what stands and would be pruned', () => {
    expect(complaints({ clients: [worker] }, { from: whole })).toEqual([]);
    expect(complaints({ clients: [worker] }, { from: whole, prune: true })).toEqual(['There is no role reader.']);
  });

  test('declares what is shared; it may refer to it', () => {
    const { resource_servers, roles } = declare(whole).own;
    const shared = {
      resource_servers: resource_servers.map(({ fields }) => fields),
      roles: roles.map(({ fields }) => fields),
    };
    expect(complaints({ clients: [worker] }, { shared })).toEqual([]);
    expect(complaints(whole, { shared })).toEqual([
      `${ORDERS} is shared by all organizations. Remove it from the file.`,
      'reader is shared by all organizations. Remove it from the file.',
    ]);
  });

  test('declares something twice', () => {
    const twice = {
      roles: [{ name: 'a' }, { name: 'A' }],
      clients: [worker, { client_name: 'worker' }, { client_name: 'W' }],
    };
    expect(complaints({ ...whole, ...twice, roles: [reader, ...twice.roles] })).toEqual([
      'A is in the file twice.',
      'worker is in the file twice.',
    ]);
  });

  test('takes a scope away that something outside of it has', () => {
    const to = { resource_servers: [{ ...server, scopes: [{ name: 'write' }] }] };
    expect(complaints(to, { from: whole })).toEqual([
      'The scope read is still granted to reader, which is not in the file.',
    ]);
    expect(complaints(to, { from: whole, prune: true })).toEqual([]);
  });

  test('puts a null into an object that stands, which no merge patch can', () => {
    const from = { clients: [{ client_name: 'W', claims: { a: 1 } }] };
    const to = { clients: [{ client_name: 'W', claims: { a: null } }] };
    expect(complaints(to, { from })).toHaveLength(1);
    expect(complaints(to)).toEqual([]);
    expect(complaints(to, { from: to })).toEqual([]);
  });
});

describe('a file', () => {
  const refusal = (text: string): string => {
    try {
      readDeclaration(text, 'edgemint.yaml');
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return '';
  };

  test('prunes no section that is not in it: a part of a file, or half of one, deletes nothing else', () => {
    const { declaration, sections } = readDeclaration('resource_servers: []\nroles: []\n', 'x');
    expect(sections).toEqual(['resource_servers', 'roles']);
    expect(inShort(planActions(declaration, declare(whole).own, sections))).toEqual([
      `delete resource_servers ${ORDERS}`,
      'delete roles reader',
    ]);
    const kept = findComplaints(declaration, declare(whole).own, NOTHING_SHARED, ['resource_servers'], NOW);
    expect(kept.map(({ message }) => message)).toContain(
      `${ORDERS} is still granted to reader, which is not in the file.`,
    );
  });

  test.each([
    ['an alias of nothing', 'clients: *none'],
    [
      'aliases that unfold without end',
      [
        'a: &a [x, x, x, x, x, x, x, x, x]',
        ...'bcdefgh'.split('').map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`)}]`),
      ].join('\n'),
    ],
  ])('of %s is refused in a sentence', (_, text) => {
    expect(refusal(text)).toMatch(/^edgemint\.yaml: \w/);
  });

  test.each([
    [
      'an unknown field',
      'clients:\n  - client_name: A\n    role: [b]\n',
      /^edgemint\.yaml:3:5 clients\[0\]\.role: There is no such field\.$/,
    ],
    ['an unknown section', 'roles: []\nclient: []\n', /^edgemint\.yaml:2:1 client: There is no such field\.$/],
    ['a secret', 'clients:\n  - client_name: A\n    client_secret: x\n', /^edgemint\.yaml:3:5 /],
    [
      'a value out of bounds',
      'clients:\n  - client_name: A\n    access_token_ttl: 1\n',
      /^edgemint\.yaml:3:5 clients\[0\]\.access_token_ttl: .*60/,
    ],
    [
      'a missing name',
      'clients:\n  - client_name: A\n  - roles: []\n',
      /^edgemint\.yaml:3:5 clients\[1\]\.client_name: /,
    ],
    ['a key that stands twice', 'roles:\n  - name: a\n    name: b\n', /^edgemint\.yaml:3:5 Map keys must be unique$/],
    ['text that is no YAML', 'roles: [\n', /^edgemint\.yaml:2:1 /],
    ['nothing', '', /^edgemint\.yaml:1:1 .*expected object/],
    ['a list', '- a\n', /^edgemint\.yaml:1:1 .*expected object/],
    [
      'a name with an escape sequence',
      'roles:\n  - name: a\n    "\\e[2J": b\n',
      /^edgemint\.yaml:3:5 roles\[0\]\.�\[2J: /,
    ],
  ])('with %s is refused where it stands', (_, text, expected) => {
    expect(refusal(text)).toMatch(expected);
  });

  test('is told all that is wrong with it at once', () => {
    const text = 'roles:\n  - nam: a\nclients:\n  - client_name: " A"\n    status: off\n';
    expect(
      refusal(text)
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(['edgemint.yaml:2:5', 'edgemint.yaml:2:5', 'edgemint.yaml:4:5', 'edgemint.yaml:5:5']);
  });

  test('may be JSON', () => {
    expect(readDeclaration(JSON.stringify(whole), 'x').declaration).toEqual(declare(whole).declaration);
  });

  test('in canonical form is what its content is written as, byte for byte', async () => {
    const text = await readFile('docs/examples/edgemint.yaml', 'utf8');
    const { declaration } = readDeclaration(text, 'edgemint.yaml');
    expect([declaration.resource_servers.length, declaration.roles.length, declaration.clients.length]).toEqual([
      3, 5, 20,
    ]);
    expect(findComplaints(declaration, nothing.own, NOTHING_SHARED, SECTIONS, NOW)).toEqual([]);
    expect(writeDeclaration(declaration)).toBe(text);
  });

  test('is written the same whatever the order of what stands, and reads back as it stood', () => {
    const texts = [
      'yes',
      '1.0',
      'null',
      'a: b',
      '# no',
      'ä €',
      'two\nlines',
      ' spaces ',
      '\u{1F512}',
      "it's",
      '- x',
      '2026-01-01',
      '~',
      '\u202eback',
      '\u001b[2J\u009b\u{e0041}\n\u2028',
    ];
    const clients = texts.map((text, index) => ({
      client_name: `Client ${index}`,
      metadata: { text, [`a ${text}`]: '' },
      claims: { [text]: [text, 1.5, true, null, { b: 1, a: { d: 2, c: 3 } }] },
    }));
    const forwards = writeDeclaration(declare({ ...whole, clients }).declaration);
    const backwards = writeDeclaration(declare({ ...whole, clients: clients.toReversed() }).declaration);
    expect(backwards).toBe(forwards);
    expect(forwards.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    const read = readDeclaration(forwards, 'x').declaration;
    expect(planActions(read, declare({ ...whole, clients }).own, SECTIONS)).toEqual([]);
    expect(writeDeclaration(read)).toBe(forwards);
  });
});

describe('a file that is written', () => {
  test.each(SECTIONS)('has of %s the fields and defaults of the API', (section) => {
    const schemas = Object.entries(SCHEMAS[section].shape).map(([name, schema]) => [name, schema.safeParse(undefined)]);
    expect(fieldNames(section)).toEqual(schemas.map(([name]) => name));
    const byDefault = schemas.filter(([, result]) => (result as { success: boolean }).success);
    expect(defaults(section)).toEqual(
      Object.fromEntries(byDefault.map(([name, result]) => [name, (result as { data?: unknown }).data])),
    );
  });

  const PIECES = [
    'a',
    'B',
    '0',
    '7',
    '.',
    '-',
    '+',
    'e',
    '~',
    'x',
    'o',
    ' ',
    ':',
    '#',
    '?',
    '"',
    "'",
    '\\',
    '{',
    ']',
    ',',
    '&',
    '|',
    '@',
    '`',
  ];
  const WORDS = [
    'null',
    'True',
    '.inf',
    '- ',
    ': ',
    ' #',
    '---',
    '%',
    'ä',
    '🔒',
    '\t',
    '\n',
    '\n\n',
    '\u202e',
    '\u001b',
    '\ud800',
    '=',
    '<<',
  ];

  test('reads back as it was, whatever its texts, and as the package yaml writes it if they are of one line', () => {
    let seed = 7;
    const below = (limit: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % limit;
    };
    const text = () =>
      Array.from({ length: below(6) }, () => {
        const from = below(2) === 0 ? PIECES : WORDS;
        return from[below(from.length)];
      }).join('');
    const value = (depth: number): unknown => {
      const kind = below(depth > 3 ? 4 : 7);
      if (kind < 3) return text();
      if (kind === 3) return [true, null, 0, -1.5, 1e21][below(5)];
      const items = Array.from({ length: below(4) }, () => value(depth + 1));
      return kind === 4 ? items : Object.fromEntries(items.map((item) => [text(), item]));
    };
    for (let round = 0; round < 800; round++) {
      const content = { first: value(0), second: value(0), long: { ['k'.repeat(1100)]: value(2) } };
      const written = writeYaml(content);
      expect(parse(written)).toEqual(content);
      const hasOddText = /\\[nu]|[\u202e\ud800-\udfff]/.test(JSON.stringify(content));
      if (!hasOddText) {
        expect(written).toBe(new Document(content, { aliasDuplicateObjects: false }).toString({ lineWidth: 0 }));
      }
    }
  });

  test('has texts of several lines in blocks, as the package yaml writes them', () => {
    const content = { description: 'two\nlines', other: ['# a\n\nb: c', '- x\ny'], last: 'one\n' };
    const { last: _, ...others } = content;
    expect(writeYaml(others)).toBe(new Document(others).toString({ lineWidth: 0 }));
    expect(parse(writeYaml(content))).toEqual(content);
  });
});

describe('a merge patch', () => {
  test.each([
    ['of a member', { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3 }],
    ['of a member that goes', { a: 1, b: 2 }, { a: 1 }, { b: null }],
    ['of a nested member', { a: { b: 1, c: 2 } }, { a: { b: 1, d: 3 } }, { a: { c: null, d: 3 } }],
    ['of a list, which it replaces', { a: [1, null] }, { a: [null] }, { a: [null] }],
    ['of nothing', { a: 1 }, { a: 1 }, {}],
    ['of a value that becomes an object', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
  ])('%s makes one of the other', (_, from, to, patch) => {
    expect(mergePatch(from, to)).toEqual(patch);
    expect(applyMergePatch(from, patch)).toEqual(to);
  });

  test('cannot put a null into an object', () => {
    expect(mergePatch({}, { a: null })).toBeUndefined();
    expect(mergePatch({ a: { b: 1 } }, { a: { b: null } })).toBeUndefined();
    expect(mergePatch({ a: null }, { a: null, b: 1 })).toEqual({ b: 1 });
  });

  test('is told to have been applied already from not', () => {
    const client = { access_token_ttl: null, metadata: { a: 'x' }, status: 'active' };
    expect(alreadyHas(client, { access_token_ttl: null, metadata: { a: 'x', b: null } })).toBe(true);
    expect(alreadyHas(client, { metadata: { a: null } })).toBe(false);
    expect(alreadyHas(client, { status: 'disabled' })).toBe(false);
  });
});
