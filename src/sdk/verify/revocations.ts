import { invalidOption } from '../lib/http.ts';
import { RevocationFeed } from './feed/feed.ts';
import { Introspection } from './introspection.ts';
import type { Issuer } from './issuer.ts';
import type { RevocationCheck } from './options.ts';

/** The check of a verifier that takes no notice of revocations. */
const NO_CHECK: RevocationCheck = { isRevoked: () => false };

/** Returns the check that the options ask for. @throws SdkError `invalid_option` */
export function revocationCheck(issuer: Issuer): RevocationCheck {
  const { revocations = 'none' } = issuer.options;
  if (revocations === 'none') return NO_CHECK;
  if (revocations === 'introspection') return new Introspection(issuer);
  if (revocations === 'feed') return new RevocationFeed(issuer);
  throw invalidOption(`revocations is unknown: ${revocations}`);
}
