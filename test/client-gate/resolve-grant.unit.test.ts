import { describe, expect, test } from 'vitest';
import { resolveGrant } from '../../src/client-gate/resolve-grant.ts';
import type { ClientRecord, Grant, GrantRequest } from '../../src/gates/protocol.ts';

const ORDERS: Grant = {
  resource: 'https://orders.example.com',
  scopes: ['orders:read', 'orders:write'],
  access_token_ttl: null,
  signing_alg: 'ES256',
};
const STOCK: Grant = {
  resource: 'https://stock.example.com',
  scopes: ['stock:read'],
  access_token_ttl: 300,
  signing_alg: 'EdDSA',
};

function record(fields: Partial<ClientRecord>): ClientRecord {
  return {
    version: 1,
    client_id: 'emc_a',
    organization_id: 'org_a',
    subject: 'client',
    status: 'active',
    secrets: [],
    grants: [ORDERS],
    default_resource: null,
    roles: [],
    introspects: [],
    access_token_ttl: null,
    rate_limit: { per_minute: 60, burst: 10 },
    claims: {},
    ...fields,
  };
}

/** Returns the resource server for which a request gets a token, or the refusal. */
function resourceOf(fields: Partial<ClientRecord>, request: GrantRequest = {}): string {
  const resolved = resolveGrant(record(fields), request);
  return typeof resolved === 'string' ? resolved : resolved.resource;
}

test('the type of the token is that of the resource server, and absent in an older record', () => {
  expect(resolveGrant(record({ grants: [{ ...ORDERS, access_token_typ: 'JWT' }] }), {})).toHaveProperty(
    'access_token_typ',
    'JWT',
  );
  expect(resolveGrant(record({ grants: [ORDERS] }), {})).not.toHaveProperty('access_token_typ');
});

describe('the resource server', () => {
  const both = { grants: [ORDERS, STOCK] };

  test('is the named one, whatever the default', () => {
    expect(resourceOf({ ...both, default_resource: ORDERS.resource }, { resource: STOCK.resource })).toBe(
      STOCK.resource,
    );
  });

  test('is named by any spelling that means the same, and the token has the registered one', () => {
    const named = (resource: string, grants = [ORDERS, STOCK]) => resourceOf({ grants }, { resource });
    expect(named('HTTPS://Orders.example.com:443/')).toBe(ORDERS.resource);
    expect(named('orders', [{ ...ORDERS, resource: 'Orders' }, STOCK])).toBe('Orders');
    expect(named('https://orders.example.com/v2')).toBe('invalid_target');
  });

  test('is named exactly where two from before spellings were compared mean the same', () => {
    const slash = { ...STOCK, resource: `${ORDERS.resource}/` };
    const named = (resource: string) => resourceOf({ grants: [ORDERS, slash] }, { resource });
    for (const resource of [ORDERS.resource, slash.resource]) expect(named(resource)).toBe(resource);
    expect(named(`${ORDERS.resource}:443`)).toBe('invalid_target');
  });

  test('is the default where none is named', () => {
    expect(resourceOf({ ...both, default_resource: STOCK.resource })).toBe(STOCK.resource);
  });

  test('is the only one where there is no default', () => {
    expect(resourceOf({ grants: [STOCK] })).toBe(STOCK.resource);
  });

  test('is never guessed among several', () => {
    expect(resourceOf(both)).toBe('invalid_target');
  });

  test('is never another than the named one', () => {
    expect(resourceOf({ grants: [ORDERS] }, { resource: STOCK.resource })).toBe('invalid_target');
  });

  test('is the only granted one, though another is the default', () => {
    expect(resourceOf({ grants: [ORDERS], default_resource: STOCK.resource })).toBe(ORDERS.resource);
  });

  test('is not there for a client without grants, whatever it names', () => {
    expect(resourceOf({ grants: [] })).toBe('unauthorized_client');
    expect(resourceOf({ grants: [] }, { resource: STOCK.resource })).toBe('unauthorized_client');
  });
});

describe('the scopes', () => {
  const both = record({ grants: [ORDERS, STOCK] });

  test('are all that are granted there where none is asked', () => {
    expect(resolveGrant(both, { resource: ORDERS.resource })).toMatchObject({ scopes: ORDERS.scopes });
  });

  test('are those asked, in the order in which they were', () => {
    const scopes = ['orders:write', 'orders:read'];
    expect(resolveGrant(both, { resource: ORDERS.resource, scopes })).toMatchObject({ scopes });
  });

  test('are not given by another resource server', () => {
    expect(resolveGrant(both, { resource: ORDERS.resource, scopes: ['stock:read'] })).toBe('invalid_scope');
  });

  test('are never cut down to the granted ones', () => {
    const scopes = ['orders:read', 'orders:delete'];
    expect(resolveGrant(both, { resource: ORDERS.resource, scopes })).toBe('invalid_scope');
  });

  describe('if the resource server narrows requests,', () => {
    const narrowing = record({ grants: [{ ...ORDERS, scope_policy: 'narrow' }, STOCK] });
    const ask = (...scopes: string[]) => resolveGrant(narrowing, { resource: ORDERS.resource, scopes });

    test('are those of the request that are granted, in its order', () => {
      expect(ask('orders:write', 'orders:delete', 'orders:read')).toMatchObject({
        scopes: ['orders:write', 'orders:read'],
      });
      expect(ask('stock:read', 'orders:read')).toMatchObject({ scopes: ['orders:read'] });
    });

    test('are exactly those of a request that names no other', () => {
      expect(ask('orders:write')).toMatchObject({ scopes: ['orders:write'] });
      expect(resolveGrant(narrowing, { resource: ORDERS.resource })).toMatchObject({ scopes: ORDERS.scopes });
    });

    test('are refused if none is left', () => {
      expect(ask('orders:delete', 'stock:read')).toBe('invalid_scope');
      const bare = record({ grants: [{ ...ORDERS, scopes: [], scope_policy: 'narrow' }] });
      expect(resolveGrant(bare, { scopes: ['orders:read'] })).toBe('invalid_scope');
      expect(resolveGrant(bare, {})).toMatchObject({ scopes: [] });
    });

    test('are not narrowed at another resource server', () => {
      const request = { resource: STOCK.resource, scopes: ['stock:read', 'stock:count'] };
      expect(resolveGrant(narrowing, request)).toBe('invalid_scope');
    });
  });

  test('are not narrowed by a policy that this version does not know', () => {
    const grants = [{ ...ORDERS, scope_policy: 'later' as 'narrow' }];
    expect(resolveGrant(record({ grants }), { scopes: ['orders:read', 'orders:delete'] })).toBe('invalid_scope');
  });

  test('may be none at all', () => {
    const bare = record({ grants: [{ ...ORDERS, scopes: [] }] });
    expect(resolveGrant(bare, {})).toMatchObject({ scopes: [] });
    expect(resolveGrant(bare, { scopes: ['orders:read'] })).toBe('invalid_scope');
  });
});

