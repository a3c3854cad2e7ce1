import { GRACE_MAX } from '../constants.ts';
import { earlierEnd, isLive, liveSecret, makeClientSecret } from '../credentials/client-secret.ts';
import type { SecretProof } from '../gates/protocol.ts';
import { deliverPushes } from '../gates/pushes.ts';
import { clientAddress } from '../http/client-address.ts';
import { findClientRow, hasExpired, isClientAt } from '../store/clients.ts';
import { renewClient } from '../store/renewals.ts';
import { listSecrets, replacePrimary, rotateSecret as rotation, type StoredSecret } from '../store/secrets.ts';
import { listOf } from '../store/sql.ts';
import { StaleWriteError, write } from '../store/write.ts';
import { authenticateClient } from './client-authentication/index.ts';
import { OWN_GRACE_MIN, ROTATION_RETRY_AFTER, ROTATION_RETRY_UNTIL } from './constants.ts';
import { answerForm } from './refusals/note-refusal.ts';
import type { Parameters } from './request/parameters.ts';
import { invalidClient, OAuthError, oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * Rotates the secret of a client that authenticates with it and may rotate it. The new secret becomes the primary one. The old one stays
 * valid as the secondary, for `grace_seconds` or until it is deleted. A client that lost the answer asks again. No RFC defines this
 * endpoint; the request has the form of [RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4).
 */
export function rotateSecret(services: OAuthServices, request: Request): Promise<Response> {
  const form = { endpoint: 'rotate-secret', isOptional: true };
  return answerForm(services, request, form, (parameters) => rotateBy(services, request, parameters));
}

async function rotateBy(services: OAuthServices, request: Request, parameters: Parameters): Promise<Response> {
  const grace = readGrace(parameters);
  const { client, answer } = await authenticateClient(services, request, parameters, { kind: 'authenticate' });
  const { client_id, proof } = client;
  if (!answer.may_rotate_secret || proof.kind !== 'secret') {
    throw new OAuthError('unauthorized_client', { description: 'The client may not rotate its secret.' });
  }
  return oauthJson(await rotate(services, client_id, proof, grace, clientAddress(request)));
}

function readGrace(parameters: Parameters): number | undefined {
  const text = parameters.get('grace_seconds');
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) >= OWN_GRACE_MIN && Number(text) <= GRACE_MAX) return Number(text);
  const description = `The parameter grace_seconds must be a whole number from ${OWN_GRACE_MIN} to ${GRACE_MAX}.`;
  throw new OAuthError('invalid_request', { description });
}

async function rotate(
  services: OAuthServices,
  clientId: string,
  proof: SecretProof,
  grace: number | undefined,
  address: string,
) {
  const { db, gates, masterKeys } = services;
  const now = Date.now();
  // The row is read first: if the secrets change after that, the write's guard on the row's version fails.
  const row = await findClientRow(db, clientId);
  const current = await listSecrets(db, clientId);
  // The gate accepted the secret before these rows were read. A secret that has ended since must not make a new one.
  const isProven = current.some((secret) => isLive(secret, now) && proof.hashes.includes(secret.hash));
  if (row?.status !== 'active' || !row.mayRotateSecret || !isProven) throw invalidClient();
  if (hasExpired(row, now)) throw invalidClient('expired_client');
  const [primary, secondary] = [liveSecret(current, 'primary', now), liveSecret(current, 'secondary', now)];
  if (primary && secondary) await requireLostAnswer(services, primary, now);
  const change = secondary ? replacePrimary : rotation;
  const { clientSecret, stored } = await makeClientSecret(clientId, await masterKeys(), now);
  const expiresAt = earlierEnd(secondary?.expiresAt ?? null, grace === undefined ? null : now + grace * 1000);
  const changes = { secret: stored.id, hint: stored.hint, ...(grace !== undefined && { grace_seconds: grace }) };
  const { organizationId } = row;
  const event = {
    at: now,
    organizationId,
    actor: clientId,
    action: 'client.secret_rotated' as const,
    target: clientId,
    address,
  };
  try {
    const { owed, webhooks } = await write(db, {
      event: { ...event, changes },
      guard: isClientAt(row),
      affectedClients: listOf([clientId]),
      statements: [...change(db, { ...stored, selfMade: true }, { now, expiresAt }), renewClient(db, clientId)],
    });
    await deliverPushes(db, gates, owed);
    services.webhooks.sendSoon(webhooks);
  } catch (error) {
    if (error instanceof StaleWriteError) throw conflict('The client was changed at the same time: try again.');
    throw error;
  }
  return {
    client_id: clientId,
    client_secret: clientSecret.reveal(),
    secret_id: stored.id,
    // RFC 7591 section 3.2.1 has the name; the new secret does not expire.
    client_secret_expires_at: 0,
    previous_secret_expires_at: expiresAt === null ? null : Math.floor(expiresAt / 1000),
  };
}

/**
 * Lets a client that never received its new primary secret make another one. The secret counts as lost if the client made it itself, it is
 * neither too new nor too old, and it has never been used. So if several instances rotate at once, only one of them succeeds, and a secret
 * that an administrator made is left alone.
 * @throws OAuthError `invalid_request` with status 409 if the primary secret does not count as lost; StoreUnavailableError
 */
async function requireLostAnswer(
  { gates }: OAuthServices,
  { id, clientId, createdAt, selfMade }: StoredSecret,
  now: number,
): Promise<void> {
  const { secrets } = await gates.activity({ client_id: clientId });
  const isUsed = secrets.some((used) => used.id === id);
  // An older secret was more likely kept than lost, and the holder of the old secret must not replace it.
  if (isUsed || !selfMade || now > createdAt + ROTATION_RETRY_UNTIL * 1000) {
    throw conflict('The client has two secrets already: an administrator must delete one first.');
  }
  const wait = createdAt + ROTATION_RETRY_AFTER * 1000 - now;
  if (wait <= 0) return;
  const headers = { 'Retry-After': String(Math.ceil(wait / 1000)) };
  throw conflict('The client rotated its secret a moment ago. If the new one was lost, try again later.', headers);
}

function conflict(description: string, headers: Record<string, string> = {}): OAuthError {
  return new OAuthError('invalid_request', { status: 409, description, headers });
}
