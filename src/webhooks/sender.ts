import { waitUntil } from 'cloudflare:workers';
import type { MasterKeys } from '../credentials/master-key.ts';
import { logFailure } from '../platform/failures.ts';
import { SCHEDULE } from '../store/actors.ts';
import type { Database } from '../store/database.ts';
import {
  type DueDelivery,
  type DueWebhook,
  dueDeliveries,
  leaseWebhook,
  listDueWebhooks,
  recordAttempts,
} from '../store/webhook-deliveries.ts';
import { disableWebhook, isWebhookAt, type StoredWebhook } from '../store/webhooks.ts';
import { StaleWriteError, write } from '../store/write.ts';
import { attempt } from './attempt.ts';
import {
  EVENTS_AT_ONCE,
  FAILING_WEBHOOKS_AT_ONCE,
  FAILING_WEBHOOKS_PER_RUN,
  PROMPT_SENDING_MS,
  SCHEDULED_SENDING_MS,
  WEBHOOK_BATCH,
  WEBHOOK_LEASE,
  WEBHOOKS_AT_ONCE,
  WEBHOOKS_PER_RUN,
} from './constants.ts';
import { FairQueue } from './fair-queue.ts';
import { afterAttempt, disabledReason, healthAfter, type Outcome } from './retry.ts';
import { signingKeysOf } from './secret.ts';
import { Slots } from './slots.ts';

/** How many events were delivered, how many attempts failed, and how many webhooks were disabled. */
export interface SendCounts {
  readonly delivered: number;
  readonly failed: number;
  readonly disabled: number;
}

/** A run: it starts requests until a time of `performance.now()`, and shares the connections between its webhooks. */
interface Run {
  readonly until: number;
  readonly slots: Slots;
  readonly counts: { -readonly [Name in keyof SendCounts]: number };
  /** Of webhooks that could not be served. */
  readonly errors: unknown[];
}

type Queue = FairQueue<DueWebhook>;

/**
 * Sends the events that D1 owes to webhooks. One sender at a time has the lease of a webhook; if it is killed, the lease ends, and another
 * one sends again what it did not record. So every event arrives at least once.
 */
export class WebhookSender {
  readonly #db: Database;
  readonly #masterKeys: () => Promise<MasterKeys>;

  constructor(db: Database, masterKeys: () => Promise<MasterKeys>) {
    this.#db = db;
    this.#masterKeys = masterKeys;
  }

