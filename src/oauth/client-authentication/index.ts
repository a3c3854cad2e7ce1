import { isRefusal } from '../../credentials/attempt-filter.ts';
import { isImportableId } from '../../credentials/client-id.ts';
import { isWellFormedSecret } from '../../credentials/secret.ts';
import { candidateHashes } from '../../credentials/secret-hash.ts';
import type { Identified, NotAuthenticated } from '../../gate/protocol.ts';
import { clientAddress } from '../../request.ts';
import type { Services } from '../../services.ts';
import { invalidClient, OAuthError } from '../errors.ts';
import type { Parameters } from '../parameters.ts';
import { readBasic } from './client-secret-basic.ts';
import { readPost } from './client-secret-post.ts';

export interface PresentedSecret {
  readonly clientId: string;
  readonly secret: string;
}

/**
 * Authenticates the client of a request ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)). `decide` asks the
 * client's gate, in the one call that also does what the request is about.
 *
 * `client_secret_basic` and `client_secret_post` are taken for one another, whichever the client is registered with: they prove the
 * same, and client libraries choose between them on their own.
 * @returns what the gate answered
 * @throws OAuthError `invalid_request` where more than one method is used, `invalid_client` where authentication fails;
 * TooManyAttemptsError; StoreUnavailableError
 */
export async function authenticateClient<Answer extends { readonly outcome: string }>(
  services: Services,
  request: Request,
  parameters: Parameters,
  decide: (client: Identified) => Promise<Answer | NotAuthenticated>,
): Promise<Answer> {
  const presented = presentedSecret(request, parameters);
  if (!presented) throw invalidClient();

  const { clientId, secret } = presented;
  const isOwn = await services.ownClientIds.has(clientId);
  const mayBeImported = !isOwn && isImportableId(clientId);
  const attempt = { subject: clientId, address: clientAddress(request), ...(mayBeImported && { group: 'imported' }) };
  // An invented id or a mistyped secret is told from a real one without asking any store, unless the id may come from elsewhere.
  if (isOwn ? !isWellFormedSecret(secret, 'ems_') : !mayBeImported) {
    services.attempts.refuse(attempt);
    throw invalidClient();
  }
  const hashes = await candidateHashes(secret, await services.masterKeys());
  const answer = await services.attempts.guard({ ...attempt, hashes }, () =>
    decide({ client_id: clientId, proof: { kind: 'secret', hashes } }),
  );
  if (isRefusal(answer)) throw invalidClient();
  return answer;
}

/** The id and secret of a request; undefined where there is none that can be read. */
function presentedSecret(request: Request, parameters: Parameters): PresentedSecret | undefined {
  const authorization = request.headers.get('Authorization');
  const inBody = ['client_secret', 'client_assertion'].filter((name) => parameters.get(name) !== undefined);
  if ((authorization === null ? 0 : 1) + inBody.length > 1) {
    throw new OAuthError('invalid_request', { description: 'More than one client authentication method is used.' });
  }
  if (authorization === null) return readPost(parameters);

  const presented = readBasic(authorization);
  const named = parameters.get('client_id');
  if (presented && named !== undefined && named !== presented.clientId) {
    throw new OAuthError('invalid_request', {
      description: 'The client_id in the body is not the one that authenticates.',
    });
  }
  return presented;
}
