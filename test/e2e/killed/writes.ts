import type { seeded } from '../../random.ts';
import { Client, type Token, tokenOf, type Write } from './model.ts';
import { type Body, requireAnswer, type Service } from './service.ts';

export type Random = ReturnType<typeof seeded>;

/** The context that all clients share. */
export interface World {
  readonly service: Service;
  readonly random: Random;
  readonly organization: string;
  readonly resource: string;
  readonly roles: readonly [string, ...string[]];
}

type Make = (world: World, client: Client) => Promise<Write | undefined>;

/** Each kind of write about an existing client, with its share. A kind returns undefined if it does not apply to the client. */
const KINDS: readonly (readonly [share: number, make: Make])[] = [
  [5, change],
  [5, changeRoles],
  [10, rotate],
  [8, rotateOwn],
  [5, deleteSecret],
  [32, revokeOwn],
  [12, revokeToken],
  [8, revokeByJti],
  [5, cutOff],
  [5, remove],
];
const DRAWN = KINDS.flatMap(([share, make]) => Array<Make>(share).fill(make));
/** The percentage of writes that create a client. */
const CREATES = 15;

/** Returns the next write, about a client without a write in flight or about a new one; undefined when the load is over. */
export async function nextWrite(world: World, clients: Client[], isOver: () => boolean): Promise<Write | undefined> {
  while (!isOver()) {
    const free = clients.filter(({ isBusy, isDeleted }) => !isBusy && !isDeleted);
    const [first, ...others] = free;
    if (!first || world.random.below(100) < CREATES) {
      const client = new Client(`client ${clients.length}`);
      client.isBusy = true;
      clients.push(client);
      return create(world, client);
    }
    const client = world.random.pick([first, ...others]);
    client.isBusy = true;
    const write = await drawn(world.random)(world, client);
    if (write && !isOver()) return write;
    client.isBusy = false;
  }
  return undefined;
}

function drawn(random: Random): Make {
  return random.pick(DRAWN as [Make, ...Make[]]);
}

/** @param fields additional fields of the client */
export function create({ service, random, organization, resource }: World, client: Client, fields = {}): Write {
  const grants = [{ resource_server: resource, scopes: ['read'] }];
  const named = { organization_id: organization, client_name: client.name, may_rotate_secret: true };
  const key = maybeKey(random);
  return {
    client,
    action: 'client.created',
    status: 201,
    isKeyed: key !== undefined,
    send: () => service.manage('POST', 'clients', { ...named, grants, metadata: { step: '0' }, ...fields }, key),
    mark: () => client.name,
    apply: (_, body) => {
      client.primary = body?.client_secret;
      client.id ??= body?.client_id;
    },
  };
}

async function change({ service }: World, client: Client): Promise<Write> {
  return amend(service, client, client.roles, {});
}

async function changeRoles({ service, random, roles }: World, client: Client): Promise<Write> {
  const others = roles.filter(() => random.below(2) === 0);
  return amend(service, client, others, { roles: others });
}

function amend(service: Service, client: Client, roles: readonly string[], fields: object): Write {
  const step = client.step + 1;
  const body = { ...fields, metadata: { step: String(step) } };
  return {
    client,
    action: 'client.updated',
    status: 200,
    isKeyed: false,
    send: () => service.manage('PATCH', `clients/${client.id}`, body),
    mark: () => String(step),
    apply: () => {
      client.step = step;
      client.roles = [...roles].sort();
    },
  };
}

async function rotate({ service, random }: World, client: Client): Promise<Write> {
  const key = maybeKey(random);
  const path = `clients/${client.id}/secrets/rotate`;
  return {
    client,
    action: 'client.secret_rotated',
    status: 201,
    isKeyed: key !== undefined,
    send: () => service.manage('POST', path, { replace_secondary: true }, key),
    mark: ({ id }) => id,
    apply: (_, body) => client.rotate(body?.client_secret),
  };
}

