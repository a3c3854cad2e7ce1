import { candidateHashes, hashSecret } from '../../credentials/secret-hash.ts';
import { bearerToken } from '../../http/bearer-token.ts';
import { findStoredHash } from '../../store/api-keys.ts';
import type { ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';

/** What a link to the console, and the session that it opens, end with. */
export interface RequestCredential {
  /** The API key; null if it is another credential. */
  readonly apiKeyId: string | null;
  /** The keyed hash of the credential, as it is stored or would be. */
  readonly credential: string;
}

/** Returns the credential of a request: its key, or that of its session. @throws ProblemError `unauthorized`; StoreUnavailableError */
export async function credentialOf({
  req,
  var: { services, administrator },
}: ManagementContext): Promise<RequestCredential> {
  const { session } = administrator;
  if (session) return { apiKeyId: session.apiKeyId, credential: session.credential };
  const key = bearerToken(req.raw);
  if (administrator.kind === 'root') {
    return { apiKeyId: null, credential: await hashSecret(services.config.rootApiKey, await services.masterKeys()) };
  }
  const hashes = key ? await candidateHashes(key, await services.acceptedKeys()) : [];
  const credential = await findStoredHash(services.db, hashes);
  // The key was deleted after the request was authenticated.
  if (credential === undefined || administrator.kind !== 'api_key') throw new ProblemError('unauthorized');
  return { apiKeyId: administrator.id, credential };
}
