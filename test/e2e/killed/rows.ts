import type { EdgemintApart } from '../../harness/apart.ts';
import type { Client, Trace } from './model.ts';

/** An audit event of a write, as a row of D1. */
export interface Event {
  readonly action: string;
  readonly target: string;
  readonly version: number;
  /** JSON object. */
  readonly changes: string;
}

/** A client, as a row of D1. */
export interface Row {
  readonly client_id: string;
  readonly client_name: string;
  readonly step: string;
  readonly version: number;
  readonly revocation_epoch: number;
  readonly grants: number;
  /** JSON arrays: role names, and secret ids with the primary secret's id first. */
  readonly roles: string;
  readonly secrets: string;
}

/** Everything that D1 holds about the clients. */
export interface Rows {
  readonly events: readonly Event[];
  readonly rows: readonly Row[];
  /** The last version that a write took. */
  readonly version: number;
  readonly keys: readonly { readonly version: number }[];
}

const EVENTS = `SELECT action, target, version, changes FROM audit_events WHERE version IS NOT NULL ORDER BY version`;
const CLIENTS = `SELECT client_id, client_name, metadata ->> 'step' AS step, version, revocation_epoch,
  (SELECT COUNT(*) FROM client_grant_scopes WHERE client_id = clients.client_id) AS grants,
  (SELECT json_group_array(name ORDER BY name) FROM client_roles JOIN roles ON roles.id = role_id
    WHERE client_id = clients.client_id) AS roles,
  (SELECT json_group_array(id ORDER BY rank) FROM client_secrets WHERE client_id = clients.client_id) AS secrets
  FROM clients`;

export async function readRows(edgemint: EdgemintApart): Promise<Rows> {
  const events = await edgemint.query<Event>(EVENTS);
  const rows = await edgemint.query<Row>(CLIENTS);
  const [sequence] = await edgemint.query<{ value: number }>('SELECT value FROM version_sequence');
  const keys = await edgemint.query<{ version: number }>('SELECT version FROM idempotency_keys');
  return { events, rows, version: sequence?.value ?? 0, keys };
}

export function traceOf({ action, changes }: Event): Trace {
  const { client_name, metadata, secret, jti } = JSON.parse(changes);
  switch (action) {
    case 'client.updated':
      return { action, mark: metadata?.step };
    case 'client.created':
    case 'client.deleted':
      return { action, mark: client_name };
    default:
      return { action, mark: secret ?? jti ?? '' };
  }
}

/** Returns the events of each client in their order, by its name: the model lacks the id of a client whose creation was not answered. */
export function eventsByName(events: readonly Event[]): ReadonlyMap<string, Event[]> {
  const created = events.filter(({ action }) => action === 'client.created');
  const names = new Map(created.map((event) => [event.target, traceOf(event).mark]));
  return Map.groupBy(events, ({ target }) => names.get(target) ?? '');
}

/**
 * Returns the differences between D1 and the model. Each acknowledged write must have left its event, in order, and nothing else may have
 * left one. The events must also explain the rows, including their versions, so that no write was made by half.
 */
export function wrongRows(clients: readonly Client[], { events, rows, version, keys }: Rows): string[] {
  const byName = eventsByName(events);
  const left = new Map(rows.map((row) => [row.client_name, row]));
  const wrong: string[] = [];
  const compare = (what: string, found: unknown, wanted: unknown) => {
    const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (one !== other) wrong.push(`${what}: ${one} instead of ${other}`);
  };
  for (const client of clients) {
    const ownEvents = byName.get(client.name) ?? [];
    compare(`events of ${client.name}`, ownEvents.map(traceOf), client.traces);
    const wanted = ownEvents.reduce<ClientState | undefined>(after, undefined);
    compare(`row of ${client.name}`, stateOf(left.get(client.name), wanted), wanted);
    left.delete(client.name);
  }
  compare('rows that no write made', [...left.values()], []);
  // Every write takes one version and leaves one event.
  const versions = events.map((event) => event.version);
  compare('versions without an event', firstGap(versions, version), undefined);
  const written = new Set(versions);
  compare(
    'kept answers of no write',
    keys.filter((key) => !written.has(key.version)),
    [],
  );
  const keyed = clients.reduce((sum, client) => sum + client.keyed, 0);
  compare('kept answers', keys.length, keyed);
  return wrong;
}

function firstGap(versions: readonly number[], last: number): number | undefined {
  const seen = new Set(versions);
  return Array.from({ length: last }, (_, index) => index + 1).find((version) => !seen.has(version));
}

/** The state of a client, computed from its events or read from its row. */
interface ClientState {
  readonly id: string;
  readonly step: string;
  readonly version: number;
  readonly epoch: number;
  readonly grants: number;
  readonly roles: readonly string[];
  /** Secret ids, the primary one first. */
  readonly secrets: readonly string[];
}

// The event of a creation does not contain the id of the first secret.
const FIRST = 'the first';

function after(client: ClientState | undefined, { action, target, version, changes }: Event): ClientState | undefined {
  const { metadata, roles, secret, grants } = JSON.parse(changes);
  if (action === 'client.created') {
    const { step } = metadata;
    return { id: target, step, version, epoch: version, grants: grants.length, roles, secrets: [FIRST] };
  }
  if (!client) return undefined;
  const [primary = ''] = client.secrets;
  switch (action) {
    case 'client.updated':
      return { ...client, version, step: metadata?.step ?? client.step, roles: roles ?? client.roles };
    case 'client.secret_rotated':
      return { ...client, version, secrets: [secret, primary] };
    case 'client.secret_deleted':
      return { ...client, version, secrets: client.secrets.filter((id) => id === primary) };
    case 'client.tokens_revoked':
      return { ...client, version, epoch: version };
    case 'client.deleted':
      return undefined;
    default:
      return client;
  }
}

/** @param expected the state according to the events; if they do not know the id of a secret, the id in the row counts as right */
function stateOf(row: Row | undefined, expected: ClientState | undefined): ClientState | undefined {
  if (!row) return undefined;
  const secrets: string[] = JSON.parse(row.secrets);
  return {
    id: row.client_id,
    step: row.step,
    version: row.version,
    epoch: row.revocation_epoch,
    grants: row.grants,
    roles: JSON.parse(row.roles),
    secrets: secrets.map((id, index) => (expected?.secrets[index] === FIRST ? FIRST : id)),
  };
}
