import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEdgemint } from '../harness/edgemint.ts';
import { measure, type Target } from './load.ts';
import { median, spread } from './statistics.ts';

// Whether sending events to webhooks slows token requests: 10,000 events for 20 webhooks are pending, and the same requests are measured by
// turns while the scheduled handler sends, and while it does not.

const EVENTS = 10_000;
const WEBHOOKS = 20;
const ROUNDS = Number(process.argv[2] ?? 5);
const SECONDS = 4;
/** How long a receiver takes to answer. */
const RECEIVER_MS = 100;
const RESOURCE = 'https://api.example.com/orders';

let arrived = 0;

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  arrived++;
  await sleep(RECEIVER_MS);
  response.writeHead(204).end();
}

const edgemint = await startEdgemint({ network: (request, response) => void receive(request, response) });
try {
  const target = await prepare();
  await measure(target, 1, 1);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const quiet = await measure(target, 1, SECONDS);
    const before = arrived;
    // It goes on for 40 seconds. The next quiet turn waits for its end.
    const sending = edgemint.runScheduled();
    await sleep(500);
    const busy = await measure(target, 1, SECONDS);
    const sent = arrived - before;
    await sending;
    if (sent === 0) throw new Error('No event arrived, so nothing was measured.');
    rounds.push({ quiet, busy, sent });
    const ratio = (busy.p50 / quiet.p50).toFixed(2);
    console.log(
      `round ${round + 1}: p50 ${quiet.p50.toFixed(2)} ms quiet, ${busy.p50.toFixed(2)} ms while sending (${ratio}), ${sent} events meanwhile`,
    );
  }
  const p50 = spread(rounds.map(({ quiet, busy }) => busy.p50 / quiet.p50));
  const p99 = spread(rounds.map(({ quiet, busy }) => busy.p99 / quiet.p99));
  const errors = rounds.reduce((sum, { quiet, busy }) => sum + quiet.errors + busy.errors, 0);
  const rate = median(rounds.map(({ sent }) => sent / (SECONDS + 0.5)));
  console.log(`token request while ${rate.toFixed(0)} events a second are sent, compared with a quiet time:`);
  for (const [name, { median: middle, least, greatest }] of Object.entries({ p50, p99 }))
    console.log(`${name}: ${middle.toFixed(2)} (${least.toFixed(2)} to ${greatest.toFixed(2)})`);
  console.log(`errors: ${errors}`);
} finally {
  await edgemint.stop();
}

/** Creates the client and the webhooks, and the pending events. @returns the token request of the client */
async function prepare(): Promise<Target> {
  const { id: organization_id } = await post<{ id: string }>('organizations', { name: 'Busy' });
  const scopes = [{ name: 'orders:read' }];
  await post('resource-servers', { organization_id, identifier: RESOURCE, name: 'Orders', scopes });
  const client = await post<{ client_id: string; client_secret: string }>('clients', {
    organization_id,
    client_name: 'Measured',
    grants: [{ resource_server: RESOURCE, scopes: ['orders:read'] }],
    rate_limit: { per_minute: 1_000_000, burst: 1_000_000 },
  });
  for (let number = 0; number < WEBHOOKS; number++) {
    const webhook = { organization_id, name: `webhook ${number}`, url: `https://hooks-${number}.example.com/in` };
    await post('webhooks', { ...webhook, events: ['role.created'] });
  }
  const db = await edgemint.database();
  const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${EVENTS})`;
  await db
    .prepare(
      `${numbers} INSERT INTO audit_events SELECT 'evt_' || n, ?, ?, 'root', 'role.created', 'role', NULL, '{"name":"a role"}', NULL, NULL
       FROM numbers`,
    )
    .bind(Date.now(), organization_id)
    .run();
  await db
    .prepare(
      `${numbers} INSERT INTO webhook_deliveries SELECT 'evt_' || n, id, 'role.created', 'pending', 0, ?1, ?1, ?1, NULL, NULL, NULL
       FROM numbers, webhooks`,
    )
    .bind(Date.now())
    .run();
  await db.prepare('UPDATE webhooks SET due_at = 1').run();
  return {
    url: `${edgemint.issuer}/oauth2/token`,
    headers: {
      Authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
    },
    form: { grant_type: 'client_credentials' },
  };
}

async function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${edgemint.rootApiKey}` };
  const response = await fetch(`${edgemint.issuer}/v1/${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json() as Promise<T>;
}
