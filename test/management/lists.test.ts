import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, createClient, done } from '../http.ts';
import { keyWith, pointedAt, problemOf } from './rows.ts';

type Item = Record<string, unknown>;

interface Page {
  data: Item[];
  next_cursor: string | null;
}

let counter = 0;
const newOrganization = async () => (await create('organizations', { name: `zz ${crypto.randomUUID()}` })).id ?? '';

const get = (path: string, query: Record<string, string>, key?: string) =>
  done<Page>('GET', `${path}?${new URLSearchParams(query)}`, key === undefined ? {} : { key });

/** Returns every item of a list, page by page; `between` runs after each page. */
async function all(
  path: string,
  query: Record<string, string>,
  between: (page: number) => Promise<unknown> = async () => {},
) {
  const items: Item[] = [];
  let page: Page = { data: [], next_cursor: null };
  let number = 0;
  do {
    page = await get(path, { ...query, ...(page.next_cursor !== null && { cursor: page.next_cursor }) });
    items.push(...page.data);
    if (number > 1000) throw new Error(`${path} never ends`);
    await between(++number);
  } while (page.next_cursor !== null);
  return items;
}

interface Kind {
  readonly path: string;
  /** Creates an item with this name, and returns its path. */
  readonly make: (organization: string, name: string) => Promise<string>;
  /** The member by which the list is ordered. */
  readonly by: string;
  readonly isOwned?: boolean;
}

const KINDS: readonly Kind[] = [
  {
    path: 'organizations',
    by: 'name',
    isOwned: false,
    make: async (_, name) => `organizations/${(await create('organizations', { name })).id}`,
  },
  {
    path: 'resource-servers',
    by: 'identifier',
    make: async (organization_id, name) => {
      const identifier = `https://${name.toLowerCase().replaceAll(' ', '-')}-${organization_id.slice(-8)}.example`;
      return `resource-servers/${(await create('resource-servers', { organization_id, identifier, name })).id}`;
    },
  },
  {
    path: 'roles',
    by: 'name',
    make: async (organization_id, name) => `roles/${(await create('roles', { organization_id, name })).id}`,
  },
  {
    path: 'clients',
    by: 'client_name',
    make: async (organization_id, client_name) =>
      `clients/${(await createClient({ organization_id, client_name })).client_id}`,
  },
  {
    path: 'api-keys',
    by: 'name',
    make: async (organization_id, name) =>
      `api-keys/${(await create('api-keys', { organization_id, name, scopes: ['clients:read'] })).id}`,
  },
];

describe.each(KINDS)('a list of $path', ({ path, make, by, isOwned = true }) => {
  test('shows each item once, in order, in pages of any size', async () => {
    const organization = await newOrganization();
    const query: Record<string, string> = isOwned ? { organization_id: organization } : {};
    for (const name of ['delta', 'Alpha', 'charlie', 'Bravo', 'echo']) await make(organization, `${name} ${path}`);
    const whole = await all(path, { ...query, limit: '100' });
    const names = whole.map((item) => String(item[by]));
    const lowered = names.map((name) => name.toLowerCase());
    expect(lowered).toEqual(lowered.toSorted());
    expect(names.length).toBeGreaterThanOrEqual(5);
    for (const limit of ['1', '2', '5', String(names.length)])
      expect(await all(path, { ...query, limit })).toEqual(whole);
  });

  test('shows what was there all the time once, whatever is added and deleted between its pages', async () => {
    const organization = await newOrganization();
    const query = { ...(isOwned && { organization_id: organization }), limit: '2' };
    const word = (index: number) => `${'bdfhjlnprtv'[index]} ${path} ${counter++}`;
    const made = await Promise.all(Array.from({ length: 11 }, (_, index) => make(organization, word(index))));
    const gone = new Set<string>();
    const items = await all(path, query, async (page) => {
      if (page > 4) return;
      // Add items before and after the end of the page. Then delete a later item, and one that was already listed.
      await Promise.all(
        ['a', 'e', 'm', 'z'].map((letter) => make(organization, `${letter}${page} ${path} ${counter++}`)),
      );
      const [victim, last] = [made[page * 2 + 1] ?? '', made[page - 1] ?? ''];
      for (const one of [victim, last]) {
        gone.add(one);
        await api('DELETE', one);
      }
    });
    const ids = items.map(({ id, client_id }) => `${path}/${id ?? client_id}`);
    expect(new Set(ids).size).toBe(ids.length);
    for (const stayed of made.filter((one) => !gone.has(one))) expect(ids).toContain(stayed);
  });
});

