import { describe, expect, test } from 'vitest';
import { readAccess } from '../../src/platform/access.ts';
import { type AccessIdentity, readIdentity, rightsOf } from '../../src/sessions/access-rules.ts';
import { prefersHtml } from '../../src/sessions/prefers-html.ts';

const AUD = 'a'.repeat(64);
const ADMIN = { admin: true };
const SCOPED = { organization_id: 'org_1', scopes: ['clients:read'] };
const read = (rules: unknown, more: object = {}) =>
  readAccess({
    ACCESS_TEAM_DOMAIN: 'acme.cloudflareaccess.com',
    ACCESS_AUD: AUD,
    ACCESS_RULES: typeof rules === 'string' ? rules : JSON.stringify(rules),
    ...more,
  });

describe('the variables of Cloudflare Access', () => {
  test('may be missing together', () => {
    expect(readAccess({})).toBeUndefined();
    expect(readAccess({ ACCESS_TEAM_DOMAIN: '', ACCESS_AUD: '', ACCESS_RULES: '' })).toBeUndefined();
  });

  test('name the issuer, the audiences and the rules', () => {
    const other = 'b'.repeat(64);
    expect(read([{ email: 'Ada@Example.com', ...ADMIN }], { ACCESS_AUD: `${AUD}, ${other}` })).toEqual({
      issuer: 'https://acme.cloudflareaccess.com',
      audiences: [AUD, other],
      rules: [{ subject: { email: 'ada@example.com' }, rights: { organizationId: null } }],
    });
  });

  test.each<[string, unknown, object?]>([
    ['ACCESS_TEAM_DOMAIN is missing', [{ email: 'a@b.c', ...ADMIN }], { ACCESS_TEAM_DOMAIN: undefined }],
    ['ACCESS_TEAM_DOMAIN is malformed', [{ email: 'a@b.c', ...ADMIN }], { ACCESS_TEAM_DOMAIN: 'https://acme.example' }],
    [
      'ACCESS_TEAM_DOMAIN is malformed',
      [{ email: 'a@b.c', ...ADMIN }],
      { ACCESS_TEAM_DOMAIN: 'evil.example/x.cloudflareaccess.com' },
    ],
    ['ACCESS_AUD is missing', [{ email: 'a@b.c', ...ADMIN }], { ACCESS_AUD: undefined }],
    ['ACCESS_AUD is malformed', [{ email: 'a@b.c', ...ADMIN }], { ACCESS_AUD: 'x' }],
    ['ACCESS_RULES is missing', ''],
    ['ACCESS_RULES is malformed: it must be a JSON list', '{'],
    ['ACCESS_RULES is malformed: it must be a JSON list', []],
    ['rule 1 must be an object', ['x']],
    ['rule 2 must name exactly one of email', [{ email: 'a@b.c', ...ADMIN }, ADMIN]],
    ['rule 1 must name exactly one of email', [{ email: 'a@b.c', group: 'g', ...ADMIN }]],
    ['rule 1 must name exactly one of email', [{ everybody: true, ...ADMIN }]],
    ['rule 1 has a malformed email', [{ email: '*', ...ADMIN }]],
    ['rule 1 has a malformed email_domain', [{ email_domain: '@example.com', ...ADMIN }]],
    ['rule 1 must have either', [{ email: 'a@b.c' }]],
    ['rule 1 must have either', [{ email: 'a@b.c', admin: false }]],
    ['rule 1 must have either', [{ email: 'a@b.c', ...ADMIN, ...SCOPED }]],
    ['rule 1 must have a list of scopes', [{ email: 'a@b.c', organization_id: 'org_1' }]],
    ['rule 1 has a scope that does not exist: "all"', [{ email: 'a@b.c', organization_id: 'org_1', scopes: ['all'] }]],
  ])('are refused: %s', (sentence, rules, more) => {
    expect(() => read(rules, more)).toThrow(sentence);
  });
});

describe('the identity in verified claims', () => {
  test.each<[string, object, string | undefined]>([
    ['a mail address, in lower case', { email: 'Ada@Example.com' }, 'ada@example.com'],
    ['a service token', { common_name: 'abc.access', sub: '' }, 'abc.access'],
    ['an empty address', { email: '', common_name: 'abc.access' }, 'abc.access'],
    ['a service token that looks like an address', { common_name: 'ada@example.com' }, undefined],
    ['an address without @', { email: 'abc.access' }, undefined],
    ['an address with an override of the direction', { email: 'ada\u202e@example.com' }, undefined],
    ['an address that looks like another', { email: 'аda@example.com' }, undefined],
    ['an address with a line break', { email: 'ada@example.com\n' }, undefined],
    ['an address that is too long', { email: `${'a'.repeat(190)}@example.com` }, undefined],
    ['a list', { email: ['ada@example.com'] }, undefined],
    ['nobody', {}, undefined],
  ])('%s', (_, claims, name) => {
    expect(readIdentity({ ...claims })?.name).toBe(name);
  });

  test('has the groups of either claim', () => {
    const claims = { email: 'a@b.c', groups: ['x', 1], custom: { groups: [{ id: '7', name: 'ops' }] } };
    expect(readIdentity(claims)?.groups).toEqual(['x', 'ops', '7']);
  });
});

test('the first rule that matches decides', () => {
  const rules =
    read([
      { email: 'ada@example.com', ...ADMIN },
      { group: 'ops', organization_id: 'org_ops', scopes: ['audit:read'] },
      { service_token: 'abc.access', ...SCOPED },
      { email_domain: 'example.com', ...SCOPED },
    ])?.rules ?? [];
  const rights = (name: string, groups: string[] = []) => {
    const identity: AccessIdentity = { name, groups, isServiceToken: !name.includes('@') };
    return rightsOf(identity, rules)?.organizationId;
  };
  expect(rights('ada@example.com', ['ops'])).toBeNull();
  expect(rights('bob@example.com', ['ops'])).toBe('org_ops');
  expect(rights('bob@example.com')).toBe('org_1');
  expect(rights('bob@example.com.evil.example')).toBeUndefined();
  expect(rights('bob@sub.example.com')).toBeUndefined();
  expect(rights('"x@example.com"@evil.example')).toBeUndefined();
  expect(rights('abc.access')).toBe('org_1');
  expect(rights('abd.access', ['ops'])).toBeUndefined();
});

test.each<[string | null, boolean]>([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', true],
  ['application/json', false],
  ['*/*', false],
  [null, false],
  ['application/json, text/html;q=0.5', false],
  ['text/html;q=0', false],
  ['TEXT/HTML', true],
])('Accept: %s asks for a page: %s', (accept, expected) => {
  expect(prefersHtml(accept)).toBe(expected);
});
