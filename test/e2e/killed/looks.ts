import { createHash } from 'node:crypto';
import { type Client, note, type Token, tokenOf, type Write } from './model.ts';
import { type Event, eventsByName, traceOf } from './rows.ts';
import { type Credentials, patiently, requireAnswer, type Service } from './service.ts';

const AT_ONCE = 32;

/** Calls `act` for every item, at most 32 at once. */
export async function each<Item, Result>(items: readonly Item[], act: (item: Item) => Promise<Result>) {
  const results: Result[] = [];
  const left = items.values();
  const takeTurns = async () => {
    for (const item of left) results.push(await act(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, takeTurns));
  return results;
}

/** Introspects the tokens and returns a description of each whose state differs from the model. */
export async function wrongTokens(service: Service, caller: Credentials, tokens: readonly Token[]): Promise<string[]> {
  const wrong = await each(tokens, async (token) => {
    const active = await isActive(service, caller, token);
    return active === !token.isRevoked
      ? []
      : [`${token.jti}: ${active ? 'revoked, and active' : 'inactive, and not revoked'}`];
  });
  return wrong.flat();
}

async function isActive(service: Service, caller: Credentials, { value }: Token): Promise<boolean> {
  return requireAnswer(await service.introspect(caller, value), 200, 'an introspection').active;
}

interface FeedPage {
  readonly version: number;
  readonly more: boolean;
  readonly tokens: readonly (readonly [hash: string, expiresAt: number])[];
  readonly clients: readonly (readonly [hash: string, cutOff: number | null, isDisabled: 0 | 1])[];
}

/** Reads the whole revocation feed, and returns a description of each token about which it differs from the model. */
export async function wronglyFed(issuer: string, audience: string, tokens: readonly Token[]): Promise<string[]> {
  const revoked = new Set<string>();
  const clients = new Map<string, { readonly cutOff: number; readonly isDisabled: boolean }>();
  for (let since = 0; ; ) {
    const answer = await fetch(`${issuer}/oauth2/revocations?${new URLSearchParams({ audience, since: `${since}` })}`);
    if (answer.status !== 200) return [`the feed is ${answer.status}`];
    const page = claimsOf<FeedPage>(await answer.text());
    for (const [hash] of page.tokens) revoked.add(hash);
    for (const [hash, cutOff, isDisabled] of page.clients) {
      clients.set(hash, { cutOff: cutOff ?? 0, isDisabled: isDisabled === 1 });
    }
    if (!page.more) break;
    since = page.version;
  }
  return tokens.flatMap(({ value, jti, isRevoked }) => {
    const { client_id, iat } = claimsOf<{ readonly client_id: string; readonly iat: number }>(value);
    const client = clients.get(feedHash(client_id));
    const isListed = revoked.has(feedHash(jti)) || (client && (client.isDisabled || iat <= client.cutOff)) === true;
    return isListed === isRevoked
      ? []
      : [`${jti}: ${isListed ? 'listed, and not revoked' : 'revoked, and not listed'}`];
  });
}

function claimsOf<Claims>(jwt: string): Claims {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
}

function feedHash(id: string): string {
  return createHash('sha256').update(id).digest().subarray(0, 16).toString('base64url');
}

/** Returns the differences between a client's gate and the model. The tokens that it issues for this are added to the model. */
export async function wrongClient(service: Service, client: Client): Promise<string[]> {
  const { wrong, compare } = comparison(client);
  for (const credentials of client.credentials) {
    const answer = await service.requestToken(credentials);
    compare('a token', answer?.status, 200);
    if (answer?.status !== 200) continue;
    const token = tokenOf(answer.body);
    compare('roles in a token', token.roles, client.roles);
    client.tokens.push(token);
  }
  const secret = client.ended.at(-1);
  if (secret && client.id) {
    const answer = await service.requestToken({ id: client.id, secret });
    compare('a token for a secret that ended', answer?.status, 401);
  }
  return wrong;
}

/** Returns the differences between the management API's representation of a client and the model. */
export async function wronglyShown(service: Service, client: Client): Promise<string[]> {
  const { wrong, compare } = comparison(client);
  const shown = await service.show(`clients/${client.id}`);
  const { status } = shown ?? {};
  compare('status', status, client.isDeleted ? 404 : 200);
  if (status === 200) {
    compare('step', shown?.body.metadata.step, String(client.step));
    compare('roles', shown?.body.roles, client.roles);
  }
  return wrong;
}

function comparison(client: Client) {
  const wrong: string[] = [];
  const compare = (what: string, found: unknown, wanted: unknown) => {
    const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (one !== other) wrong.push(`${client.name}, ${what}: ${one} instead of ${other}`);
  };
  return { wrong, compare };
}

/** The outcome of the writes whose answers were lost. */
export interface Settled {
  /** The number of writes that were made. */
  readonly stood: number;
  /** The number of revocations that the gate has but whose event is missing. Sending them again adds the event. */
  readonly withoutEvent: number;
  readonly wrong: readonly string[];
}

/** Finds out which of the writes with lost answers were made, sends those again that can be repeated, and updates the model. */
export async function settle(
  service: Service,
  caller: Credentials,
  clients: readonly Client[],
  events: readonly Event[],
): Promise<Settled> {
  const byName = eventsByName(events);
  const outcomes = await each(clients, async (client) => {
    const write = client.doubt;
    if (!write) return [];
    const last = (byName.get(client.name) ?? [])[client.traces.length];
    const outcome = await settleOne(service, caller, write, last);
    client.doubt = undefined;
    client.isBusy = client.id === undefined;
    return [outcome];
  });
  const all = outcomes.flat();
  return {
    stood: all.filter(({ stood }) => stood).length,
    withoutEvent: all.filter(({ withoutEvent }) => withoutEvent).length,
    wrong: all.flatMap(({ wrong }) => wrong),
  };
}

/** @param event the audit event of the write, if it left one */
async function settleOne(service: Service, caller: Credentials, write: Write, event: Event | undefined) {
  const { client, token } = write;
  const stood = event !== undefined;
  if (stood) client.id ??= event.target;
  const withoutEvent = token !== undefined && !stood && !(await isActive(service, caller, token));
  const outcome = { stood: stood || withoutEvent, withoutEvent: withoutEvent && !write.isSilent };
  if (stood && !write.isKeyed) {
    note(write, { mark: traceOf(event).mark });
  } else if (write.isKeyed || token) {
    const answer = await patiently(() => write.send());
    const what = `${write.action} of ${client.name}, sent again`;
    note(write, { body: requireAnswer(answer, write.status, what) });
    const isRight = !write.isKeyed || answer?.isReplay === stood;
    return { ...outcome, wrong: isRight ? [] : [`${what}: ${stood ? 'done twice' : 'answered, and not done'}`] };
  }
  return { ...outcome, wrong: [] };
}