describe('the roles', () => {
  const roles = ['auditor', 'order-reader', 'stock-reader'];

  test('are those that grant something at the resource server', () => {
    const client = record({ roles, grants: [{ ...ORDERS, roles: [1] }, STOCK] });
    expect(resolveGrant(client, { resource: ORDERS.resource })).toMatchObject({ roles: ['order-reader'] });
    const none = record({ roles, grants: [{ ...ORDERS, roles: [] }] });
    expect(resolveGrant(none, {})).toMatchObject({ roles: [] });
  });

  test('are all of them in a record of older code, which does not say where they grant something', () => {
    expect(resolveGrant(record({ roles }), {})).toMatchObject({ roles });
  });
});

describe('the claims', () => {
  const client = record({ claims: { tier: 1, region: 'eu' }, requestable_claims: ['region', 'job'] });

  test('are the client’s own where none is asked', () => {
    expect(resolveGrant(client, {})).toMatchObject({ claims: { tier: 1, region: 'eu' } });
  });

  test('are with those asked, which go before the client’s own', () => {
    const resolved = resolveGrant(client, { claims: { region: 'us', job: 'a' } });
    expect(resolved).toMatchObject({ claims: { tier: 1, region: 'us', job: 'a' } });
  });

  test('are refused where one may not be asked', () => {
    expect(resolveGrant(client, { claims: { job: 'a', tier: 2 } })).toBe('invalid_request');
    expect(resolveGrant(record({ claims: { job: 'a' } }), { claims: { job: 'a' } })).toBe('invalid_request');
    expect(resolveGrant(record({}), { claims: {} })).toMatchObject({ claims: {} });
  });
});

describe('a restricted claim', () => {
  const accepting = { ...ORDERS, accepted_claims: ['groups', 'email'] };
  const client = record({
    grants: [accepting, STOCK],
    claims: { tier: 1 },
    restricted_claims: { groups: ['a'], permissions: ['b'] },
    requestable_claims: ['job'],
    restricted_requestable_claims: ['email', 'permissions'],
  });

  test('is in the tokens for a resource server that accepts it, and in no other', () => {
    expect(resolveGrant(client, { resource: ORDERS.resource })).toHaveProperty('claims', {
      tier: 1,
      groups: ['a'],
    });
    expect(resolveGrant(client, { resource: STOCK.resource })).toHaveProperty('claims', { tier: 1 });
  });

  test('may be requested there, and nowhere else', () => {
    const asked = { job: 'x', email: 'a@example.com' };
    expect(resolveGrant(client, { resource: ORDERS.resource, claims: asked })).toHaveProperty('claims', {
      tier: 1,
      groups: ['a'],
      ...asked,
    });
    expect(resolveGrant(client, { resource: STOCK.resource, claims: asked })).toBe('invalid_request');
    expect(resolveGrant(client, { resource: ORDERS.resource, claims: { permissions: 'x' } })).toBe('invalid_request');
  });

  test('does not exist in a record of older code, whose claims are in every token', () => {
    const older = record({ claims: { Scope: 'admin' }, requestable_claims: ['role'] });
    expect(resolveGrant(older, { claims: { role: 'x' } })).toHaveProperty('claims', { Scope: 'admin', role: 'x' });
  });
});

test('the lifetime is the client’s, else the resource server’s, else an hour', () => {
  expect(resolveGrant(record({ grants: [STOCK], access_token_ttl: 120 }), {})).toMatchObject({ access_token_ttl: 120 });
  expect(resolveGrant(record({ grants: [STOCK] }), {})).toMatchObject({ access_token_ttl: 300 });
  expect(resolveGrant(record({ grants: [ORDERS] }), {})).toMatchObject({ access_token_ttl: 3600 });
});

test('the subject is the client, or its organization where that is the organization’s setting', () => {
  expect(resolveGrant(record({}), {})).toMatchObject({ subject: 'emc_a' });
  expect(resolveGrant(record({ subject: 'organization' }), {})).toMatchObject({ subject: 'org_a' });
});
