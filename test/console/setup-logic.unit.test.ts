import { describe, expect, test } from 'vitest';
import {
  type ClientGrants,
  holdersOf,
  lossesOf,
  type RoleGrants,
  removedGrants,
  withScope,
} from '../../src/console/pages/grants/holders.ts';
import {
  bodyOf,
  choiceOf,
  EMPTY_DRAFT,
  kidOf,
  platformOf,
  problemsOf,
  readDraft,
} from '../../src/console/pages/new-client/draft.ts';
import { delayAfter, judgeFirstToken } from '../../src/console/pages/new-client/first-token.ts';
import { canCancel, rotationOf, type ShownSecret, usesSecret } from '../../src/console/pages/rotate/rotation.ts';

const SECRET: ShownSecret = {
  id: 'sec_old',
  rank: 'primary',
  hint: 'aaaa',
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  leaked_at: null,
  last_used_at: null,
  safe_to_delete: false,
  reason: '',
};
const NEW: ShownSecret = { ...SECRET, id: 'sec_new', created_at: '2026-02-01T00:00:00.000Z' };
const OLD: ShownSecret = { ...SECRET, rank: 'secondary' };

describe('a rotation is resumed', () => {
  test('before it began', () => expect(rotationOf([SECRET])).toEqual({ step: 'create', current: SECRET }));
  test('when the new secret waits to be deployed', () => {
    expect(rotationOf([NEW, OLD])).toMatchObject({
      step: 'deploy',
      current: { id: 'sec_new' },
      old: { id: 'sec_old' },
    });
  });
  test('when the new secret is used and the old one may be, too', () => {
    expect(rotationOf([OLD, { ...NEW, last_used_at: '2026-02-02T00:00:00.000Z' }])).toMatchObject({ step: 'watch' });
  });
  test('when the old secret can go', () => {
    expect(rotationOf([NEW, { ...OLD, safe_to_delete: true }])).toMatchObject({ step: 'delete' });
  });
  test('when it was cancelled and the new secret is still there', () => {
    const rotation = rotationOf([SECRET, { ...NEW, rank: 'secondary' }]);
    expect(rotation).toMatchObject({ step: 'cancelled', discarded: { id: 'sec_new' } });
  });
  test('when the primary secret leaked, which a rotation replaces', () => {
    const leaked = { ...NEW, leaked_at: '2026-02-02T00:00:00.000Z' };
    expect(rotationOf([leaked, OLD])).toMatchObject({ step: 'create', kept: { id: 'sec_old' } });
  });
});

test('a rotation is cancelled only if the old secret is still accepted', () => {
  const now = Date.parse('2026-03-01T00:00:00.000Z');
  expect(canCancel(OLD, now)).toBe(true);
  expect(canCancel({ ...OLD, expires_at: '2026-02-28T00:00:00.000Z' }, now)).toBe(false);
  expect(canCancel({ ...OLD, leaked_at: '2026-02-28T00:00:00.000Z' }, now)).toBe(false);
});

test('a client uses a secret by its method or by an additional one', () => {
  expect(usesSecret({ token_endpoint_auth_method: 'private_key_jwt', additional_auth_methods: [] })).toBe(false);
  expect(
    usesSecret({ token_endpoint_auth_method: 'private_key_jwt', additional_auth_methods: ['client_secret_post'] }),
  ).toBe(true);
});

describe('the draft of a client', () => {
  const choice = { method: 'client_secret_basic', binding: 'none' } as const;

  test('follows the recommendation until another method is chosen', () => {
    const draft = { ...EMPTY_DRAFT, answers: { ...EMPTY_DRAFT.answers, keepsKey: true } };
    expect(choiceOf(draft, false)).toEqual({ method: 'private_key_jwt', binding: 'none' });
    expect(choiceOf({ ...draft, override: choice }, false)).toEqual(choice);
  });

  test('becomes a body without the defaults', () => {
    expect(bodyOf({ ...EMPTY_DRAFT, name: ' Worker ' }, choice, 'org_1')).toEqual({
      organization_id: 'org_1',
      client_name: 'Worker',
      token_endpoint_auth_method: 'client_secret_basic',
    });
  });

  test('becomes a body with everything that was chosen', () => {
    const draft = {
      ...EMPTY_DRAFT,
      answers: { ...EMPTY_DRAFT.answers, place: 'github' } as const,
      name: 'Deployment',
      owner: 'ops',
      grants: [{ resource_server: 'https://a.example', scopes: ['a'] }],
      roles: ['reader'],
      tokenTtl: 600,
      perMinute: 10,
      burst: 5,
      workload: { repository_id: ' 74 ' },
    };
    const body = bodyOf(draft, { method: 'federated_jwt', binding: 'dpop' }, 'org_1');
    expect(body).toMatchObject({
      owner: 'ops',
      dpop_bound_access_tokens: true,
      federated_identities: [
        { issuer: 'https://token.actions.githubusercontent.com', claims: { repository_id: '74' } },
      ],
      grants: [{ resource_server: 'https://a.example', scopes: ['a'] }],
      roles: ['reader'],
      access_token_ttl: 600,
      rate_limit: { per_minute: 10, burst: 5 },
    });
  });

  test('is not sent with a private key', () => {
    const key = { ...EMPTY_DRAFT, name: 'Worker', jwks: '{"kty":"EC","d":"x"}' };
    const method = { method: 'private_key_jwt', binding: 'none' } as const;
    expect(problemsOf(key, method)).toMatchObject([{ pointer: '/jwks', detail: expect.stringContaining('public') }]);
    const pem = { ...key, jwks: '-----BEGIN PRIVATE KEY-----' };
    expect(problemsOf(pem, method)).toMatchObject([
      { pointer: '/jwks', detail: expect.stringContaining('private key') },
    ]);
    expect(problemsOf({ ...key, jwks: '{"kty":"EC","kid":"k"}' }, method)).toEqual([]);
    expect(kidOf({ ...key, jwks: '{"kty":"EC","kid":"k"}' })).toBe('k');
  });

  test('names each field that is missing', () => {
    const pointers = problemsOf(EMPTY_DRAFT, { method: 'federated_jwt', binding: 'none' }).map(
      ({ pointer }) => pointer,
    );
    expect(pointers).toContain('/client_name');
    expect(pointers.length).toBeGreaterThan(1);
  });

  test('has a platform of its place', () => {
    const draft = { ...EMPTY_DRAFT, platform: 'aws', answers: { ...EMPTY_DRAFT.answers, place: 'github' } } as const;
    expect(platformOf(draft)).toBe('github');
    expect(platformOf({ ...draft, answers: { ...draft.answers, place: 'cloud' } })).toBe('aws');
  });

  test('is read back as it was, also from an older page and from nonsense', () => {
    const draft = { ...EMPTY_DRAFT, name: 'Worker' };
    expect(readDraft(JSON.stringify(draft))).toEqual(draft);
    expect(readDraft('{"name":"Worker","removed":1}')).toEqual(draft);
    for (const stored of [null, 'x', 'null', '[]', '3']) expect(readDraft(stored)).toEqual(EMPTY_DRAFT);
  });
});