  /** Sends what webhooks are owed while the current request is answered and afterwards. What is left is for the scheduled handler. */
  sendSoon(webhookIds: readonly string[]): void {
    if (webhookIds.length === 0) return;
    const queue: Queue = new FairQueue();
    // The organizations are not known here. The webhooks are those of one, and of the instance.
    for (const id of webhookIds) queue.add(id, { id, organizationId: null, failures: 0 });
    const run = startRun(PROMPT_SENDING_MS);
    waitUntil(this.#serve(queue, WEBHOOKS_AT_ONCE, run).then(() => run.errors.forEach(logFailure)));
  }

  /**
   * Sends what is due to all webhooks, in turns of their organizations. Webhooks that fail have a connection of their own, so that they do
   * not delay the others.
   * @throws StoreUnavailableError, ConfigurationError, after all that could be sent was sent
   */
  async sendDue(now: number): Promise<SendCounts> {
    const run = startRun(SCHEDULED_SENDING_MS);
    const healthy = await this.#queueOf({ isFailing: false, now, limit: WEBHOOKS_PER_RUN });
    const failing = await this.#queueOf({ isFailing: true, now, limit: FAILING_WEBHOOKS_PER_RUN });
    await Promise.all([
      this.#serve(healthy, WEBHOOKS_AT_ONCE, run),
      this.#serve(failing, FAILING_WEBHOOKS_AT_ONCE, { ...run, slots: new Slots(FAILING_WEBHOOKS_AT_ONCE) }),
    ]);
    if (run.errors.length > 0) throw run.errors[0];
    return run.counts;
  }

  async #queueOf(wanted: { isFailing: boolean; now: number; limit: number }): Promise<Queue> {
    const queue: Queue = new FairQueue();
    for (const webhook of await listDueWebhooks(this.#db, wanted)) queue.add(ownerOf(webhook), webhook);
    return queue;
  }

  async #serve(queue: Queue, atOnce: number, run: Run): Promise<void> {
    const serveInTurn = async () => {
      while (performance.now() < run.until) {
        const webhook = queue.take();
        if (!webhook) return;
        try {
          if (await this.#sendBatch(webhook.id, run)) queue.add(ownerOf(webhook), webhook);
        } catch (error) {
          // One webhook whose secrets cannot be unsealed must not stop the others. Its lease ends by itself.
          run.errors.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, serveInTurn));
  }

  /** Sends the events that are due to one webhook. @returns whether there may be more @throws StoreUnavailableError, ConfigurationError */
  async #sendBatch(id: string, run: Run): Promise<boolean> {
    const begun = Date.now();
    const leaseEnd = begun + WEBHOOK_LEASE * 1000;
    const webhook = await leaseWebhook(this.#db, id, { now: begun, leaseEnd });
    if (!webhook) return false;
    // A webhook that fails is tried with one event, until it answers.
    const limit = webhook.failures > 0 ? 1 : WEBHOOK_BATCH;
    const due = await dueDeliveries(this.#db, id, { now: begun, limit });
    const keys = due.length > 0 ? await signingKeysOf(webhook, await this.#masterKeys(), begun) : [];
    const sent = await this.#sendEach(due, webhook, keys, run);
    const now = Date.now();
    const outcomes = sent.map(({ outcome }) => outcome);
    const states = sent.map(({ delivery, outcome }) => afterAttempt(delivery, outcome, now, Math.random()));
    const health = healthAfter(webhook, outcomes, now);
    const dueAt = await recordAttempts(this.#db, id, { states, health, leaseEnd, now });
    const failed = outcomes.filter(({ fault }) => fault !== null).length;
    run.counts.delivered += outcomes.length - failed;
    run.counts.failed += failed;
    const reason = disabledReason(health, states, now);
    if (reason) run.counts.disabled += await this.#disable(webhook, reason, now);
    // An event of another request, which found the webhook leased, may be due by now. A receiver that does not answer is left alone.
    const answers = outcomes.length > 0 && outcomes.every(({ status }) => status !== null);
    return answers && dueAt !== null && dueAt <= now;
  }

  /** Sends the first event alone, and then several at the same time, until one fails or the time of the run is over. */
  async #sendEach(due: readonly DueDelivery[], { url }: StoredWebhook, keys: readonly CryptoKey[], run: Run) {
    const sent: { readonly delivery: DueDelivery['delivery']; readonly outcome: Outcome }[] = [];
    const queue = [...due];
    let hasFailed = false;
    const sendInTurn = async (isFirst: boolean) => {
      while (!hasFailed && performance.now() < run.until) {
        const next = queue.shift();
        if (!next) return;
        const { delivery, event } = next;
        const outcome: Outcome = event
          ? await run.slots.use(() => attempt(url, event, keys))
          : { status: null, fault: 'event_purged' };
        sent.push({ delivery, outcome });
        hasFailed ||= outcome.fault !== null;
        if (isFirst) return;
      }
    };
    await sendInTurn(true);
    await Promise.all(Array.from({ length: EVENTS_AT_ONCE }, () => sendInTurn(false)));
    return sent;
  }

  /** @returns 1 if the webhook was disabled, 0 if an administrator changed it first */
  async #disable(webhook: StoredWebhook, reason: 'gone' | 'failing', now: number): Promise<number> {
    const { id, organizationId, name } = webhook;
    try {
      const { webhooks } = await write(this.#db, {
        event: {
          at: now,
          organizationId,
          actor: SCHEDULE,
          action: 'webhook.disabled',
          target: id,
          address: '',
          changes: { name, status: 'disabled', disabled_reason: reason },
        },
        guard: isWebhookAt(webhook),
        statements: disableWebhook(this.#db, id, reason, now),
      });
      this.sendSoon(webhooks);
      return 1;
    } catch (error) {
      if (error instanceof StaleWriteError) return 0;
      throw error;
    }
  }
}

function startRun(sendingMs: number): Run {
  return {
    until: performance.now() + sendingMs,
    slots: new Slots(EVENTS_AT_ONCE),
    counts: { delivered: 0, failed: 0, disabled: 0 },
    errors: [],
  };
}

function ownerOf({ organizationId }: DueWebhook): string {
  return organizationId ?? '';
}
