import { GRACE_MAX } from '../constants.ts';
import { earlierEnd, isLive, liveSecret, makeClientSecret } from '../credentials/client-secret.ts';
import type { SecretProof } from '../gates/protocol.ts';
import { deliverPushes } from '../gates/pushes.ts';
import { clientAddress } from '../http/client-address.ts';
import { findClientRow, isClientAt } from '../store/clients.ts';
import { renewClient } from '../store/renewals.ts';
import { listSecrets, replacePrimary, rotateSecret as rotation, type StoredSecret } from '../store/secrets.ts';
import { listOf } from '../store/sql.ts';
import { StaleWriteError, write } from '../store/write.ts';
import { authenticateClient } from './client-authentication/index.ts';
import { OWN_GRACE_MIN, ROTATION_RETRY_AFTER, ROTATION_RETRY_UNTIL } from './constants.ts';
import { type Parameters, readParameters } from './request/parameters.ts';
import { invalidClient, OAuthError, oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * A client that may rotates its own secret, with its own credentials: the new secret is the primary one, and the old one goes on as the
 * secondary, for `grace_seconds` or until it is deleted. A client that lost the answer asks again. No RFC has this; the request is formed
 * as those of [RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4) are.
 */
export async function rotateSecret(services: OAuthServices, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
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
  const description = `The grace_seconds must be a whole number from ${OWN_GRACE_MIN} to ${GRACE_MAX}.`;
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
  // In this order: what was changed in between is then seen by the guard.
  const row = await findClientRow(db, clientId);
  const current = await listSecrets(db, clientId);
  // The gate said yes before these were read: what was ended since must not make a secret any more.
  const isProven = current.some((secret) => isLive(secret, now) && proof.hashes.includes(secret.hash));
  if (row?.status !== 'active' || !row.mayRotateSecret || !isProven) throw invalidClient();
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
    action: 'client.secret_rotated',
    target: clientId,
    address,
  };
  try {
    const { owed } = await write(db, {
      event: { ...event, changes },
      guard: isClientAt(row),
      affectedClients: listOf([clientId]),
      statements: [...change(db, { ...stored, selfMade: true }, { now, expiresAt }), renewClient(db, clientId)],
    });
    await deliverPushes(db, gates, owed);
  } catch (error) {
    if (error instanceof StaleWriteError) throw inProgress('The client was changed meanwhile: try again.');
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
 * Lets a client that never got its new primary secret make another. It is taken for lost where the client made it itself, it has been there
 * for a while, and nobody has used it, which who presents it would have: so of several instances that rotate at once one does, and an
 * administrator's rotation is left alone.
 * @throws OAuthError `invalid_request`, 409; StoreUnavailableError
 */
async function requireLostAnswer(
  { gates }: OAuthServices,
  { id, clientId, createdAt, selfMade }: StoredSecret,
  now: number,
): Promise<void> {
  const { secrets } = await gates.activity({ client_id: clientId });
  const isUsed = secrets.some((used) => used.id === id);
  // Later it is more likely kept than lost, and the old secret's holder must not take it away.
  if (isUsed || !selfMade || now > createdAt + ROTATION_RETRY_UNTIL * 1000) {
    throw inProgress('The client has two secrets: one must be deleted first.');
  }
  const wait = createdAt + ROTATION_RETRY_AFTER * 1000 - now;
  if (wait <= 0) return;
  const headers = { 'Retry-After': String(Math.ceil(wait / 1000)) };
  throw inProgress('The client rotated its secret a moment ago. If it did not get the new one: try again.', headers);
}

function inProgress(description: string, headers: Record<string, string> = {}): OAuthError {
  return new OAuthError('invalid_request', { status: 409, description, headers });
}