describe('pages', () => {
  const LISTS = ['organizations', 'resource-servers', 'roles', 'clients', 'api-keys', 'audit-events'];
  let organization: string;
  let client: string;
  beforeAll(async () => {
    organization = await newOrganization();
    ({ client_id: client } = await createClient({ organization_id: organization, client_name: 'x' }));
  });
  const paths = () => [...LISTS, `clients/${client}/usage`];
  const encode = (value: unknown) =>
    btoa(JSON.stringify(value)).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');

  const within = (path: string, query: Record<string, string>) => {
    const isOwned = path !== 'organizations' && !path.endsWith('usage');
    return new URLSearchParams({ ...query, ...(isOwned && { organization_id: organization }) });
  };

  test.each(['0', '-1', '101', '1.5', 'x', '', '1e3', 'NaN', 'Infinity'])(
    'of %j items there are not',
    async (limit) => {
      for (const path of paths()) {
        const response = await api('GET', `${path}?${within(path, { limit })}`);
        expect(await pointedAt(response), path).toEqual(['limit']);
      }
    },
  );

  test('hold 50 items unless said', async () => {
    const many = await newOrganization();
    await Promise.all(
      Array.from({ length: 51 }, (_, index) => create('roles', { organization_id: many, name: `r${index}` })),
    );
    expect((await get('roles', { organization_id: many })).data).toHaveLength(50);
    expect((await get('roles', { organization_id: many, limit: '100' })).data.length).toBeGreaterThanOrEqual(51);
  });

  test.each([
    ['nothing', ''],
    ['no base64url', '*'],
    ['no JSON', btoa('hello')],
    ['no UTF-8', '_w'],
    ['null', encode(null)],
    ['an object', encode({ at: 1 })],
    ['an empty list', encode([])],
    ['a list of lists', encode([[]])],
    ['a list of null', encode([null])],
    ['too long a list', encode([1, 'a', 'b'])],
    ['more than there may be', encode(['x'.repeat(3000)])],
  ])('do not begin at a cursor that is %s', async (_, cursor) => {
    for (const path of paths()) {
      const response = await api('GET', `${path}?${within(path, { cursor })}`);
      expect(await pointedAt(response), path).toEqual(['cursor']);
    }
  });

  test('do not begin at a cursor of another list', async () => {
    const ofNames = encode(['name']);
    const ofEvents = encode([1, 'evt_x']);
    const ofHours = encode([1]);
    for (const path of paths()) {
      const others =
        path === 'audit-events'
          ? [ofNames, ofHours]
          : path.endsWith('usage')
            ? [ofNames, ofEvents]
            : [ofEvents, ofHours];
      for (const cursor of [...others, encode(['x', 'y']), btoa('[1e400,"y"]')]) {
        const response = await api('GET', `${path}?${within(path, { cursor })}`);
        expect(await pointedAt(response), `${path} ${cursor}`).toEqual(['cursor']);
      }
    }
  });

  test('named twice, or of an organization that is not there, are refused', async () => {
    for (const path of LISTS.filter((one) => one !== 'organizations')) {
      const twice = `organization_id=${organization}&organization_id=${organization}`;
      expect(await pointedAt(await api('GET', `${path}?${twice}`)), path).toEqual(['organization_id']);
      expect(await pointedAt(await api('GET', `${path}?organization_id=org_none`), 404), path).toEqual([
        'organization_id',
      ]);
    }
  });

  test('with the root key and without an organization show what is shared; of clients and API keys nothing is', async () => {
    const { id: shared } = await create('roles', { name: `shared ${crypto.randomUUID()}` });
    const { id: own } = await create('roles', { organization_id: organization, name: 'own role' });
    const ids = async (query: Record<string, string>) =>
      (await all('roles', { ...query, limit: '100' })).map(({ id }) => id);
    expect(await ids({})).toContain(shared);
    expect(await ids({})).not.toContain(own);
    expect(await ids({ organization_id: organization })).toEqual(expect.arrayContaining([shared, own]));
    for (const path of ['clients', 'api-keys']) {
      expect(await pointedAt(await api('GET', path)), path).toEqual(['organization_id']);
    }
  });
});

