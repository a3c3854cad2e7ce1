import { soleAudience } from '../../federation/identity.ts';
import { comparableForm } from '../../lib/identifier.ts';
import type { AssertionContext } from './assertion.ts';

/**
 * Returns which URL of this service an assertion has as its only audience, in any spelling; undefined if none. Libraries whose URL type
 * adds a slash to a host send `https://auth.example/` for the issuer `https://auth.example`. Spellings with the same comparable form name
 * the same URL of the same host, so an assertion for another server never passes.
 */
export function addresseeOf(
  aud: unknown,
  { issuer, tokenEndpoint }: AssertionContext,
): 'issuer' | 'token_endpoint' | undefined {
  const audience = soleAudience(aud);
  if (audience === undefined) return undefined;
  if (audience === issuer) return 'issuer';
  const form = comparableForm(audience);
  if (form === comparableForm(issuer)) return 'issuer';
  return form === comparableForm(tokenEndpoint) ? 'token_endpoint' : undefined;
}
