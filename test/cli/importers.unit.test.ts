// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are about variables of declarations.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readDeclaration } from '../../src/cli/edgemint/declaration/read.ts';
import { importAuth0, replaceMarkers } from '../../src/cli/edgemint/importers/auth0.ts';
import { importCognito } from '../../src/cli/edgemint/importers/cognito.ts';
import { toRfc2253 } from '../../src/cli/edgemint/importers/distinguished-name.ts';
import type { Draft, ImportOptions } from '../../src/cli/edgemint/importers/draft.ts';
import { goDuration, importHydra } from '../../src/cli/edgemint/importers/hydra.ts';
import { importKeycloak } from '../../src/cli/edgemint/importers/keycloak.ts';
import { importOkta } from '../../src/cli/edgemint/importers/okta.ts';
import { parseJsonValues } from '../../src/cli/edgemint/importers/reading.ts';
import { type Outcome, showReport } from '../../src/cli/edgemint/importers/report.ts';
import { writeDeclaration } from '../../src/declaration/write.ts';
import { auth0Tenant, cognitoPool, type Export, hydraClients, keycloakRealm, oktaOrg } from './importers/exports.ts';

const SAMPLES = join(import.meta.dirname, 'importers');
const sample = (name: string) => readFile(join(SAMPLES, name), 'utf8');

const read = (draft: Draft) =>
  readDeclaration(writeDeclaration(draft.declaration, draft.hasVariables), 'f').declaration;
const notes = (draft: Draft, outcome: Outcome) =>
  draft.report.notes.filter((note) => note.outcome === outcome).map(({ subject, text }) => `${subject}: ${text}`);
const publicKey = async (alg: string, members: JWK = {}) => ({
  ...(await exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey)),
  ...members,
});
const client = (draft: Draft, name: string) => read(draft).clients.find(({ client_name }) => client_name === name);

type Importer = (text: string, options?: ImportOptions) => Draft;
const auth0: Importer = (text, options = {}) => {
  const replaced = replaceMarkers(text, {});
  return importAuth0(parse(replaced.text), options, replaced.hasVariables);
};
const keycloak: Importer = (text, options = {}) => importKeycloak(parseJsonValues(text) ?? [], options);
const cognito: Importer = (text, options = {}) => importCognito(parseJsonValues(text) ?? [], options);
const hydra: Importer = (text, options = {}) => importHydra(parseJsonValues(text) ?? [], options);
const okta: Importer = (text, options = {}) => importOkta(parseJsonValues(text) ?? [], options);

const PROVIDERS: [name: string, importer: Importer, exported: (count: number) => Export, hasSecrets: boolean][] = [
  ['Auth0', auth0, auth0Tenant, false],
  ['Keycloak', keycloak, keycloakRealm, true],
  ['Cognito', cognito, cognitoPool, true],
  ['Hydra', hydra, hydraClients, false],
  ['Okta', okta, oktaOrg, false],
];

describe.each(PROVIDERS)('an export of %s', (name, importer, exported, hasSecrets) => {
  test.each([3, 200])(
    'with %i machines becomes a file that `apply` accepts, with each machine and nothing of people',
    (count) => {
      const { text, machines } = exported(count);
      const draft = importer(text);
      const { clients } = read(draft);
      expect(draft.report.provider).toBe(name);
      expect(clients.map(({ client_id }) => client_id).sort()).toEqual(
        machines.map(({ client_id }) => client_id).sort(),
      );
      for (const { client_id, audience, scope } of machines) {
        const found = clients.find((each) => each.client_id === client_id);
        expect(found?.grants).toEqual([{ resource_server: audience, scopes: [scope] }]);
        expect(found?.client_secret).toEqual({ env: expect.stringMatching(/^SECRET_\w+$/) });
      }
      const places = clients.map(({ client_secret }) => JSON.stringify(client_secret));
      expect(new Set(places).size).toBe(count);
      expect(draft.secrets.map(({ value }) => value.reveal())).toEqual(
        hasSecrets ? machines.map(({ secret }) => secret) : [],
      );
      expect(notes(draft, 'left_out')).not.toEqual([]);
    },
  );

  test('has no secret in the file or in the report', () => {
    const { text, machines } = exported(3);
    const draft = importer(text);
    const written = writeDeclaration(draft.declaration) + showReport(draft.report) + JSON.stringify(draft);
    for (const { secret } of machines) expect(written).not.toContain(secret);
  });

  test('has a report of some lines, also with 200 machines', () => {
    const text = showReport(importer(exported(200).text).report);
    expect(text).toContain('and 195 more: ');
    expect(text.split('\n').length).toBeLessThan(50);
  });

  test('that is of another provider or damaged has nothing to take', () => {
    for (const other of ['{}', '[]', 'null', '{"clients": 3, "items": [null], "apps": "x"}', '[[1]]']) {
      expect(importer(other).report.counts).toEqual({ resource_servers: 0, clients: 0 });
    }
  });
});

