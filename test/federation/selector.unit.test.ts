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
    [{ issuer: 'https://a.example', subject: 'a:x*' }, 'sub^=a:'],
    [{ issuer: 'https://a.example', subject: '*:x' }, ''],
    [{ issuer: GITHUB, subject: 'repo:o/r:*' }, 'sub^=repo:o/r:'],
    [{ issuer: GITHUB, subject: 'repo:o/r*:ref:refs/heads/main' }, 'sub^=repo:o/'],
    [{ issuer: 'spiffe://td', subject: 'spiffe://td/ns/prod/*' }, 'sub^=spiffe://td/ns/prod/'],
    [{ issuer: 'https://a.example', subject: 'a/b/c/d/e/f/g/h/i/*' }, 'sub^=a/b/c/d/e/f/g/h/'],
    [{ issuer: 'https://a.example', subject: `${'x'.repeat(498)}//*` }, `sub^=${'x'.repeat(498)}//`],
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
  [
    { issuer: GITHUB, subject: 'repo:o/r*:ref:*' },
    { iss: GITHUB, sub: 'repo:o/r:ref:refs/heads/main' },
  ],
  [
    { issuer: 'https://a.example', subject: 'a:/*' },
    { iss: 'https://a.example', sub: 'a://b' },
  ],
  [
    { issuer: 'https://a.example', subject: 'a/b/c/d/e/f/g/h/i/*' },
    { iss: 'https://a.example', sub: `a/b/c/d/e/f/g/h/i/${'j'.repeat(600)}` },
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

test('a token is looked up at few keys, and at those that an older version wrote for a pattern', () => {
  const keys = workloadKeys({ iss: GITHUB, sub: `repo:${'a/'.repeat(200)}` });
  expect(keys).toHaveLength(10);
  expect(keys).toContainEqual({ issuer: GITHUB, selector: '' });
});

test('a long subject is found only by patterns', () => {
  const iss = 'https://a.example';
  expect(workloadKeys({ iss, sub: 'x'.repeat(501) })).toEqual([{ issuer: iss, selector: '' }]);
});
