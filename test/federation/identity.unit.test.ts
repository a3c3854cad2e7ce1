import { describe, expect, test } from 'vitest';
import { LISTED_CLAIMS_MAX } from '../../src/federation/constants.ts';
import { matchesIdentity, soleAudience } from '../../src/federation/identity.ts';
import type { ClaimCondition, FederatedIdentity } from '../../src/gates/protocol.ts';

const IDENTITY: FederatedIdentity = { issuer: 'https://ci.example.com', audience: 'us', subject: 'job:*' };
const CLAIMS = { iss: 'https://ci.example.com', aud: 'us', sub: 'job:1' };

test('claims of the issuer, for us alone, of the subject, are the identity’s', () => {
  expect(matchesIdentity(CLAIMS, IDENTITY)).toBe(true);
});

test.each([
  ['another issuer', { iss: 'https://ci.example.com/' }],
  ['no issuer', { iss: undefined }],
  ['the issuer in a list', { iss: ['https://ci.example.com'] }],
  ['another audience', { aud: 'them' }],
  ['no audience', { aud: undefined }],
  ['several audiences', { aud: ['us', 'them'] }],
  ['one audience twice', { aud: ['us', 'us'] }],
  ['no audience in the list', { aud: [] }],
  ['an audience that is no text', { aud: { us: true } }],
  ['a list within the list', { aud: [['us']] }],
  ['another subject', { sub: 'task:1' }],
  ['no subject', { sub: undefined }],
  ['a subject that is no text', { sub: ['job:1'] }],
])('those of %s are not', (_, others) => {
  expect(matchesIdentity({ ...CLAIMS, ...others }, IDENTITY)).toBe(false);
});

test('a list is looked at to a certain length', () => {
  const groups = Array.from({ length: LISTED_CLAIMS_MAX + 1 }, (_, index) => `g${index}`);
  const isMember = (group: string) =>
    matchesIdentity({ ...CLAIMS, groups }, { ...IDENTITY, claims: { groups: group } });
  expect([isMember(`g${LISTED_CLAIMS_MAX - 1}`), isMember(`g${LISTED_CLAIMS_MAX}`)]).toEqual([true, false]);
});

test('one audience is one, in a list or not', () => {
  expect(['us', ['us'], ['us', 'them'], [], undefined, 7].map(soleAudience)).toEqual(['us', 'us', ...Array(4)]);
});