describe('Auth0', () => {
  test('names what was changed, and what is left to do', () => {
    const draft = auth0(auth0Tenant(3).text);
    const [server] = read(draft).resource_servers;
    expect(server).toMatchObject({ access_token_ttl: 86_400, signing_alg: 'RS256', access_token_typ: 'JWT' });
    expect(notes(draft, 'changed')).toEqual([
      'resource server https://orders.shop.example/api/v1: Its tokens live 86400 s instead of 172800 s: no token lives longer than a day.',
    ]);
    expect(notes(draft, 'left_out')).toEqual([
      'resource server https://shop-dev.eu.auth0.com/api/v2/: It is an API of Auth0 itself.',
      'client Shop web: No machine uses it: it is of the type spa.',
      'client Worker 0: A grant for an API of Auth0 itself.',
      'role Admin: It is a role of people. The roles of this service are for machines.',
    ]);
    const byHand = notes(draft, 'by_hand').join('\n');
    expect(byHand).toContain('Its tokens had `permissions`.');
    expect(byHand).toContain('action Add tier: ');
    expect(draft.report.issuers).toEqual(['https://login.shop.example/']);
    expect(client(draft, 'Worker 0')?.metadata).toEqual({ team: 'billing' });
  });

  test('has its markers replaced, by the mappings or by variables', async () => {
    const text = await sample('auth0.yaml');
    const mapped = replaceMarkers(text, { ENV: 'prod' });
    expect(mapped.hasVariables).toBe(false);
    expect(parse(mapped.text).resourceServers[0].identifier).toBe('https://prod.shop.example/api/v1');
    const draft = auth0(text);
    expect(draft.hasVariables).toBe(true);
    const written = writeDeclaration(draft.declaration, true);
    const { resource_servers, clients } = readDeclaration(written, 'f', { ENV: 'test' }).declaration;
    expect(resource_servers[0]?.identifier).toBe('https://test.shop.example/api/v1');
    expect(clients[0]?.grants).toEqual([
      { resource_server: 'https://test.shop.example/api/v1', scopes: ['update:account'] },
    ]);
    expect(notes(draft, 'by_hand')).toEqual([expect.stringContaining('Its client_id is not in the export.')]);
  });

  test('takes JSON for a marker from the mappings, and keeps other variables as texts', () => {
    const text = 'clients: @@CLIENTS@@\ntenant: { friendly_name: "##A##" }\nroles: [{ name: "${A}" }]\n';
    expect(() => replaceMarkers(text, {})).toThrow('@@CLIENTS@@ stands for JSON.');
    const { text: replaced } = replaceMarkers(text, { CLIENTS: [{ name: 'x' }] });
    expect(parse(replaced)).toMatchObject({
      clients: [{ name: 'x' }],
      tenant: { friendly_name: '${A}' },
      roles: [{ name: '$${A}' }],
    });
  });

  test('leaves a client out whose keys are not in the export, and binds tokens that were bound', () => {
    const draft = importAuth0(
      {
        clients: [
          {
            name: 'Keys',
            client_id: 'k',
            app_type: 'non_interactive',
            client_authentication_methods: { private_key_jwt: { credentials: [{ id: 'cred_1' }] } },
          },
          {
            name: 'Bound',
            client_id: 'b',
            app_type: 'non_interactive',
            require_proof_of_possession: true,
            client_secret: '${B_SECRET}',
          },
        ],
        resourceServers: [{ name: 'A', identifier: 'https://a.example' }],
        clientGrants: [{ client_id: 'b', audience: 'https://a.example', scope: [], allow_all_scopes: true }],
      },
      {},
      true,
    );
    expect(draft.declaration.clients).toMatchObject([
      { client_name: 'Bound', dpop_bound_access_tokens: true, client_secret: { env: 'B_SECRET' } },
    ]);
    expect(notes(draft, 'by_hand')).toEqual([
      expect.stringMatching(/^client Keys: It was left out, because what it needs for private_key_jwt/),
    ]);
  });
});

