import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { TEST_EVENT_POLL_MS, TEST_EVENT_WAIT_MS } from '../../constants.ts';
import type { Api } from '../api.ts';
import { seconds } from '../parse.ts';
import type { Webhook, WebhookDelivery } from '../representations.ts';
import { Session } from '../session.ts';
import { addCreate, addDelete, addGet, addList, addUpdate, type Collection, itemPath, NAME_OR_ID } from './crud.ts';

const webhooks: Collection<Webhook> = {
  path: 'webhooks',
  noun: 'webhook',
  kind: 'webhook',
  nameOf: ({ name }) => name,
  isOwned: true,
  columns: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    url: ({ url }) => url,
    events: ({ events }) => events ?? 'all',
    status: ({ status, disabled_reason }) => (disabled_reason === null ? status : `${status} (${disabled_reason})`),
    failing_since: ({ failing_since }) => failing_since,
  },
  fields: [
    { name: 'name', flags: '--name <text>', description: 'the name for people, such as "Audit"' },
    { name: 'description', flags: '--description <text>', description: 'a description for people' },
    {
      name: 'url',
      flags: '--endpoint <url>',
      description: 'the https URL that events are sent to, such as https://hooks.example.com/in',
    },
    {
      name: 'events',
      flags: '--event <type>',
      description: 'a type of events to send, such as client.updated; all if none is named',
      many: 'list',
    },
    {
      name: 'status',
      flags: '--status <status>',
      description: 'a disabled webhook is sent nothing',
      choices: ['active', 'disabled'],
    },
  ],
};

const DELIVERY_COLUMNS = {
  event_id: ({ event_id }: WebhookDelivery) => event_id,
  event: ({ event }: WebhookDelivery) => event,
  status: ({ status }: WebhookDelivery) => status,
  attempts: ({ attempts }: WebhookDelivery) => attempts,
  'last answer': ({ last_status, last_fault }: WebhookDelivery) => last_status ?? last_fault,
  created_at: ({ created_at }: WebhookDelivery) => created_at,
  next_attempt_at: ({ next_attempt_at }: WebhookDelivery) => next_attempt_at,
};

export function addWebhooks(program: Command): void {
  const group = program.command('webhooks').description('webhooks: URLs that events are sent to');
  const { columns, path } = webhooks;
  addList(group, 'list the webhooks of the organization, or without one of the instance', columns, () => ({
    path,
    isOwned: true,
  }));
  addGet(group, webhooks);
  addCreate(group, webhooks, { secret: 'signing_secret' });
  addUpdate(group, webhooks);
  addDelete(group, webhooks);
  addRotateSecret(group);
  addTest(group);
  addList(
    group,
    'list the deliveries of a webhook, newest first',
    DELIVERY_COLUMNS,
    async (command, [named = ''], session) => ({
      path: deliveriesOf(await session.find('webhook', named)),
      query: { status: command.opts<{ status?: string }>().status },
      isOwned: false,
    }),
    'deliveries',
  )
    .argument('<webhook>', NAME_OR_ID)
    .option('--status <status>', 'only deliveries that are pending, delivered or failed');
  addRedeliver(group);
}

function addRotateSecret(group: Command): void {
  const command = group
    .command('rotate-secret')
    .description('create a new signing secret; the old one signs as well until --grace ends')
    .argument('<webhook>', NAME_OR_ID)
    .option('--grace <duration>', 'the old secret stops signing after this time, such as 1h; 24h by default', seconds)
    .option('--replace-previous', 'end an older secret that still signs');
  command.action(async (named: string) => {
    const session = new Session(command);
    const id = await session.find('webhook', named);
    const { grace, replacePrevious } = command.opts<{ grace?: number; replacePrevious?: boolean }>();
    const body = { grace_seconds: grace, replace_previous: replacePrevious };
    session.show((await (await session.api()).post(`${itemPath(webhooks.path, id)}/rotate-secret`, body)).body);
    session.terminal.note('Store the signing_secret now. It is not shown again.');
  });
}

function addTest(group: Command): void {
  const command = group
    .command('test')
    .description('send a test event, and show how the receiver answered')
    .argument('<webhook>', NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const id = await session.find('webhook', named);
    const api = await session.api();
    const { body } = await api.post<WebhookDelivery>(`${itemPath(webhooks.path, id)}/test`, {});
    showDelivery(session, await untilAttempted(api, id, body));
  });
}

function addRedeliver(group: Command): void {
  const command = group
    .command('redeliver')
    .description('send an event again, and show how the receiver answered')
    .argument('<webhook>', NAME_OR_ID)
    .argument('<event_id>');
  command.action(async (named: string, eventId: string) => {
    const session = new Session(command);
    const id = await session.find('webhook', named);
    const api = await session.api();
    const { body } = await api.post<WebhookDelivery>(`${itemPath(deliveriesOf(id), eventId)}/redeliver`, {});
    showDelivery(session, await untilAttempted(api, id, body));
  });
}

/** Waits for the next attempt of a delivery, for at most `TEST_EVENT_WAIT_MS`. */
async function untilAttempted(api: Api, id: string, before: WebhookDelivery): Promise<WebhookDelivery> {
  const end = performance.now() + TEST_EVENT_WAIT_MS;
  let now = before;
  while (now.attempts === before.attempts && performance.now() < end) {
    await sleep(TEST_EVENT_POLL_MS);
    const { payload: _, ...delivery } = (
      await api.get<WebhookDelivery & { payload: unknown }>(itemPath(deliveriesOf(id), before.event_id))
    ).body;
    now = delivery;
  }
  return now;
}

function showDelivery(session: Session, delivery: WebhookDelivery): void {
  session.show(delivery);
  if (delivery.status === 'pending')
    session.terminal.note('It did not arrive yet. edgemint webhooks deliveries <id> shows its progress.');
}

function deliveriesOf(id: string): string {
  return `${itemPath(webhooks.path, id)}/deliveries`;
}
