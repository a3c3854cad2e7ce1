import { SECRET_HINT_LENGTH } from '../credentials/constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import { seal, unseal } from '../keys/sealing.ts';
import type { StoredWebhook, WebhookSecrets } from '../store/webhooks.ts';
import { WEBHOOK_SECRET_BYTES } from './constants.ts';

// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
const PREFIX = 'whsec_';

/** Generates a signing secret: `whsec_` and 256 random bits in base64, the form that the libraries of Standard Webhooks expect. */
export function generateWebhookSecret(): string {
  return PREFIX + crypto.getRandomValues(new Uint8Array(WEBHOOK_SECRET_BYTES)).toBase64();
}

/**
 * Makes a new secret the first one of a webhook, and the one before it the second one.
 * @param previous the secrets before; undefined for a new webhook
 * @param graceEnd when the second one stops signing, in milliseconds since the epoch, as `now`
 */
export async function addWebhookSecret(
  previous: WebhookSecrets | undefined,
  graceEnd: number,
  masterKeys: MasterKeys,
  now: number,
): Promise<{ readonly secret: string; readonly stored: WebhookSecrets }> {
  const secret = generateWebhookSecret();
  // The padding at the end is the same for all.
  const hint = secret.replace(/=+$/, '').slice(-SECRET_HINT_LENGTH);
  const [info] = previous?.secrets ?? [];
  const [kept] = previous ? await unsealSecrets(previous.sealedSecrets, masterKeys) : [];
  const isKept = info !== undefined && kept !== undefined && graceEnd > now;
  return {
    secret,
    stored: {
      secrets: [{ hint, createdAt: now, expiresAt: null }, ...(isKept ? [{ ...info, expiresAt: graceEnd }] : [])],
      ...(await sealSecrets([secret, ...(isKept ? [kept] : [])], masterKeys)),
    },
  };
}

/** Seals the secrets of a webhook under the current master key. */
export async function sealSecrets(
  secrets: readonly string[],
  masterKeys: MasterKeys,
): Promise<Pick<WebhookSecrets, 'sealedSecrets' | 'sealedUnder'>> {
  return { sealedSecrets: await seal(secrets, 'webhook-secrets', masterKeys), sealedUnder: masterKeys[0].id };
}

/** Unseals the secrets of a webhook, in the order of its `secrets`. @throws ConfigurationError */
export function unsealSecrets(sealed: string, masterKeys: MasterKeys): Promise<readonly string[]> {
  return unseal<readonly string[]>(sealed, 'webhook-secrets', masterKeys);
}

/** Returns the keys of the secrets that sign now, the newest first. @param now milliseconds since the epoch @throws ConfigurationError */
export async function signingKeysOf(
  { secrets, sealedSecrets }: Pick<StoredWebhook, 'secrets' | 'sealedSecrets'>,
  masterKeys: MasterKeys,
  now: number,
): Promise<CryptoKey[]> {
  const opened = await unsealSecrets(sealedSecrets, masterKeys);
  const live = opened.filter((_, index) => (secrets[index]?.expiresAt ?? Number.POSITIVE_INFINITY) > now);
  return Promise.all(live.map(importKey));
}

function importKey(secret: string): Promise<CryptoKey> {
  const bytes = Uint8Array.fromBase64(secret.slice(PREFIX.length));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

/**
 * Returns the header `webhook-signature`: one signature for each key.
 * @param at seconds since the epoch
 */
export async function signMessage(keys: readonly CryptoKey[], id: string, at: number, body: string): Promise<string> {
  const message = new TextEncoder().encode(`${id}.${at}.${body}`);
  const signatures = await Promise.all(keys.map((key) => crypto.subtle.sign('HMAC', key, message)));
  return signatures.map((signature) => `v1,${new Uint8Array(signature).toBase64()}`).join(' ');
}