describe('an API of Auth0 that requires bound tokens', () => {
  const draftOf = (proofs: Record<string, object>) =>
    importAuth0(
      {
        clients: [{ name: 'Bound', client_id: 'bound', app_type: 'non_interactive' }],
        resourceServers: Object.entries(proofs).map(([name, proof_of_possession]) => ({
          name,
          identifier: `https://${name}.example`,
          proof_of_possession,
        })),
        clientGrants: Object.keys(proofs).map((name) => ({
          client_id: 'bound',
          audience: `https://${name}.example`,
          scope: [],
        })),
      },
      {},
    );

  test.each([
    ['dpop', { a: { mechanism: 'dpop', required: true } }, { dpop_bound_access_tokens: true }],
    ['mtls', { a: { mechanism: 'mtls', required: true } }, { tls_client_certificate_bound_access_tokens: true }],
    [
      'dpop, beside one that only permits mtls',
      { a: { mechanism: 'mtls' }, b: { mechanism: 'dpop', required: true, required_for: 'all_clients' } },
      { dpop_bound_access_tokens: true, tls_client_certificate_bound_access_tokens: false },
    ],
  ])('binds the clients that are granted it: %s', (_, proofs, fields) => {
    const draft = draftOf(proofs);
    expect(client(draft, 'Bound')).toMatchObject(fields);
    expect(notes(draft, 'changed').join()).toContain('because an API that it calls requires it');
  });

  test('binds nobody if only public clients need it, and names two ways', () => {
    const none = draftOf({ a: { mechanism: 'dpop', required: true, required_for: 'public_clients' } });
    expect(client(none, 'Bound')?.dpop_bound_access_tokens).toBe(false);
    const both = draftOf({ a: { mechanism: 'dpop', required: true }, b: { mechanism: 'mtls', required: true } });
    expect(notes(both, 'by_hand').join()).toContain('Its APIs bind tokens in different ways');
  });
});

