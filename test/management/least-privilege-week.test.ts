import { evictDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { admit, gateOf, gates } from '../client-gate/gate.ts';
import { api, type Credentials, create, createClient, done, requestToken } from '../http.ts';
import { seeded } from '../random.ts';

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = Date.UTC(2028, 4, 1, 7, 30);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const UNUSED_DAYS = 3;
const END = START + 7 * DAY;
const UNUSED_SINCE = END - UNUSED_DAYS * DAY;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

const SCOPES = ['a', 'b', 'c', 'd'] as const;
type Scope = (typeof SCOPES)[number];
const SERVERS = { exact: 'https://exact.week.example.com', narrow: 'https://narrow.week.example.com' } as const;
type Server = keyof typeof SERVERS;

/** What the test itself knows about a scope of a client: when it was last named, issued without a name, and granted. */
interface Truth {
  named: number;
  unnamed: number;
  granted: number;
  isDirect: boolean;
}

interface Machine {
  readonly kind: string;
  readonly client: Credentials;
  readonly server: Server;
  readonly truth: Map<Scope, Truth>;
  /** The scopes that it names when it asks. */
  readonly habits: readonly Scope[];
}

/** How a machine behaves at an hour of the week. */
type Behaviour = (machine: Machine, hour: number) => Promise<void>;

const resourceOf = ({ server }: Machine) => SERVERS[server];

/** Asks for a token with these scopes, and notes what was granted of them. undefined: names none. */
async function ask(machine: Machine, scopes: readonly string[] | undefined): Promise<void> {
  const answer = await admit(machine.client, { resource: resourceOf(machine), scopes });
  expect(answer.outcome).toBe('admitted');
  for (const [scope, truth] of machine.truth) {
    if (truth.granted > Date.now()) continue;
    if (!scopes) truth.unnamed = Date.now();
    else if (scopes.includes(scope)) truth.named = Date.now();
  }
}

/** Introspects a token of the machine at its gate, as a resource server that names one scope does. */
async function introspectAtGate(machine: Machine, scopes: readonly Scope[]): Promise<void> {
  const token = { jti: crypto.randomUUID(), issuedAt: Date.now() / 1000, audience: resourceOf(machine) };
  await gates.standingOf(machine.client.client_id, { ...token, scopes: scopes.join(' ') });
  for (const scope of scopes) {
    const truth = machine.truth.get(scope);
    if (truth) truth.named = Date.now();
  }
}

const daily = (hour: number, at = 3) => hour % 24 === at;
const names: Behaviour = async (machine, hour) => {
  if (daily(hour)) await ask(machine, machine.habits);
};

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  'names what it needs': names,
  'names what it needs, every hour': (machine) => ask(machine, machine.habits),
  'never names': async (machine, hour) => {
    if (daily(hour)) await ask(machine, undefined);
  },
  'asks a narrow policy for more than it has': async (machine, hour) => {
    if (daily(hour)) await ask(machine, [...machine.habits, 'not granted']);
  },
  'has a role': names,
  'gets a scope in the middle of the week': names,
  'is evicted after each request': async (machine, hour) => {
    if (!daily(hour)) return;
    await names(machine, hour);
    await evictDurableObject(gateOf(machine.client));
  },
  'never names, and its API names scopes at the gate': async (machine, hour) => {
    if (daily(hour)) await ask(machine, undefined);
    if (daily(hour, 5)) await introspectAtGate(machine, machine.habits);
  },
  // The gate learns nothing of the introspection.
  'names nothing, and its API asks the edge': async (machine, hour) => {
    if (daily(hour)) await ask(machine, undefined);
  },
  'named all at first, and then less': async (machine, hour) => {
    if (hour === 0) await ask(machine, SCOPES);
    else if (daily(hour)) await ask(machine, machine.habits);
  },
  'did not name its scopes until it learned to': async (machine, hour) => {
    if (daily(hour)) await ask(machine, hour < 48 ? undefined : machine.habits);
  },
  'never asks': () => Promise.resolve(),
  'begins at the end to use what it never used': async (machine, hour) => {
    if (daily(hour)) await ask(machine, machine.habits);
    if (hour === 7 * 24 - 1) await ask(machine, SCOPES);
  },
};

/** What the judgement of a scope must be, from what the test knows. Tokens live for a day at most, and hours count to their end. */
function expected({ named, unnamed, granted }: Truth): string {
  const endOf = (time: number) => (time === 0 ? 0 : Math.ceil((time + 1) / HOUR) * HOUR);
  if (endOf(named) + DAY > UNUSED_SINCE && named > 0 && (endOf(named) > UNUSED_SINCE || named >= unnamed))
    return 'used';
  if (unnamed > 0 && endOf(unnamed) + DAY > UNUSED_SINCE) return 'unknown';
  return granted > UNUSED_SINCE ? 'unknown' : 'unused';
}

interface Judgement {
  readonly client_id: string;
  readonly etag: string;
  readonly unused_since: string;
  readonly scopes: readonly { readonly scope: Scope; readonly status: string; readonly direct: boolean }[];
  readonly patch: {
    readonly grants?: readonly { readonly resource_server: string; readonly scopes: readonly Scope[] }[];
  };
}

