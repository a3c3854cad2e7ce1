import type { OpenConsole } from '../harness.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 8;

/** The resources that the pictures show. */
export interface Demo {
  readonly organizationId: string;
  readonly clientId: string;
  readonly resourceServerId: string;
  readonly roleId: string;
  readonly webhookId: string;
}

interface Created {
  readonly id: string;
}

interface CreatedClient {
  readonly client_id: string;
  readonly client_secret?: string;
}

const ORDERS = 'https://orders.acme.example';
const LEDGER = 'https://ledger.acme.example';

/** Fills an empty service with an organization as a company might have it. */
export async function createDemo(open: OpenConsole): Promise<Demo> {
  const create = <T>(path: string, fields: object) => open.request<T>('POST', `/v1/${path}`, fields);
  const { id: organization_id } = await create<Created>('organizations', { name: 'Acme Logistics' });
  await create('organizations', { name: 'Northwind Freight' });
  const server = await create<Created>('resource-servers', {
    organization_id,
    identifier: ORDERS,
    name: 'Orders API',
    scopes: [
      { name: 'orders:read', description: 'See orders and their state' },
      { name: 'orders:write', description: 'Create and change orders' },
      { name: 'orders:cancel', description: 'Cancel orders that have not been sent' },
    ],
  });
  await create('resource-servers', {
    organization_id,
    identifier: LEDGER,
    name: 'Ledger',
    scopes: [
      { name: 'entries:read', description: 'See entries' },
      { name: 'entries:post', description: 'Post entries' },
    ],
  });
  const role = await create<Created>('roles', {
    organization_id,
    name: 'order-reader',
    description: 'May see orders',
    grants: [{ resource_server: ORDERS, scopes: ['orders:read'] }],
  });
  const client = (client_name: string, fields: object = {}) =>
    create<CreatedClient>('clients', { organization_id, client_name, roles: ['order-reader'], ...fields });
  const worker = await client('Invoice worker', {
    owner: 'billing@acme.example',
    grants: [
      { resource_server: ORDERS, scopes: ['orders:read', 'orders:write'] },
      { resource_server: LEDGER, scopes: ['entries:read', 'entries:post'] },
    ],
  });
  const others = [
    await client('Warehouse scanner', { owner: 'warehouse@acme.example' }),
    await client('Nightly export', { owner: 'data@acme.example' }),
    await client('Partner gateway', { owner: 'partners@acme.example' }),
    await client('Returns bot', { owner: 'returns@acme.example', status: 'disabled' }),
    await client('Deploy pipeline', {
      owner: 'platform@acme.example',
      expires_at: new Date(Date.now() + 12 * DAY_MS).toISOString(),
    }),
  ];
  await create('api-keys', { organization_id, name: 'Terraform', scopes: ['clients:read', 'clients:write'] });
  await create('api-keys', {
    organization_id,
    name: 'Auditor',
    scopes: ['audit:read', 'clients:read'],
    expires_at: new Date(Date.now() + 20 * DAY_MS).toISOString(),
  });
  const webhook = await create<Created>('webhooks', {
    organization_id,
    name: 'Alerts',
    url: 'https://alerts.acme.example/edgemint',
    events: ['client.created', 'secret.expiring'],
  });
  await ask(open, worker);
  await open.request('POST', `/v1/clients/${worker.client_id}/secrets/rotate`, {});
  await drawUsage(open, organization_id, [worker, ...others]);
  return {
    organizationId: organization_id,
    clientId: worker.client_id,
    resourceServerId: server.id,
    roleId: role.id,
    webhookId: webhook.id,
  };
}

/** Gets tokens, one of them in vain. */
async function ask({ edgemint }: OpenConsole, { client_id, client_secret }: CreatedClient): Promise<void> {
  const headers = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
  for (const scope of ['orders:read', 'orders:write', 'orders:cancel']) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', resource: ORDERS, scope });
    await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', headers, body });
  }
}

/** Writes the use of the last days, because a picture cannot wait for them. */
async function drawUsage(
  { edgemint }: OpenConsole,
  organizationId: string,
  clients: readonly CreatedClient[],
): Promise<void> {
  const database = await edgemint.database();
  const now = Date.now();
  for (let day = Math.floor(now / DAY_MS) * DAY_MS - DAYS * DAY_MS; day <= now; day += DAY_MS) {
    const hours = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => day + hour * HOUR_MS < now);
    const issued = (hour: number) =>
      Math.round(900 + 700 * Math.sin(((hour - 7) / 24) * 2 * Math.PI) + ((hour * 37 + (day / DAY_MS) * 11) % 120));
    const refused = (hour: number) => (hour * 7 + (day / DAY_MS) * 3) % 23;
    const byHour = (count: (hour: number) => number) => Object.fromEntries(hours.map((hour) => [hour, count(hour)]));
    const counts = {
      outcomes: {
        issued: byHour(issued),
        rate_limited: byHour((hour) => (hour > 8 && hour < 17 ? refused(hour) * 4 : refused(hour))),
        client_disabled: byHour((hour) => refused(hour + 5)),
        secret_expired: byHour((hour) => (refused(hour + 11) > 15 ? 6 : 0)),
      },
    };
    const shares = clients.map(({ client_id }, index) => {
      const share = 1 / (index * 1.7 + 2);
      const its = Object.fromEntries(
        hours.map((hour) => [hour, [Math.round(issued(hour) * share), Math.round(refused(hour) * share)]]),
      );
      return [client_id, { requests: 1000 * share, hours: its }] as const;
    });
    for (const owner of ['', organizationId]) {
      await database
        .prepare('INSERT OR REPLACE INTO usage_days (owner, day, counts, clients) VALUES (?, ?, ?, ?)')
        .bind(owner, day, JSON.stringify(counts), JSON.stringify(Object.fromEntries(shares)))
        .run();
    }
    await database
      .prepare('INSERT OR REPLACE INTO client_usage_days (client_id, day, counts) VALUES (?, ?, ?)')
      .bind(clients[0]?.client_id ?? '', day, JSON.stringify(counts))
      .run();
  }
}