describe('Keycloak', () => {
  test('keeps audiences, scopes and the roles of service accounts', () => {
    const draft = keycloak(keycloakRealm(3).text);
    expect(read(draft).resource_servers).toMatchObject([
      {
        identifier: 'orders-service',
        name: 'Orders',
        access_token_ttl: 300,
        scopes: [{ name: 'orders:read', description: 'Read orders' }],
        accepted_claims: ['realm_access', 'resource_access'],
      },
    ]);
    expect(client(draft, 'worker-0')).toMatchObject({
      access_token_ttl: 86_400,
      claims: { realm_access: { roles: ['clerk'] }, resource_access: { 'orders-service': { roles: ['reader'] } } },
    });
    expect(client(draft, 'worker-2')?.claims).toEqual({});
    expect(draft.report.issuers).toEqual(['https://login.shop.example/realms/shop']);
    expect(notes(draft, 'by_hand')).toContainEqual(
      expect.stringMatching(/^client https:\/\/worker-1.shop.example: Its client_id has a colon\./),
    );
  });

  test('takes a single client, whose secret is hidden, and an audience for one that has none', async () => {
    const single = keycloak(await sample('keycloak-client.json'));
    expect(client(single, 'order-sync')).toMatchObject({
      client_id: 'order-sync',
      access_token_ttl: 300,
      grants: [{ resource_server: 'orders-service', scopes: ['orders/read'] }],
    });
    expect(single.secrets).toEqual([]);
    const bare = JSON.stringify([{ clientId: 'a', serviceAccountsEnabled: true }]);
    expect(client(keycloak(bare), 'a')?.grants).toEqual([{ resource_server: 'account', scopes: [] }]);
    expect(client(keycloak(bare, { audience: 'https://a.example' }), 'a')?.grants).toEqual([
      { resource_server: 'https://a.example', scopes: [] },
    ]);
  });

  test('takes keys, certificates, fixed claims and the state of a client', () => {
    const mapper = (claim: string, value: string, type: string) => ({
      name: claim,
      protocolMapper: 'oidc-hardcoded-claim-mapper',
      config: { 'claim.name': claim, 'claim.value': value, 'jsonType.label': type, 'access.token.claim': 'true' },
    });
    const base = { serviceAccountsEnabled: true, enabled: false };
    const draft = importKeycloak(
      [
        {
          ...base,
          clientId: 'jwt',
          clientAuthenticatorType: 'client-jwt',
          attributes: { 'use.jwks.url': 'true', 'jwks.url': 'https://k.example/jwks' },
        },
        { ...base, clientId: 'tls', clientAuthenticatorType: 'client-x509', attributes: { 'x509.subjectdn': 'CN=a' } },
        {
          ...base,
          clientId: 'hs',
          clientAuthenticatorType: 'client-secret-jwt',
          protocolMappers: [
            mapper('tier', '3', 'int'),
            mapper('scope', 'x', 'String'),
            { name: 'js', protocolMapper: 'script-a.js' },
          ],
        },
        { ...base, clientId: 'no-key', clientAuthenticatorType: 'client-jwt' },
      ],
      {},
    );
    expect(client(draft, 'jwt')).toMatchObject({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://k.example/jwks',
      assertion_audience: 'issuer_or_token_endpoint',
      status: 'disabled',
    });
    expect(client(draft, 'tls')).toMatchObject({
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: 'CN=a',
    });
    expect(client(draft, 'hs')?.claims).toEqual({ tier: 3 });
    expect(client(draft, 'no-key')).toBeUndefined();
    expect(notes(draft, 'left_out')).toEqual(['client hs: Its mapper scope sets scope, which only this service sets.']);
    expect(notes(draft, 'by_hand').join('\n')).toContain('Its mapper js (script-a.js) has no counterpart.');
  });
});