async function rotateOwn({ service }: World, client: Client): Promise<Write | undefined> {
  const [credentials] = client.credentials;
  if (!credentials || client.secondary !== null) return undefined;
  return {
    client,
    action: 'client.secret_rotated',
    status: 200,
    isKeyed: false,
    send: () => service.form('rotate-secret', credentials),
    mark: ({ secret_id }) => secret_id,
    apply: (_, body) => client.rotate(body?.client_secret),
  };
}

async function deleteSecret({ service }: World, client: Client): Promise<Write | undefined> {
  if (client.secondary === null) return undefined;
  const path = `clients/${client.id}/secrets`;
  const listed = await service.show(path);
  if (!listed) return undefined;
  const { data } = requireAnswer(listed, 200, path);
  const id = data.find(({ rank }) => rank === 'secondary')?.id ?? '';
  return {
    client,
    action: 'client.secret_deleted',
    status: 204,
    isKeyed: false,
    send: () => service.manage('DELETE', `${path}/${id}`),
    mark: () => id,
    apply: () => client.endSecondary(),
  };
}

async function revokeOwn({ service }: World, client: Client): Promise<Write | undefined> {
  const token = await freshToken(service, client);
  const [credentials] = client.credentials;
  if (!token || !credentials) return undefined;
  const form = { token: token.value };
  return {
    ...revocation(client, token),
    action: 'token revoked by its client',
    isSilent: true,
    send: () => service.form('revoke', credentials, form),
  };
}

async function revokeToken({ service }: World, client: Client): Promise<Write | undefined> {
  const token = await freshToken(service, client);
  if (!token) return undefined;
  const body = { token: token.value };
  return { ...revocation(client, token), send: () => service.manage('POST', 'tokens/revoke', body) };
}

async function revokeByJti({ service }: World, client: Client): Promise<Write | undefined> {
  const token = await freshToken(service, client);
  if (!token) return undefined;
  const expires_at = new Date(token.exp * 1000).toISOString();
  const body = { jti: token.jti, client_id: client.id, expires_at };
  return { ...revocation(client, token), send: () => service.manage('POST', 'tokens/revoke', body) };
}

/** The revocation of one token. Revoking it twice has the same effect as revoking it once. */
function revocation(client: Client, token: Token): Omit<Write, 'send'> {
  return {
    client,
    token,
    action: 'token.revoked',
    status: 200,
    isKeyed: false,
    mark: () => token.jti,
    apply: () => {
      token.isRevoked = true;
    },
  };
}

async function cutOff({ service }: World, client: Client): Promise<Write | undefined> {
  if (!(await freshToken(service, client))) return undefined;
  return {
    client,
    action: 'client.tokens_revoked',
    status: 200,
    isKeyed: false,
    send: () => service.manage('POST', `clients/${client.id}/revoke-tokens`),
    mark: () => '',
    apply: () => client.revokeAll(),
  };
}

async function remove({ service }: World, client: Client): Promise<Write> {
  return {
    client,
    action: 'client.deleted',
    status: 204,
    isKeyed: false,
    send: () => service.manage('DELETE', `clients/${client.id}`),
    mark: () => client.name,
    apply: () => client.delete(),
  };
}

/** Requests a token for the client. Returns undefined if the connection was lost, or if no secret of the client is known. */
async function freshToken(service: Service, client: Client): Promise<Token | undefined> {
  const [credentials] = client.credentials;
  const answer = credentials && (await service.requestToken(credentials));
  if (!answer) return undefined;
  const token = tokenOf(requireAnswer(answer, 200, `a token of ${client.name}`) satisfies Body);
  client.tokens.push(token);
  client.isTouched = true;
  return token;
}

function maybeKey(random: Random): string | undefined {
  return random.below(2) === 0 ? Buffer.from(random.bytes(16)).toString('hex') : undefined;
}
