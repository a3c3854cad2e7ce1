import { Redacted } from '../log/redacted.ts';
import { TAG_LENGTH } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';
import { appendChecksum, generateSecretBody, stripChecksum } from './secret.ts';
import { candidateHashes } from './secret-hash.ts';

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
