import { GRACE_MAX, PUSHES_PER_REQUEST } from '../constants.ts';
import { liveSecondary, makeClientSecret } from '../credentials/client-secret.ts';
import { deliverPushes } from '../gate/pushes.ts';
import { clientAddress } from '../request.ts';
import type { Services } from '../services.ts';
import { findClientRow, isClientAt, renewClient } from '../store/clients.ts';
import { pushesOwedAbout } from '../store/gate-pushes.ts';
import { listSecrets, rotateSecret as rotation } from '../store/secrets.ts';
import { listOf } from '../store/sql.ts';
import { StaleWriteError, write } from '../store/write.ts';
import { authenticateClient } from './client-authentication/index.ts';
import { invalidClient, OAuthError, oauthJson } from './errors.ts';
import { type Parameters, readParameters } from './parameters.ts';

/**
 * A client that may rotates its own secret, with its own credentials: the new secret is the primary one, and the old one goes on as the
 * secondary, for `grace_seconds` or until it is deleted. No RFC has this; the request is formed as those of
 * [RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4) are.
 */
export async function rotateSecret(services: Services, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
  const grace = readGrace(parameters);
  let clientId = '';
  const client = await authenticateClient(services, request, parameters, (identified) => {
    clientId = identified.client_id;
    return services.gates.authenticate(identified);
  });
  if (!client.may_rotate_secret) {
    throw new OAuthError('unauthorized_client', { description: 'The client may not rotate its secret.' });
  }
  const made = await rotate(services, clientId, grace, clientAddress(request));
  await deliverPushes(services.db, services.gates, await pushesOwedAbout(services.db, clientId, PUSHES_PER_REQUEST));
  return oauthJson(made);
}

function readGrace(parameters: Parameters): number | undefined {
  const text = parameters.get('grace_seconds');
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) <= GRACE_MAX) return Number(text);
  const description = `The grace_seconds must be a whole number of at most ${GRACE_MAX}.`;
  throw new OAuthError('invalid_request', { description });
}

async function rotate({ db, masterKeys }: Services, clientId: string, grace: number | undefined, address: string) {
  const now = Date.now();
  const [row, current] = await Promise.all([findClientRow(db, clientId), listSecrets(db, clientId)]);
  if (!row) throw invalidClient();
  if (liveSecondary(current, now)) throw inProgress('The client has two secrets: one must be deleted first.');
  const { clientSecret, stored } = await makeClientSecret(clientId, await masterKeys(), now);
  const expiresAt = grace === undefined ? null : now + grace * 1000;
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
    await write(db, {
      event: { ...event, changes },
      guard: isClientAt(row),
      touches: listOf([clientId]),
      statements: [...rotation(db, stored, { now, expiresAt }), renewClient(db, clientId)],
    });
  } catch (error) {
    if (error instanceof StaleWriteError) throw inProgress('The client was changed meanwhile: try again.');
    throw error;
  }
  return {
    client_id: clientId,
    client_secret: clientSecret,
    secret_id: stored.id,
    // RFC 7591 section 3.2.1 has the name; the new secret does not expire.
    client_secret_expires_at: 0,
    previous_secret_expires_at: expiresAt === null ? null : Math.floor(expiresAt / 1000),
  };
}

function inProgress(description: string): OAuthError {
  return new OAuthError('invalid_request', { status: 409, description });
}
