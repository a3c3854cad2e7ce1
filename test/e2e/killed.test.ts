import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EdgemintApart } from '../harness/apart.ts';
import { ROOT_API_KEY } from '../harness/edgemint.ts';
import { seeded } from '../random.ts';
import { sized } from '../size.ts';
import { AT_ONCE, Load } from './killed/load.ts';
import { each, settle, wrongClient, wronglyFed, wronglyShown, wrongTokens } from './killed/looks.ts';
import { Client, note } from './killed/model.ts';
import { readRows, wrongRows } from './killed/rows.ts';
import { type Credentials, requireAnswer, Service } from './killed/service.ts';
import { create, type World } from './killed/writes.ts';

const WRITES = Number(process.env.KILLED_WRITES ?? sized({ small: 1000, soak: 10_000 }));
const KILLS = sized({ small: 2, soak: 10 });
/** How often the machine may stall for longer than a store's deadline. Each time, all writes in flight may be answered 503. */
const STALLS = 3;
// The seed is printed, so that the same writes can be repeated. The times of the kills cannot.
const SEED = Number(process.env.KILLED_SEED ?? Date.now() % 1_000_000);

let edgemint: EdgemintApart;

beforeAll(async () => {
  edgemint = await EdgemintApart.prepare();
});

afterAll(() => edgemint?.remove());

test(`a server that is killed ${KILLS} times while it writes has all that it acknowledged, nothing half, and nothing revoked is active`, {
  timeout: 1_800_000,
}, async () => {
  const random = seeded(SEED);
  console.log(`seed ${SEED}`);
  await edgemint.start();
  const service = new Service(edgemint.issuer, ROOT_API_KEY);
  const clients: Client[] = [];
  const { world, caller } = await prepare(service, random, clients);
  const load = new Load(world, clients, WRITES);

  /** After a restart, checks some clients and every token that was ever revoked. */
  const look = async (some: readonly Client[]) => {
    const tokens = clients.flatMap((client) => client.tokens);
    const revoked = tokens.filter(({ isRevoked }) => isRevoked);
    // This comes first, because an acknowledged write must not need the scheduled handler.
    expect(await wrongTokens(service, caller, revoked)).toEqual([]);
    const certain = some.filter(({ doubt }) => !doubt);
    expect((await each(certain, (client) => wrongClient(service, client))).flat()).toEqual([]);

    const settled = await settle(service, caller, clients, (await readRows(edgemint)).events);
    expect(settled.wrong).toEqual([]);
    await edgemint.runScheduled();
    expect(await edgemint.query('SELECT * FROM gate_pushes')).toEqual([]);
    const known = clients.filter(({ id }) => id !== undefined);
    expect(wrongRows(known, await readRows(edgemint))).toEqual([]);
    const doubtful = some.filter((client) => client.id !== undefined && !certain.includes(client));
    expect((await each(doubtful, (client) => wrongClient(service, client))).flat()).toEqual([]);
    const rest = new Set(some.flatMap((client) => client.tokens)).difference(new Set(revoked));
    expect(await wrongTokens(service, caller, [...rest])).toEqual([]);
    for (const client of some) client.isTouched = false;
    return settled;
  };

  for (let kill = 1; kill <= KILLS; kill++) {
    const running = load.run();
    const from = Math.floor((WRITES * (kill - 1)) / KILLS);
    // Kill in the first half of this kill's share of writes, so that enough writes are left to be in flight.
    await Promise.race([load.reached(from + 1 + random.below(WRITES / KILLS / 2)), running]);
    await sleep(random.below(20));
    const underWay = load.stop();
    await edgemint.kill();
    await running;
    const lost = underWay.filter(({ client }) => client.doubt);
    expect(lost.length, 'No write was in flight.').toBeGreaterThan(0);
    await edgemint.start();
    const { stood, withoutEvent } = await look(clients.filter(({ isTouched }) => isTouched));
    const fate = `${lost.length} lost, of which ${stood} stand, ${withoutEvent} of them revocations without their event`;
    console.log(`kill ${kill}: ${underWay.length} writes in flight, ${fate}`);
  }
  await load.run();
  // Kill and check once more when no write is in flight.
  await edgemint.kill();
  await edgemint.start();
  const known = clients.filter(({ id }) => id !== undefined);
  await look(known);
  expect((await each(known, (client) => wronglyShown(service, client))).flat()).toEqual([]);
  // Gates deliver to the revocation feed in the background, also what was owed before they were killed.
  const tokens = clients.flatMap((client) => client.tokens);
  await expect
    .poll(() => wronglyFed(edgemint.issuer, world.resource, tokens), { timeout: 60_000, interval: 2000 })
    .toEqual([]);
  expect(load.unavailable, 'writes answered 503').toBeLessThanOrEqual(STALLS * AT_ONCE);
});

async function prepare(service: Service, random: World['random'], clients: Client[]) {
  const make = async (path: string, body: object) =>
    requireAnswer(await service.manage('POST', path, body), 201, path).id;
  const organization = await make('organizations', { name: 'Killed' });
  const resource = 'https://killed.example.com';
  const scopes = [{ name: 'read' }, { name: 'write' }];
  await make('resource-servers', { organization_id: organization, identifier: resource, name: 'Killed', scopes });
  const grants = [{ resource_server: resource, scopes: ['write'] }];
  const roles = ['one', 'two', 'three'] as const;
  for (const name of roles) await make('roles', { organization_id: organization, name, grants });
  const world = { service, random, organization, resource, roles };

  const api = new Client('api');
  api.isBusy = true;
  clients.push(api);
  const write = create(world, api, { introspects: [resource] });
  note(write, { body: requireAnswer(await write.send(), 201, 'api') });
  const [caller] = api.credentials as [Credentials];
  return { world, caller };
}