describe('the first token', () => {
  const refusal = { reason: 'invalid_scope', last_at: '', meaning: 'It asked for more.', next_step: 'Grant it.' };

  test('is seen, awaited, or refused with the diagnosis', () => {
    expect(judgeFirstToken([], [])).toEqual({ state: 'waiting' });
    expect(judgeFirstToken([], null)).toEqual({ state: 'waiting' });
    expect(judgeFirstToken([{ issued: 0, refused: { invalid_scope: 1 } }], [refusal])).toEqual({
      state: 'refused',
      reason: refusal,
    });
    expect(judgeFirstToken([{ issued: 1, refused: {} }], [refusal])).toEqual({ state: 'seen', issued: 1 });
  });

  test('is looked for less and less often', () => {
    const delays = Array.from({ length: 40 }, (_, looks) => delayAfter(looks));
    expect(delays).toEqual(delays.toSorted((one, other) => one - other));
    expect(delays.at(-1)).toBe(30_000);
  });
});

describe('who holds and loses scopes', () => {
  const API = 'https://a.example';
  const reader: RoleGrants = { id: 'role_1', name: 'reader', grants: [{ resource_server: API, scopes: ['read'] }] };
  const admin: RoleGrants = {
    id: 'role_2',
    name: 'admin',
    grants: [{ resource_server: API, scopes: ['read', 'write'] }],
  };
  const client = (client_id: string, roles: string[], scopes: string[] = []): ClientGrants => ({
    client_id,
    client_name: client_id,
    roles,
    grants: scopes.length > 0 ? [{ resource_server: API, scopes }] : [],
  });
  const clients = [client('direct', [], ['read']), client('by-role', ['reader']), client('both', ['reader', 'admin'])];

  test('a scope is held directly and by roles', () => {
    const [read, write] = holdersOf(API, ['read', 'write'], [reader, admin], clients);
    expect(read?.clients.map(({ client_id }) => client_id)).toEqual(['direct', 'by-role', 'both']);
    expect(read?.roles.map(({ name }) => name)).toEqual(['reader', 'admin']);
    expect(write?.clients.map(({ client_id }) => client_id)).toEqual(['both']);
  });

  test('a client that has a scope otherwise does not lose it', () => {
    const removed = removedGrants(reader.grants, []);
    expect(removed).toEqual([{ resource_server: API, scopes: ['read'] }]);
    const losses = lossesOf('reader', removed, clients, [reader, admin]);
    expect(losses.map(({ client }) => client.client_id)).toEqual(['by-role']);
  });

  test('access without scopes is lost as well', () => {
    const bare: RoleGrants = { id: 'role_3', name: 'bare', grants: [{ resource_server: API, scopes: [] }] };
    const removed = removedGrants(bare.grants, []);
    expect(lossesOf('bare', removed, [client('one', ['bare'])], [bare])).toHaveLength(1);
    expect(lossesOf('bare', removed, [client('two', ['bare', 'reader'])], [bare, reader])).toEqual([]);
  });

  test('a change that only adds takes nothing', () => {
    expect(removedGrants(reader.grants, admin.grants)).toEqual([]);
  });

  test('a scope is added and removed', () => {
    const added = withScope([], API, 'read', true);
    expect(added).toEqual([{ resource_server: API, scopes: ['read'] }]);
    expect(withScope(added, API, 'read', false)).toEqual([{ resource_server: API, scopes: [] }]);
  });
});
