import { TAG_LENGTH } from '../credentials/constants.ts';
import { appendTag, hasLongLivedTag } from '../credentials/keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from '../credentials/master-key.ts';
import { appendChecksum, generateSecretBody, stripChecksum } from '../credentials/secret.ts';
import { candidateHashes } from '../credentials/secret-hash.ts';
import { Redacted } from '../log/redacted.ts';

/** The kind of a token: of a session's cookie, or of a one-time link. */
export type TokenPrefix = 'emo_' | 'eml_';

/** Generates a token with 256 random bits, and a tag by which the service recognizes its own tokens, as API keys have. */
export async function generateToken(prefix: TokenPrefix, masterKeys: MasterKeys): Promise<Redacted> {
  return new Redacted(appendChecksum(await appendTag(generateSecretBody(prefix), 'apiKeyTag', masterKeys)));
}

/** Returns the hashes under which a token may be stored; undefined if it is invented, which needs no store call to tell. */
export async function hashesOf(
  token: Redacted,
  prefix: TokenPrefix,
  keys: AcceptedKeys,
): Promise<readonly string[] | undefined> {
  const tagged = stripChecksum(token.reveal(), prefix, TAG_LENGTH);
  if (tagged === undefined || !(await hasLongLivedTag(tagged, 'apiKeyTag', keys))) return undefined;
  return candidateHashes(token, keys);
}