describe('roles of Keycloak', () => {
  const account = (client: string, more: object) => ({ serviceAccountClientId: client, ...more });
  const machine = (clientId: string, more: object = {}) => ({
    clientId,
    serviceAccountsEnabled: true,
    defaultClientScopes: ['roles', 'orders'],
    ...more,
  });
  const realm = {
    realm: 'shop',
    roles: {
      realm: [
        { name: 'default-roles-shop', composites: { realm: ['offline_access', 'api-user'] } },
        { name: 'admin', composites: { client: { orders: ['write'] } } },
        { name: 'clerk', composites: { realm: ['reader'] } },
      ],
      client: { limited: [{ name: 'own' }], orders: [{ name: 'write' }, { name: 'read' }] },
    },
    groups: [
      {
        name: 'machines',
        realmRoles: ['in-parent'],
        subGroups: [
          { name: 'night', path: '/machines/night', clientRoles: { orders: ['read'] } },
          { name: 'day', path: '/machines/day', realmRoles: ['of-others'] },
        ],
      },
    ],
    scopeMappings: [
      { client: 'limited', roles: ['clerk'] },
      { client: 'other', roles: ['admin'] },
    ],
    clientScopeMappings: { orders: [{ clientScope: 'orders', roles: ['read'] }] },
  };
  const all = {
    realmRoles: ['default-roles-shop', 'admin', 'reader'],
    clientRoles: { limited: ['own'] },
    groups: ['/machines/night'],
  };
  const imported = (machines: object[], users: object[]) =>
    importKeycloak([{ ...realm, clients: machines, users }], { audience: 'x' });

  test('include those of groups, their parents, and default roles', () => {
    const draft = imported([machine('full')], [account('full', all)]);
    expect(client(draft, 'full')?.claims).toEqual({
      realm_access: { roles: ['api-user', 'admin', 'reader', 'in-parent'] },
      resource_access: { orders: { roles: ['write', 'read'] }, limited: { roles: ['own'] } },
    });
  });

  test('are those of the scope mappings if full scope is off', () => {
    const draft = imported([machine('limited', { fullScopeAllowed: false })], [account('limited', all)]);
    expect(client(draft, 'limited')?.claims).toEqual({
      realm_access: { roles: ['reader'] },
      resource_access: { orders: { roles: ['read'] }, limited: { roles: ['own'] } },
    });
    expect(notes(draft, 'left_out')).toEqual([
      'client limited: Its tokens do not have its roles api-user, admin, in-parent, write: full scope is off, and no scope mapping has them.',
    ]);
  });

  test('are in no token without the client scope for them, or a mapper of the client', () => {
    const mapper = { name: 'm', protocolMapper: 'oidc-usermodel-realm-role-mapper', config: {} };
    const bare = { defaultClientScopes: ['orders'] };
    const draft = imported(
      [machine('none', bare), machine('mapped', { ...bare, protocolMappers: [mapper] })],
      [account('none', { realmRoles: ['admin'] }), account('mapped', { realmRoles: ['admin'] })],
    );
    expect(client(draft, 'none')).toMatchObject({ claims: {}, grants: [{ resource_server: 'x' }] });
    expect(client(draft, 'mapped')?.claims).toEqual({ realm_access: { roles: ['admin'] } });
    expect(notes(draft, 'left_out')).toEqual([
      'client none: Its tokens do not have its roles admin, write: it lacks the client scope roles.',
      'client mapped: Its tokens do not have its roles write: it lacks the client scope roles.',
    ]);
  });

  test('for the admin API are named, and a disabled service account stays disabled', () => {
    const draft = imported(
      [machine('a'), machine('b')],
      [account('a', { clientRoles: { 'realm-management': ['realm-admin'] } }), account('b', { enabled: false })],
    );
    expect(client(draft, 'a')).toMatchObject({ claims: {}, status: 'active' });
    expect(client(draft, 'b')?.status).toBe('disabled');
    expect(notes(draft, 'left_out')).toEqual([
      'client a: Roles for the admin API of Keycloak itself (realm-management).',
    ]);
    expect(notes(draft, 'changed')).toContain(
      'client b: It is disabled here, because its service account is disabled.',
    );
  });

  test('a claim with dots in its name is nested, and a subject gets the form of RFC 2253', () => {
    const mapper = (claim: string, value: string) => ({
      protocolMapper: 'oidc-hardcoded-claim-mapper',
      config: { 'claim.name': claim, 'claim.value': value },
    });
    const x509 = { clientAuthenticatorType: 'client-x509', attributes: { 'x509.subjectdn': 'CN=a, O=b' } };
    const protocolMappers = [
      mapper('tenant.id', '7'),
      mapper('tenant.tier', 'gold'),
      mapper('https://shop\\.example/x', 'y'),
      mapper('aud.x', 'z'),
    ];
    const draft = imported([machine('a', { ...x509, protocolMappers })], []);
    expect(client(draft, 'a')).toMatchObject({
      claims: { tenant: { id: '7', tier: 'gold' }, 'https://shop.example/x': 'y' },
      tls_client_auth_subject_dn: 'CN=a,O=b',
    });
    expect(notes(draft, 'changed')).toContain(
      'client a: The subject of its certificate is CN=a,O=b here, in the form of RFC 2253.',
    );
  });

  test.each([
    ['CN=a,O=b', 'CN=a,O=b'],
    ['CN = client , OU=Machines One;  O="Shop, Inc."', 'CN=client,OU=Machines One,O=Shop\\, Inc.'],
    ['CN=a\\, b, O=x\\ ', 'CN=a\\, b,O=x\\ '],
    ['OU=a + CN=b, C=DE', 'OU=a+CN=b,C=DE'],
    ['CN="', 'CN="'],
    ['', ''],
  ])('the subject %s is %s in RFC 2253', (from, to) => {
    expect(toRfc2253(from)).toBe(to);
  });
});

