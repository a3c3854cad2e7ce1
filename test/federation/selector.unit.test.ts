import { describe, expect, test } from 'vitest';
import { matchesIdentity } from '../../src/federation/identity.ts';
import { workloadKey, workloadKeys } from '../../src/federation/selector.ts';
import type { FederatedIdentity } from '../../src/gates/protocol.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';
const audience = 'https://auth.example.com';

type Identity = Omit<FederatedIdentity, 'audience'>;

describe('the selector of an identity', () => {
  test.each<[Identity, string]>([
    [{ issuer: 'https://a.example', subject: 'x' }, 'sub=x'],
    [{ issuer: 'https://a.example', subject: 'x*' }, ''],
    [{ issuer: 'https://a.example', claims: { repository_id: '74' } }, ''],
    [{ issuer: GITHUB, claims: { environment: 'prod', repository_id: '74' } }, 'repository_id=74'],
    [{ issuer: GITHUB, claims: { environment: 'prod', repository_id: 74 } }, 'repository_id=74'],
    [{ issuer: GITHUB, subject: 'repo:o/r:*', claims: { repository_owner_id: '65' } }, 'repository_owner_id=65'],
    [{ issuer: GITHUB, subject: 'repo:o/r:x', claims: { repository_id: '74' } }, 'sub=repo:o/r:x'],
    [{ issuer: GITHUB, claims: { repository_id: ['74', '75'] } }, ''],
    [{ issuer: GITHUB, claims: { repository_id: ['74'] } }, 'repository_id=74'],
    [{ issuer: GITHUB, claims: { repository: 'o/*', repository_owner: 'o' } }, 'repository_owner=o'],
    [{ issuer: GITHUB, claims: { '/repository_id': '74' } }, ''],
    [{ issuer: 'https://confidentialcomputing.googleapis.com', claims: { google_service_accounts: 'a@b' } }, ''],
  ])('%j is %j', (identity, selector) => {
    expect(workloadKey({ ...identity, audience })).toEqual({ issuer: identity.issuer, selector });
  });
});

test.each<[Identity, Record<string, unknown>]>([
  [
    { issuer: 'https://a.example', subject: 'x' },
    { iss: 'https://a.example', sub: 'x' },
  ],
  [
    { issuer: 'https://a.example', subject: 'x*' },
    { iss: 'https://a.example', sub: 'xy' },
  ],
  [
    { issuer: GITHUB, claims: { repository_id: '74' } },
    { iss: GITHUB, sub: 'x', repository_id: 74 },
  ],
  [
    { issuer: GITHUB, claims: { repository_id: 74 } },
    { iss: GITHUB, sub: 'x', repository_id: '74' },
  ],
  [
    { issuer: 'https://confidentialcomputing.googleapis.com', claims: { google_service_accounts: 'a@b' } },
    { iss: 'https://confidentialcomputing.googleapis.com', sub: 'x', google_service_accounts: ['c@d', 'a@b'] },
  ],
  [{ issuer: 'spiffe://td', subject: 'spiffe://td/a' }, { sub: 'spiffe://td/a' }],
  [
    { issuer: 'spiffe://td', subject: 'spiffe://td/a*' },
    { iss: 'https://spire', sub: 'spiffe://td/ab' },
  ],
  [
    { issuer: 'https://spire', subject: 'spiffe://td/a' },
    { iss: 'https://spire', sub: 'spiffe://td/a' },
  ],
])('the identity %j is found by a token that matches it: %j', (identity, claims) => {
  const full = { ...identity, audience };
  expect(matchesIdentity({ aud: audience, ...claims }, full)).toBe(true);
  expect(workloadKeys(claims)).toContainEqual(workloadKey(full));
});

test.each<[string, Record<string, unknown>]>([
  ['no subject', { iss: 'https://a.example' }],
  ['a subject that is no text', { iss: 'https://a.example', sub: 7 }],
  ['no issuer', { sub: 'x' }],
  ['an issuer that is no text', { iss: ['https://a.example'], sub: 'x' }],
  ['an issuer that is too long', { iss: `https://${'a'.repeat(500)}`, sub: 'x' }],
])('a token with %s is looked up nowhere', (_, claims) => {
  expect(workloadKeys(claims)).toEqual([]);
});

test('a long subject is found only by patterns', () => {
  const iss = 'https://a.example';
  expect(workloadKeys({ iss, sub: 'x'.repeat(501) })).toEqual([{ issuer: iss, selector: '' }]);
});
