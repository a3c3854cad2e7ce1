import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WEBHOOK_LEASE } from '../../src/webhooks/constants.ts';
import { EdgemintApart } from '../harness/apart.ts';
import { ROOT_API_KEY } from '../harness/edgemint.ts';
import { sized } from '../size.ts';

const KILLS = sized({ small: 3, soak: 15 });
const WRITES_AT_ONCE = 10;

interface Request {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The requests that the receiver took. */
const taken: Request[] = [];
/** What the receiver does with a request: it takes it, breaks the connection without an answer, or never answers. */
let fate: 'takes' | 'breaks' | 'hangs' = 'takes';
const receiver = createServer(receive);
let edgemint: EdgemintApart;

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (fate === 'hangs') return;
  if (fate === 'breaks') return void response.destroy();
  taken.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() });
  response.writeHead(204).end();
}

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  edgemint = await EdgemintApart.prepare(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}`);
});

afterAll(async () => {
  await edgemint?.remove();
  receiver.closeAllConnections();
  receiver.close();
});

async function post(path: string, body: object): Promise<Record<string, string>> {
  const response = await fetch(`${edgemint.issuer}/v1/${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${ROOT_API_KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

test('a service that is killed between commit and delivery, and a receiver that is killed in the middle: each event arrives, and verifies', async () => {
  await edgemint.start();
  const { id: organization = '' } = await post('organizations', { name: 'Killed' });
  const webhook = await post('webhooks', {
    organization_id: organization,
    name: 'killed',
    url: 'https://hooks.example.com/in',
    events: ['role.created'],
  });
  const verifier = new Webhook(webhook.signing_secret ?? '');

  for (let kill = 0; kill < KILLS; kill++) {
    fate = (['hangs', 'breaks', 'takes'] as const)[kill % 3] ?? 'takes';
    const writes = Array.from({ length: WRITES_AT_ONCE }, (_, index) =>
      post('roles', { organization_id: organization, name: `role ${kill} ${index}` }).catch(() => undefined),
    );
    // After the first answer others are in flight, and events are about to be sent.
    await Promise.race(writes);
    await sleep(kill * 3);
    await edgemint.kill();
    await Promise.all(writes);
    await edgemint.start();
  }
  fate = 'takes';
  await post('roles', { organization_id: organization, name: 'last' });

  const committed = await edgemint.query<{ id: string; target: string }>(
    "SELECT id, target FROM audit_events WHERE action = 'role.created'",
  );
  expect(committed.length).toBeGreaterThan(KILLS);
  const missing = () => {
    const arrived = new Set(taken.map(({ headers }) => headers['webhook-id']));
    return committed.filter(({ id }) => !arrived.has(id));
  };
  for (let run = 0; run < 20 && missing().length > 0; run++) {
    // As if the longest wait of a sender that was killed, and that after a failure, had passed.
    const passed = WEBHOOK_LEASE * 1000;
    await edgemint.query(
      `UPDATE webhooks SET due_at = due_at - ${passed}, held_until = MAX(0, held_until - ${passed})`,
    );
    await edgemint.query(`UPDATE webhook_deliveries SET due_at = due_at - ${passed}`);
    await edgemint.runScheduled();
  }
  expect(missing()).toEqual([]);
  for (const { headers, body } of taken) {
    const { data } = verifier.verify(body, headers) as { data: { id: string; target: string } };
    expect(committed).toContainEqual({ id: data.id, target: data.target });
  }
});
