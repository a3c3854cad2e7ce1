import type { VerifiedToken } from './options.ts';

/** Tells whether a token was revoked before its end. */
export interface RevocationCheck {
  /** @param raw the token itself @throws SdkError, temporary, if it cannot be known */
  isRevoked(token: VerifiedToken, raw: string): boolean | Promise<boolean>;
}

/** The check of a verifier that takes no notice of revocations. */
export const NO_CHECK: RevocationCheck = { isRevoked: () => false };