describe('Cognito', () => {
  test('keeps the full names of scopes, and `token_use`', async () => {
    const draft = cognito(cognitoPool(3).text);
    expect(read(draft).resource_servers).toMatchObject([
      {
        identifier: 'orders-api',
        accepted_claims: ['token_use'],
        scopes: [{ name: 'orders-api/orders.read', description: 'Read orders' }, { name: 'orders-api/orders.write' }],
      },
    ]);
    expect(client(draft, 'worker-0')).toMatchObject({ access_token_ttl: 3600, claims: { token_use: 'access' } });
    expect(draft.report.issuers).toEqual(['https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab3dE5gH1']);
    const alone = cognito(await sample('cognito.json'));
    expect(notes(alone, 'changed')).toEqual([
      'resource server orders-api: It is not in the export, and was made of the scopes of clients.',
    ]);
  });

  test('says which list has more pages', () => {
    const draft = importCognito(
      [{ ResourceServers: [], NextToken: 'x' }, { UserPoolClients: [], NextToken: 'y' }, { UserPoolClients: [] }],
      {},
    );
    expect(notes(draft, 'by_hand')).toEqual([
      expect.stringContaining('the list of resource servers: It has more pages.'),
      expect.stringContaining('the list of clients: It has more pages.'),
    ]);
  });

  test('wants the description of a client of which the list has only the name', () => {
    const draft = importCognito([{ UserPoolClients: [{ ClientId: 'a', ClientName: 'A', UserPoolId: 'p_1' }] }], {});
    expect(notes(draft, 'by_hand')).toEqual([expect.stringContaining('describe-user-pool-client')]);
  });
});

describe('Hydra', () => {
  test('takes a client alone, with its secret, and lifetimes in the form of Go', async () => {
    const draft = hydra(await sample('hydra.json'), { secretsFolder: 'secrets' });
    expect(client(draft, 'Order sync')).toMatchObject({
      client_secret: { file: 'secrets/0f1e2d3c-4b5a-4678-8765-432100112233' },
      access_token_ttl: 3600,
      grants: [{ resource_server: 'https://orders.demo.example', scopes: ['orders:read', 'orders:write'] }],
    });
    expect(['1h0m0s', '1h30m', '90s', '1m0.5s', '', 'x'].map((text) => goDuration(text))).toEqual([
      3600,
      5400,
      90,
      60.5,
      undefined,
      undefined,
    ]);
  });

  test('says which lifetimes, scopes and audiences it changed', () => {
    const draft = hydra(hydraClients(2).text, { newSecrets: true });
    expect(client(draft, 'Worker 0')).toMatchObject({
      access_token_ttl: 86_400,
      metadata: { team: 'billing', level: '3' },
    });
    expect(client(draft, 'Worker 1')?.client_secret).toBeUndefined();
    expect(notes(draft, 'changed')).toContain('client Worker 1: No machine uses its scopes offline_access.');
    const page = importHydra(
      [{ items: [{ client_id: 'a', grant_types: ['client_credentials'], scope: 'orders.*' }], is_last_page: false }],
      {},
    );
    expect(notes(page, 'by_hand').join('\n')).toMatch(/more pages[\s\S]*a scope with `\*`/);
    expect(client(page, 'a')?.grants).toEqual([{ resource_server: 'hydra-api', scopes: ['orders.*'] }]);
  });
});

