import { Webhook } from 'standardwebhooks';
import { vi } from 'vitest';
import { create } from '../http.ts';
import { type Play, publish, seen } from '../remote.ts';

/** The payload of a webhook. */
export interface Payload {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>> & { readonly id: string; readonly target: string };
}

export interface CreatedWebhook {
  readonly id: string;
  readonly url: string;
  readonly signing_secret: string;
  readonly signing_secrets: readonly { readonly hint: string; readonly expires_at: string | null }[];
}

/** A receiver of webhooks at a host of its own. */
export class Receiver {
  readonly host = `${crypto.randomUUID()}.hooks.example.com`;
  readonly url = `https://${this.host}/in`;

  /** Answers from now on as the play says; with 204 by default. */
  answers(play: Play = { status: 204 }): Promise<void> {
    return publish(this.host, '/in', play);
  }

  /** Returns the requests so far. */
  async received() {
    return (await seen(this.host, '/in')).received;
  }

  /** Waits until so many requests have arrived, and returns all. */
  async waitFor(count: number) {
    return vi.waitFor(
      async () => {
        const requests = await this.received();
        if (requests.length < count) throw new Error(`${requests.length} of ${count} requests arrived`);
        return requests;
      },
      { timeout: 30_000, interval: 20 },
    );
  }

  /** Returns the payloads of the requests so far, each verified by the library of Standard Webhooks. */
  async payloads(secret: string): Promise<Payload[]> {
    return (await this.received()).map((request) => verified(secret, request));
  }
}

/** Verifies a request as a receiver does that gets it at once, and returns its payload. @throws WebhookVerificationError */
export function verified(
  secret: string,
  { headers, body }: Awaited<ReturnType<Receiver['received']>>[number],
): Payload {
  const now = vi.isFakeTimers() ? Date.now() : undefined;
  if (now !== undefined) vi.setSystemTime(Number(headers['webhook-timestamp']) * 1000);
  try {
    return new Webhook(secret).verify(body, { ...headers }) as Payload;
  } finally {
    if (now !== undefined) vi.setSystemTime(now);
  }
}

/** Creates a webhook that sends to a receiver; by default one of the organization, for all events. */
export function createWebhook(receiver: Receiver, organization_id: string | null, fields: object = {}) {
  const owner = organization_id === null ? {} : { organization_id };
  return create<CreatedWebhook>('webhooks', { ...owner, name: crypto.randomUUID(), url: receiver.url, ...fields });
}

/** Creates a receiver that answers, and a webhook of an organization that sends to it. */
export async function receiving(organization: string | null, fields: object = {}, play?: Play) {
  const receiver = new Receiver();
  await receiver.answers(play);
  return { receiver, webhook: await createWebhook(receiver, organization, fields) };
}
