import type { Administrator } from '../credentials/administrator.ts';
import { type ApiKeyRank, endOf } from '../store/api-keys.ts';
import type { SignIn, Standing } from '../store/console-sessions.ts';

/** Why a session or link does not count (any more), as the end of a sentence: "The session has ended: …". */
export type Ended = (typeof ENDS)[keyof typeof ENDS];

const ENDS = {
  expired: 'its time is over',
  key: 'its key was deleted or changed, or has expired',
  organization: 'its organization was deleted or disabled',
} as const;

/**
 * Returns who has signed in, with the rights that they have now.
 * @param credentials the keyed hashes of the root key and of the rules of Cloudflare Access, as they are configured now
 * @param now milliseconds since the epoch
 */
export function judgeStanding(
  found: SignIn & Standing & { readonly expiresAt: number },
  credentials: readonly string[],
  now: number,
): Administrator | { readonly ended: Ended } {
  const { kind, organizationId, organization, apiKeyId, apiKey, credential, name } = found;
  if (found.expiresAt <= now) return { ended: ENDS.expired };
  if (organizationId !== null && organization?.status !== 'active') return { ended: ENDS.organization };
  const rank: ApiKeyRank = apiKey?.hash === credential ? 'primary' : 'secondary';
  const keyEnd = apiKey ? endOf(apiKey, rank) : null;
  const hasKey = apiKey !== null && (keyEnd === null || keyEnd > now);
  if (apiKeyId === null ? !credentials.includes(credential) : !hasKey) return { ended: ENDS.key };
  const scopes = found.scopes ?? [];
  switch (kind) {
    case 'root':
      return { kind };
    case 'api_key':
      if (apiKeyId === null || organizationId === null || apiKey === null) return { ended: ENDS.key };
      return { kind, id: apiKeyId, organizationId, scopes: apiKey.scopes, expiresAt: keyEnd, rank, lastUsedAt: null };
    case 'person':
      if (organizationId === null) return { kind, name: name ?? '', organizationId };
      return { kind, name: name ?? '', organizationId, scopes, expiresAt: null };
    case 'portal':
      if (organizationId === null) return { ended: ENDS.organization };
      return {
        kind,
        id: found.actor.replace('portal:', ''),
        name,
        returnUrl: found.returnUrl ?? '',
        organizationId,
        // Never more than the key that made the link has now.
        scopes: apiKey ? scopes.filter((scope) => apiKey.scopes.includes(scope)) : scopes,
        expiresAt: keyEnd,
      };
  }
}