describe('Okta', () => {
  test('grants what the rules of access policies allow', () => {
    const draft = okta(oktaOrg(2).text);
    expect(read(draft).resource_servers).toMatchObject([
      { identifier: 'https://orders.shop.example', scopes: [{ name: 'orders.read' }, { name: 'orders.write' }] },
    ]);
    const worker = client(draft, 'Worker 0');
    expect(worker).toMatchObject({ access_token_ttl: 3600, claims: { cid: worker?.client_id } });
    expect(notes(draft, 'by_hand')[0]).toContain('Its claim tier is computed by Okta.');
  });

  test('leaves out keys and authorization servers that are not active', async () => {
    const { apps, authorizationServers } = JSON.parse(oktaOrg(1).text);
    const app = (label: string, keys: object[]) => ({
      ...apps[1],
      label,
      credentials: { oauthClient: { client_id: label, token_endpoint_auth_method: 'private_key_jwt' } },
      settings: { oauthClient: { grant_types: ['client_credentials'], jwks: { keys } } },
    });
    const [good, old] = [await publicKey('ES256', { kid: 'good' }), await publicKey('ES256', { kid: 'old' })];
    const inactive = { ...old, status: 'INACTIVE' };
    const [server] = authorizationServers;
    const dead = { ...server, audiences: ['https://dead.example'], status: 'INACTIVE' };
    const draft = importOkta(
      [{ apps: [app('Two', [{ ...good, status: 'ACTIVE' }, inactive]), app('None', [inactive])] }, [server, dead]],
      {},
    );
    expect(client(draft, 'Two')?.jwks?.keys).toEqual([good]);
    expect(client(draft, 'None')).toBeUndefined();
    expect(read(draft).resource_servers.map(({ identifier }) => identifier)).toEqual(['https://orders.shop.example']);
    expect(notes(draft, 'left_out')).toEqual([
      'resource server https://dead.example: Its authorization server is INACTIVE, so no client gets tokens for it.',
      'client Two: Its key old is INACTIVE.',
      'client None: Its key old is INACTIVE.',
    ]);
    expect(notes(draft, 'by_hand')).toContainEqual(expect.stringMatching(/^client None: It was left out/));
  });

  test('grants nothing without policies, and takes separate answers of one authorization server', () => {
    const { apps, authorizationServers } = JSON.parse(oktaOrg(1).text);
    const [{ scopes, policies: _, ...server }] = authorizationServers;
    const draft = importOkta([apps, [server], scopes], {});
    expect(read(draft).resource_servers[0]?.scopes).toHaveLength(2);
    expect(client(draft, 'Worker 0')?.grants).toEqual([]);
    expect(notes(draft, 'by_hand').join('\n')).toContain('no client is granted anything');
    expect(() => importOkta([scopes], {})).toThrow('does not say whose they are');
  });
});