test('of 50 clients in a week, exactly the unused scopes are named, and their removal breaks nothing', async () => {
  const random = seeded(11);
  const { id: organization } = await create('organizations', { name: 'A week' });
  for (const [server, identifier] of Object.entries(SERVERS)) {
    const scopes = SCOPES.map((name) => ({ name }));
    const fields = { organization_id: organization, identifier, name: server, scopes };
    await create('resource-servers', { ...fields, scope_policy: server });
  }
  const role = {
    organization_id: organization,
    name: 'week',
    grants: [{ resource_server: SERVERS.exact, scopes: ['c', 'd'] }],
  };
  await create('roles', role);

  const kinds = Object.keys(BEHAVIOURS);
  const machines: Machine[] = [];
  for (let index = 0; index < 50; index++) {
    const kind = kinds[index % kinds.length] ?? '';
    const server = kind.includes('narrow') ? 'narrow' : 'exact';
    const [isHolder, isLate] = [kind === 'has a role', kind.startsWith('gets a scope')];
    const own: Scope[] = isHolder ? ['a', 'b'] : isLate ? ['a', 'b', 'c'] : [...SCOPES];
    const client = await createClient({
      organization_id: organization,
      client_name: `${String(index).padStart(2, '0')} ${kind}`,
      grants: [{ resource_server: SERVERS[server], scopes: own }],
      roles: isHolder ? ['week'] : [],
    });
    const truth = SCOPES.map((scope) => {
      const granted = isLate && scope === 'd' ? START + 5 * DAY : START;
      return [scope, { named: 0, unnamed: 0, granted, isDirect: !isHolder || own.includes(scope) }] as const;
    });
    const habits = own.filter(() => random.below(2) === 0);
    machines.push({ kind, client, server, truth: new Map(truth), habits: habits.length > 0 ? habits : ['a'] });
  }

  for (let hour = 0; hour < 7 * 24; hour++) {
    vi.setSystemTime(START + hour * HOUR + random.below(HOUR));
    if (hour === 5 * 24) {
      for (const { kind, client, truth } of machines) {
        if (!kind.startsWith('gets a scope')) continue;
        const grants = [{ resource_server: SERVERS.exact, scopes: SCOPES }];
        await done('PATCH', `clients/${client.client_id}`, { body: { grants } });
        (truth.get('d') as Truth).granted = Date.now();
      }
    }
    // What it does every hour is seen at a few.
    const isSeen = hour % 6 === 3 || hour % 24 === 5 || hour === 0 || hour === 7 * 24 - 1;
    if (isSeen) await Promise.all(machines.map((machine) => BEHAVIOURS[machine.kind]?.(machine, hour)));
  }

  vi.setSystemTime(END);
  const path = `organizations/${organization}/least-privilege?unused_for=${UNUSED_DAYS}`;
  const first = await done<{ data: Judgement[]; next_cursor: string }>('GET', `${path}&limit=30`);
  const second = await done<{ data: Judgement[]; next_cursor: null }>(
    'GET',
    `${path}&limit=30&cursor=${first.next_cursor}`,
  );
  const judged = [...first.data, ...second.data];
  expect([first.data.length, second.data.length, second.next_cursor]).toEqual([30, 20, null]);

  const found = machines.map(({ kind, client: { client_id } }) => {
    const { scopes } = judged.find((judgement) => judgement.client_id === client_id) as Judgement;
    return [kind, Object.fromEntries(scopes.map(({ scope, status }) => [scope, status]))];
  });
  const wanted = machines.map(({ kind, truth }) => [
    kind,
    Object.fromEntries([...truth].map(([scope, of]) => [scope, expected(of)])),
  ]);
  expect(found).toEqual(wanted);
  const counts = Object.groupBy(
    machines.flatMap(({ truth }) => [...truth.values()].map(expected)),
    (status) => status,
  );
  console.log(
    Object.entries(counts)
      .map(([status, of]) => `${status} ${of?.length}`)
      .join(', '),
  );
  for (const status of ['used', 'unused', 'unknown']) expect(counts[status]?.length).toBeGreaterThan(20);

  // One of them begins to use a scope before the patches are applied.
  const late = machines[0] as Machine;
  await requestToken(late.client, { resource: SERVERS.exact, scope: SCOPES.join(' ') });
  for (const machine of machines) {
    const { client_id } = machine.client;
    const { etag, unused_since, patch } = judged.find((judgement) => judgement.client_id === client_id) as Judgement;
    const unused = [...machine.truth].filter(([, truth]) => truth.isDirect && expected(truth) === 'unused');
    if (unused.length === 0) {
      expect(patch).toEqual({});
      continue;
    }
    const response = await api('POST', `clients/${client_id}/least-privilege/apply`, {
      body: { unused_since, patch },
      headers: { 'If-Match': etag },
    });
    expect(response.status, machine.kind).toBe(machine === late ? 409 : 200);
    const left = (await done<{ grants: { scopes: Scope[] }[] }>('GET', `clients/${client_id}`)).grants.flatMap(
      ({ scopes }) => scopes,
    );
    const removed = machine === late ? [] : unused.map(([scope]) => scope);
    const own = [...machine.truth].filter(([, truth]) => truth.isDirect).map(([scope]) => scope);
    expect(left).toEqual(own.filter((scope) => !removed.includes(scope)));
    // What it used works as before.
    if (machine.kind === 'never asks') continue;
    expect((await admit(machine.client, { resource: resourceOf(machine), scopes: machine.habits })).outcome).toBe(
      'admitted',
    );
  }
}, 120_000);