describe('a condition on a claim', () => {
  const holds = (claims: object, name: string, condition: ClaimCondition) =>
    matchesIdentity({ ...CLAIMS, ...claims }, { ...IDENTITY, claims: { [name]: condition } });

  test.each<[string, object, string, ClaimCondition]>([
    ['text', { ref: 'main' }, 'ref', 'main'],
    ['a pattern', { ref: 'refs/heads/main' }, 'ref', 'refs/heads/*'],
    ['one of several', { environment: 'staging' }, 'environment', ['production', 'staging']],
    ['a text for a number', { project_id: '22' }, 'project_id', 22],
    ['a number for a text', { project_id: 22 }, 'project_id', '22'],
    ['a text for a boolean', { ref_protected: 'true' }, 'ref_protected', true],
    ['a boolean for a text', { ref_protected: true }, 'ref_protected', 'true'],
    ['false', { fork: false }, 'fork', false],
    ['zero', { attempt: 0 }, 'attempt', 0],
    ['a member of a list', { groups: ['a', 'b'] }, 'groups', 'b'],
    ['a nested claim', { 'kubernetes.io': { pod: { name: 'web-1' } } }, '/kubernetes.io/pod/name', 'web-*'],
    [
      'a pointer’s slash',
      { 'https://sts.amazonaws.com/': { org: 'o-1' } },
      '/https:~1~1sts.amazonaws.com~1/org',
      'o-1',
    ],
    ['a pointer’s tilde', { 'a~1b': 'yes' }, '/a~01b', 'yes'],
    ['a pointer of one step', { ref: 'main' }, '/ref', 'main'],
    ['a name with dots', { 'a.b': 'yes' }, 'a.b', 'yes'],
    ['a claim that objects have of themselves, its own', { constructor: 'yes' }, 'constructor', 'yes'],
  ])('is fulfilled by %s', (_, claims, name, condition) => {
    expect(holds(claims, name, condition)).toBe(true);
  });

  test.each<[string, object, string, ClaimCondition]>([
    ['another text', { ref: 'mainline' }, 'ref', 'main'],
    ['the text in other letters', { ref: 'Main' }, 'ref', 'main'],
    ['a wildcard of the token’s own', { ref: '*' }, 'ref', 'main'],
    ['none of several', { environment: 'dev' }, 'environment', ['production', 'staging']],
    ['nothing', {}, 'ref', 'main'],
    ['nothing, with a wildcard', {}, 'ref', 'm*'],
    ['null', { ref: null }, 'ref', 'null'],
    ['undefined', { ref: undefined }, 'ref', 'undefined'],
    ['an object', { ref: {} }, 'ref', '[object Object]'],
    ['a list of nothing', { ref: [] }, 'ref', '*main'],
    ['a list in a list', { ref: [['main']] }, 'ref', 'main'],
    ['a list whose members do together', { ref: ['ma', 'in'] }, 'ref', 'ma,in'],
    ['a number that another may have become', { id: 2 ** 53 }, 'id', '9007199254740992'],
    ['what is nested deeper', { a: { b: { c: 'yes' } } }, '/a/b', 'yes'],
    ['what lies in a list', { a: [{ b: 'yes' }] }, '/a/0/b', 'yes'],
    ['what lies in a text', { a: 'yes' }, '/a/length', '3'],
    ['a nested claim, for one whose name has slashes', { a: { b: 'yes' } }, 'a/b', 'yes'],
    ['a nested claim, by dots', { a: { b: 'yes' } }, 'a.b', 'yes'],
    ['what objects inherit', {}, 'constructor', '*Object*'],
    ['what nested objects inherit', { a: {} }, '/a/__proto__/constructor/name', 'Object'],
  ])('is not fulfilled by %s', (_, claims, name, condition) => {
    expect(holds(claims, name, condition)).toBe(false);
  });

  test('holds together with all others', () => {
    const identity = { ...IDENTITY, claims: { ref: 'main', repository_id: '74' } };
    expect(matchesIdentity({ ...CLAIMS, ref: 'main', repository_id: '74' }, identity)).toBe(true);
    expect(matchesIdentity({ ...CLAIMS, ref: 'main', repository_id: '75' }, identity)).toBe(false);
    expect(matchesIdentity({ ...CLAIMS, ref: 'next', repository_id: '74' }, identity)).toBe(false);
  });
});

describe('of a trust domain', () => {
  const identity = { issuer: 'spiffe://example.org', audience: 'us', subject: 'spiffe://example.org/ns/shop/*' };
  const claims = { sub: 'spiffe://example.org/ns/shop/sa/web', aud: ['us'] };

  test('the subject tells, and the issuer does not', () => {
    expect(matchesIdentity(claims, identity)).toBe(true);
    expect(matchesIdentity({ ...claims, iss: 'https://spire.example.org' }, identity)).toBe(true);
    expect(matchesIdentity({ aud: 'us', iss: 'spiffe://example.org' }, identity)).toBe(false);
  });

  test.each([
    'spiffe://example.org.evil/ns/shop/sa/web',
    'spiffe://example.orgs/ns/shop/sa/web',
    'spiffe://example.org',
    'spiffe://evil.example/spiffe://example.org/ns/shop/sa/web',
    'SPIFFE://example.org/ns/shop/sa/web',
    'spiffe://example.org/ns/shop/../billing/sa/web',
    'spiffe://example.org/ns/shop/./sa/web',
    'spiffe://example.org/ns/shop//sa/web',
    'spiffe://example.org/ns/shop/sa/web/',
    'spiffe://example.org/ns/shop/sa/web?a=b',
    'spiffe://example.org/ns/shop/sa/%77eb',
  ])('%s is not, whatever subject is asked for', (sub) => {
    expect(matchesIdentity({ ...claims, sub }, identity)).toBe(false);
    expect(matchesIdentity({ ...claims, sub }, { ...identity, subject: 'spiffe://example.org*' })).toBe(false);
  });
});