describe('an organization’s own and the shared ones', () => {
  test.each(['roles', 'resource-servers'])(
    'come in one order, with nothing of another organization: %s',
    async (path) => {
      const [mine, theirs] = [await newOrganization(), await newOrganization()];
      const tag = path.slice(0, 3);
      const make = async (letter: string, organization_id?: string) => {
        const body =
          path === 'roles'
            ? { name: `${letter} ${tag} mixed` }
            : { name: letter, identifier: `https://${letter.toLowerCase()}.${tag}.mixed.example` };
        await create(path, { ...body, ...(organization_id && { organization_id }) });
      };
      for (const [index, letter] of [...'aBcDeFgHiJkL'].entries()) {
        await make(letter, index % 3 === 0 ? undefined : index % 3 === 1 ? mine : theirs);
      }
      const key = await keyWith(mine, [`${path}:read`]);
      for (const read of [
        (limit: string) => all(path, { organization_id: mine, limit }),
        async (limit: string) => (await get(path, { limit: limit === '1' ? '100' : limit }, key)).data,
      ]) {
        const found = (await read('1')).map((item) => String(item.identifier ?? item.name));
        const letters = found
          .filter((name) => name.includes('mixed'))
          .map((name) => name.replace('https://', '')[0]?.toLowerCase());
        expect(letters).toEqual([...'abdeghjk']);
      }
    },
  );
});