describe('what every provider may have', () => {
  const named = (name: string, client_id: string, more: object = {}) => ({
    client_name: name,
    client_id,
    grant_types: ['client_credentials'],
    audience: ['a'],
    ...more,
  });

  test('equal names and ids are told apart', () => {
    const draft = importHydra([[named('A', 'x'), named('a', 'x.'), named('B', 'x'), named('C', 'x-')]], {
      secretsFolder: 's',
    });
    expect(read(draft).clients).toMatchObject([
      { client_name: 'A', client_id: 'x', client_secret: { file: 's/x' } },
      { client_name: 'B' },
      { client_name: 'C', client_id: 'x-', client_secret: { file: 's/x_3' } },
      { client_name: 'a (2)', client_id: 'x.', client_secret: { file: 's/x_2' } },
    ]);
    expect(read(draft).clients[1]?.client_id).toBeUndefined();
  });

  test.each(['a b', 'a+b', 'emc_1', '../../etc/passwd'])('the id %s leads to no other file', (id) => {
    const draft = importHydra([[named('A', id)]], { secretsFolder: 's' });
    for (const { client_secret } of read(draft).clients) {
      if (client_secret) expect(client_secret).toEqual({ file: expect.stringMatching(/^s\/[\w-]+$/) });
    }
  });

  test('a weak secret, grant types of people and an unusable audience are named', () => {
    const draft = importHydra(
      [
        [
          named('A', 'a', {
            client_secret: 'secret',
            grant_types: ['client_credentials', 'refresh_token'],
            audience: ['has space'],
          }),
        ],
      ],
      {},
    );
    expect(client(draft, 'A')?.client_secret).toBeUndefined();
    const report = showReport(draft.report);
    expect(report).toContain('Its secret is too short or too easy to guess');
    expect(report).toContain('No machine uses its grant types refresh_token.');
    expect(report).toContain('Its identifier cannot be one here');
    expect(report).toContain('It gets no tokens');
  });

  test('keys that this service refuses are left out and named, and a client that has no other key', async () => {
    const method = { token_endpoint_auth_method: 'private_key_jwt' };
    const [good, other] = [await publicKey('ES256', { kid: 'good', use: 'sig' }), await publicKey('ES384')];
    const rsa = await publicKey('RS256', { kid: 'rsa' });
    const encryption = await publicKey('RS256', { use: 'enc', kid: 'e' });
    const draft = importHydra(
      [
        [
          named('A', 'a', {
            ...method,
            jwks: { keys: [good, rsa, encryption, other, { ...good, x: 'AA', kid: 'bad' }] },
          }),
          named('B', 'b', { ...method, jwks: { keys: [other] }, jwks_uri: 'https://b.example' }),
          named('C', 'c', { ...method, jwks: { keys: [{ ...good, d: 'AA' }] } }),
        ],
      ],
      {},
    );
    expect(read(draft).clients.map(({ client_name, jwks }) => [client_name, jwks])).toEqual([
      ['A', { keys: [good, rsa] }],
    ]);
    expect(notes(draft, 'left_out')).toEqual([
      'client A: Its key e is for encrypting, and no machine authenticates with it.',
    ]);
    const byHand = notes(draft, 'by_hand').filter((text) => text.includes('left out'));
    expect(byHand).toEqual([
      expect.stringContaining('client A: Its key 4 was left out, because it is not supported: use P-256'),
      'client A: Its key bad was left out, because it is malformed.',
      expect.stringContaining('client B: Its key 1 was left out'),
      expect.stringContaining('client B: It was left out'),
      expect.stringContaining('client C: Its key good was left out, because it has private members'),
      expect.stringContaining('client C: It was left out'),
    ]);
  });

  test('fields of an audience that differ between clients are named', () => {
    const keycloakClient = (clientId: string, attributes: object) => ({
      clientId,
      serviceAccountsEnabled: true,
      attributes,
    });
    const realm = {
      realm: 'shop',
      accessTokenLifespan: 300,
      clients: [
        keycloakClient('a', {}),
        keycloakClient('b', {
          'access.token.signed.response.alg': 'ES256',
          'access.token.header.type.rfc9068': 'true',
        }),
      ],
    };
    expect(notes(importKeycloak([realm], { audience: 'x' }), 'changed')).toEqual(
      expect.arrayContaining([
        'resource server x: Some of its tokens had the algorithm ES256. Here all have RS256.',
        'resource server x: Some of its tokens had the type at+jwt. Here all have JWT.',
      ]),
    );
  });

  test('a name in the report steers no terminal and begins no line', () => {
    const report = showReport(importHydra([[named('A\u001b[2J\nTaken:', 'a')]], {}).report);
    expect(report).not.toContain('\u001b');
    expect(report.match(/^Taken:/gm)).toHaveLength(1);
  });

  test('several JSON values after one another are read, with brackets in texts', () => {
    expect(parseJsonValues('{"a":"}{\\""}\n[1]\n{}')).toEqual([{ a: '}{"' }, [1], {}]);
    expect(parseJsonValues('a: 1')).toBeUndefined();
    expect(parseJsonValues('{"a":1} x')).toBeUndefined();
  });
});
