import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import type { Target } from './load.ts';

// Measures the same requests for an organization with few clients and for one with many.

export interface Population {
  readonly clients: number;
  /** The requests by name. */
  readonly questions: ReadonlyMap<string, Target>;
  stop(): Promise<void>;
}

const RESOURCE = 'https://api.example.com/orders';

/** Starts Edgemint with an organization that has this number of clients, each with a name, a grant and a secret. Fifty have a role. */
export async function population(clients: number): Promise<Population> {
  const edgemint = await startEdgemint();
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${edgemint.rootApiKey}` };
    const response = await fetch(`${edgemint.issuer}/v1/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<T>;
  };
  const { id: organization_id } = await post<{ id: string }>('organizations', { name: 'Crowd' });
  const scopes = [{ name: 'orders:read' }, { name: 'orders:write' }];
  await post('resource-servers', { organization_id, identifier: RESOURCE, name: 'Orders', scopes });
  await post('roles', {
    organization_id,
    name: 'auditor',
    grants: [{ resource_server: RESOURCE, scopes: ['orders:read'] }],
  });
  const grants = [{ resource_server: RESOURCE, scopes: ['orders:read', 'orders:write'] }];
  const one = await post<{ client_id: string; client_secret: string }>('clients', {
    organization_id,
    client_name: 'client 000000',
    grants,
    rate_limit: { per_minute: 1_000_000, burst: 1_000_000 },
  });
  await multiply(edgemint, one.client_id, clients - 1);

  const list = `${edgemint.issuer}/v1/clients?organization_id=${organization_id}`;
  const headers = { Authorization: `Bearer ${edgemint.rootApiKey}` };
  const basic = Buffer.from(`${one.client_id}:${one.client_secret}`).toString('base64');
  const middle = String(Math.floor(clients / 2)).padStart(6, '0');
  return {
    clients,
    questions: new Map<string, Target>([
      ['list a page', { url: list, headers }],
      ['search by name', { url: `${list}&name=Client%20${middle}`, headers }],
      ['search by role', { url: `${list}&role=auditor`, headers }],
      ['search by status', { url: `${list}&status=disabled`, headers }],
      ['search by last use', { url: `${list}&unused_since=2999-01-01T00:00:00Z&sort=last_used_at`, headers }],
      [
        'search by method and status, sorted',
        { url: `${list}&auth_method=client_secret_basic&status=disabled&sort=-created_at`, headers },
      ],
      ['search by resource server', { url: `${list}&resource_server=${encodeURIComponent(RESOURCE)}`, headers }],
      [
        'token request',
        {
          url: `${edgemint.issuer}/oauth2/token`,
          headers: { Authorization: `Basic ${basic}` },
          form: { grant_type: 'client_credentials' },
        },
      ],
    ]),
    stop: () => edgemint.stop(),
  };
}

/** Copies a client's rows, with other names, ids and hashes. */
async function multiply(edgemint: RunningEdgemint, clientId: string, copies: number): Promise<void> {
  const db = await edgemint.database();
  const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${copies})`;
  const copied = async (table: string, changed: Record<string, string>) => {
    const columns = (await db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all<{ name: string }>())
      .results;
    const values = columns.map(({ name }) => changed[name] ?? `${table}.${name}`);
    const sql = `${numbers} INSERT INTO ${table} SELECT ${values} FROM ${table}, numbers WHERE client_id = ?`;
    await db.prepare(sql).bind(clientId).run();
  };
  const client_id = "'emc_' || printf('%030d', n)";
  await copied('clients', {
    client_id,
    client_name: "printf('client %06d', n)",
    folded_name: "printf('client %06d', n)",
    // Fifty clients, spread evenly.
    status: `CASE WHEN n % ${Math.max(2, Math.floor(copies / 50))} = 1 THEN 'disabled' ELSE 'active' END`,
  });
  await copied('client_secrets', { client_id, id: "'sec_' || n", hash: "'hash ' || n" });
  await copied('client_grants', { client_id });
  await copied('client_grant_scopes', { client_id });
  const holders = `WHERE n % ${Math.max(2, Math.floor(copies / 50))} = 1`;
  await db
    .prepare(`${numbers} INSERT INTO client_roles SELECT ${client_id}, roles.id FROM roles, numbers ${holders}`)
    .run();
}