describe('a list of clients', () => {
  let organization: string;
  let other: string;
  let reader: string;
  const A = 'https://a.filters.example';
  const B = 'https://b.filters.example';
  let serverA: string;

  const names = async (query: Record<string, string>) =>
    (await all('clients', { organization_id: organization, limit: '2', ...query })).map(
      ({ client_name }) => client_name,
    );

  beforeAll(async () => {
    organization = await newOrganization();
    other = await newOrganization();
    const scopes = [{ name: 'read' }];
    const owned = { organization_id: organization };
    serverA = (await create('resource-servers', { ...owned, identifier: A, name: 'A', scopes })).id ?? '';
    await create('resource-servers', { ...owned, identifier: B, name: 'B', scopes });
    reader =
      (await create('roles', { ...owned, name: 'reader', grants: [{ resource_server: A, scopes: ['read'] }] })).id ??
      '';
    await create('roles', { ...owned, name: 'bare' });
    await create('roles', { organization_id: other, name: 'their role' });
    const identifier = 'https://theirs.filters.example';
    await create('resource-servers', { organization_id: other, identifier, name: 'Theirs' });
    const clients: [name: string, more: Item][] = [
      ['100%', {}],
      ['100 percent', { owner: 'Zahlungen' }],
      ['a_b', { roles: ['reader'] }],
      ['aXb', { roles: ['reader'], status: 'disabled' }],
      ['Acme one', { grants: [{ resource_server: A, scopes: [] }] }],
      ['acme TWO', { grants: [{ resource_server: B, scopes: ['read'] }], roles: ['bare'] }],
      ['ACME three', { roles: ['reader', 'bare'], grants: [{ resource_server: A, scopes: ['read'] }] }],
      ['🦊 den', { introspects: [A], default_resource: A }],
      ['🦊🦊', { status: 'disabled', owner: 'zoo@example.com' }],
      ['zebra', { owner: 'zoo@example.com', description: 'Striped' }],
    ];
    for (const [client_name, more] of clients) await createClient({ ...owned, client_name, ...more });
    await createClient({ organization_id: other, client_name: 'Acme of others', owner: 'zoo@example.com' });
  });

  test.each([
    ['acme', ['Acme one', 'ACME three', 'acme TWO']],
    ['ACME T', ['ACME three', 'acme TWO']],
    ['acme one', ['Acme one']],
    ['cme', []],
    ['100%', ['100%']],
    ['%', []],
    ['a_', ['a_b']],
    ['_', []],
    ['a*', []],
    ["a'--", []],
    ['\\', []],
    ['🦊', ['🦊 den', '🦊🦊']],
    ['🦊🦊', ['🦊🦊']],
    ['zebras', []],
    [' ', []],
  ])('whose name begins with %j, in any case', async (name, found) => {
    expect(await names({ name })).toEqual(found);
  });

  test('of an owner, as it is spelled', async () => {
    expect(await names({ owner: 'zoo@example.com', limit: '1' })).toEqual(['zebra', '🦊🦊']);
    expect(await names({ owner: 'zoo@example.com', status: 'disabled' })).toEqual(['🦊🦊']);
    for (const owner of ['zoo', 'Zoo@example.com', '%', 'nobody']) expect(await names({ owner })).toEqual([]);
  });

  test.each(['', ' a', 'a\u0007', 'a\u202eb', 'a'.repeat(201)])('an owner %j is refused', async (owner) => {
    const answer = await api('POST', 'clients', { body: { organization_id: organization, client_name: 'x', owner } });
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain('"/owner"');
  });

  test('of a status', async () => {
    expect(await names({ status: 'disabled' })).toEqual(['aXb', '🦊🦊']);
    expect(await names({ status: 'active' })).toHaveLength(8);
    expect(await pointedAt(await api('GET', `clients?organization_id=${organization}&status=paused`))).toEqual([
      'status',
    ]);
  });

  test('that have a role, by its name or id', async () => {
    const holders = ['a_b', 'ACME three', 'aXb'];
    expect((await names({ role: 'reader' })).toSorted()).toEqual(holders.toSorted());
    expect((await names({ role: reader })).toSorted()).toEqual(holders.toSorted());
    expect(await names({ role: 'bare' })).toEqual(['ACME three', 'acme TWO']);
  });

  test('that are granted something at a resource server, themselves or by a role', async () => {
    const granted = ['a_b', 'Acme one', 'ACME three', 'aXb'].toSorted();
    expect((await names({ resource_server: A })).toSorted()).toEqual(granted);
    expect((await names({ resource_server: serverA })).toSorted()).toEqual(granted);
    expect(await names({ resource_server: B })).toEqual(['acme TWO']);
  });

  test('with all of it at once', async () => {
    expect(await names({ resource_server: A, role: 'reader', status: 'active', name: 'a' })).toEqual(
      ['ACME three', 'a_b'].toSorted((x, y) => (x.toLowerCase() < y.toLowerCase() ? -1 : 1)),
    );
    expect(await names({ resource_server: A, role: 'bare', name: 'acme' })).toEqual(['ACME three']);
    expect(await names({ resource_server: B, role: 'reader' })).toEqual([]);
  });

  test('narrowed down by what another organization has, or nobody, says only that there is no such thing', async () => {
    for (const [parameter, theirs] of [
      ['role', 'their role'],
      ['resource_server', 'https://theirs.filters.example'],
    ] as const) {
      const ask = (value: string) =>
        api('GET', `clients?${new URLSearchParams({ organization_id: organization, [parameter]: value })}`);
      const told = await problemOf(await ask(theirs), 422);
      expect(told.errors?.map((error) => error.parameter)).toEqual([parameter]);
      expect(told).toEqual(await problemOf(await ask('nobody’s'), 422));
      expect(await pointedAt(await ask(''))).toEqual([parameter]);
    }
  });
});
