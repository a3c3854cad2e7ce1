// Exports of the shape that the providers' own tools write, with made-up values, for any number of machines.

/** A machine of an export, and what its tokens should be for. */
export interface ExpectedMachine {
  readonly client_id: string;
  readonly secret: string;
  readonly audience: string;
  readonly scope: string;
}

export interface Export {
  readonly text: string;
  readonly machines: readonly ExpectedMachine[];
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Returns a text that looks random, and is the same for the same seed. */
function randomText(seed: string, length: number, letters = LETTERS): string {
  let state = [...seed].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 2_147_483_647, 7);
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return letters[state % letters.length];
  }).join('');
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** A tenant as `a0deploy export --format=yaml --export_ids=true` writes it. Such an export has no secrets. */
export function auth0Tenant(count: number): Export {
  const audience = 'https://orders.shop.example/api/v1';
  const machines = numbers(count).map((index) => ({
    client_id: randomText(`auth0 ${index}`, 32),
    secret: randomText(`auth0 secret ${index}`, 64, `${LETTERS}_-`),
    audience,
    scope: 'read:orders',
  }));
  const clients = machines.map(
    ({ client_id }, index) => `  - name: Worker ${index}
    client_id: ${client_id}
    app_type: non_interactive
    cross_origin_auth: false
    grant_types:
      - client_credentials
    is_first_party: true
    is_token_endpoint_ip_header_trusted: false
    jwt_configuration:
      alg: RS256
      lifetime_in_seconds: 36000
      secret_encoded: false
    oidc_conformant: true
    refresh_token:
      expiration_type: non-expiring
      leeway: 0
      rotation_type: non-rotating
    sso_disabled: false
    token_endpoint_auth_method: client_secret_post
    client_metadata:
      team: billing
`,
  );
  const grants = machines.map(
    (_, index) => `  - client_id: Worker ${index}
    audience: ${audience}
    scope:
      - read:orders
    subject_type: client
`,
  );
  const text = `tenant:
  friendly_name: Shop
  default_audience: ''
  flags:
    enable_client_connections: false
pages: []
clients:
  - name: Shop web
    client_id: ${randomText('web', 32)}
    app_type: spa
    grant_types:
      - authorization_code
      - refresh_token
    token_endpoint_auth_method: none
${clients.join('')}resourceServers:
  - name: Orders API
    id: 62f4a1c2d3e4f5a6b7c8d9e0
    identifier: ${audience}
    allow_offline_access: false
    enforce_policies: true
    scopes:
      - value: read:orders
        description: Read orders
      - value: write:orders
        description: Write orders
    signing_alg: RS256
    skip_consent_for_verifiable_first_party_clients: true
    token_dialect: access_token_authz
    token_lifetime: 172800
    token_lifetime_for_web: 7200
  - name: Auth0 Management API
    identifier: https://shop-dev.eu.auth0.com/api/v2/
    is_system: true
    scopes: []
clientGrants:
${grants.join('')}  - client_id: Worker 0
    audience: https://shop-dev.eu.auth0.com/api/v2/
    scope:
      - read:users
roles:
  - name: Admin
    description: Administers the shop
    permissions:
      - permission_name: read:orders
        resource_server_identifier: ${audience}
customDomains:
  - domain: login.shop.example
    type: auth0_managed_certs
    tls_policy: recommended
triggers:
  credentials-exchange:
    - action_name: Add tier
      display_name: Add tier
  post-login: []
`;
  return { text, machines };
}

/** A realm as `kc.sh export --users same_file` writes it. */
export function keycloakRealm(count: number): Export {
  const audience = 'orders-service';
  const machines = numbers(count).map((index) => ({
    client_id: index === 1 ? 'https://worker-1.shop.example' : `worker-${index}`,
    secret: randomText(`keycloak secret ${index}`, 32),
    audience,
    scope: 'orders:read',
  }));
  const mapper = (name: string, protocolMapper: string, config: object) => ({
    id: randomText(name, 36),
    name,
    protocol: 'openid-connect',
    protocolMapper,
    consentRequired: false,
    config,
  });
  const note = (name: string, claim: string) =>
    mapper(name, 'oidc-usersessionmodel-note-mapper', {
      'user.session.note': claim,
      'access.token.claim': 'true',
      'claim.name': claim,
      'jsonType.label': 'String',
    });
  const base = {
    surrogateAuthRequired: false,
    enabled: true,
    alwaysDisplayInConsole: false,
    clientAuthenticatorType: 'client-secret',
    redirectUris: [],
    webOrigins: [],
    notBefore: 0,
    bearerOnly: false,
    consentRequired: false,
    standardFlowEnabled: false,
    implicitFlowEnabled: false,
    directAccessGrantsEnabled: false,
    serviceAccountsEnabled: true,
    publicClient: false,
    frontchannelLogout: false,
    protocol: 'openid-connect',
    fullScopeAllowed: true,
    nodeReRegistrationTimeout: -1,
    defaultClientScopes: ['service_account', 'web-origins', 'acr', 'roles', 'profile', 'basic', 'email', 'orders:read'],
    optionalClientScopes: ['address', 'phone', 'offline_access', 'organization', 'microprofile-jwt'],
  };
  const clients = machines.map(({ client_id, secret }, index) => ({
    ...base,
    id: randomText(`id ${index}`, 36),
    clientId: client_id,
    name: '',
    description: 'Works',
    secret,
    attributes: {
      'client.secret.creation.time': '1760000000',
      'access.token.lifespan': index === 0 ? '172800' : '300',
    },
    protocolMappers: [note('Client ID', 'client_id'), note('Client Host', 'clientHost')],
  }));
  const own = ['account', 'account-console', 'admin-cli', 'broker', 'realm-management', 'security-admin-console'];
  const realm = {
    id: 'a1b2c3d4',
    realm: 'shop',
    enabled: true,
    accessTokenLifespan: 300,
    defaultSignatureAlgorithm: 'RS256',
    roles: {
      realm: [
        {
          name: 'default-roles-shop',
          composite: true,
          composites: { realm: ['offline_access'], client: { account: ['view-profile'] } },
        },
        { name: 'clerk', composite: true, composites: { client: { 'orders-service': ['reader'] } } },
      ],
      client: { 'orders-service': [{ name: 'reader', composite: false }] },
    },
    users: [
      {
        username: 'service-account-worker-0',
        enabled: true,
        serviceAccountClientId: 'worker-0',
        realmRoles: ['default-roles-shop', 'clerk'],
      },
      { username: 'mary', enabled: true, realmRoles: ['default-roles-shop'] },
    ],
    clientScopes: [
      {
        name: 'orders:read',
        description: 'Read orders',
        protocol: 'openid-connect',
        attributes: { 'include.in.token.scope': 'true' },
        protocolMappers: [
          mapper('aud', 'oidc-audience-mapper', {
            'included.client.audience': audience,
            'id.token.claim': 'false',
            'access.token.claim': 'true',
          }),
        ],
      },
      {
        name: 'profile',
        protocol: 'openid-connect',
        attributes: { 'include.in.token.scope': 'true' },
        protocolMappers: [],
      },
    ],
    clients: [
      ...own.map((clientId) => ({ ...base, clientId, serviceAccountsEnabled: false, publicClient: true })),
      { ...base, clientId: 'shop-web', serviceAccountsEnabled: false, standardFlowEnabled: true, publicClient: true },
      { ...base, clientId: audience, name: 'Orders', serviceAccountsEnabled: false, bearerOnly: true },
      ...clients,
    ],
    attributes: { frontendUrl: 'https://login.shop.example' },
    keycloakVersion: '26.4.0',
  };
  return { text: JSON.stringify(realm, undefined, 2), machines };
}

/** What a loop over `aws cognito-idp describe-user-pool-client` appends to the list of resource servers. */
export function cognitoPool(count: number): Export {
  const pool = 'eu-west-1_Ab3dE5gH1';
  const machines = numbers(count).map((index) => ({
    client_id: randomText(`cognito ${index}`, 26, LETTERS.slice(0, 36)),
    secret: randomText(`cognito secret ${index}`, 51, LETTERS.slice(0, 36)),
    audience: 'orders-api',
    scope: 'orders-api/orders.read',
  }));
  const servers = {
    ResourceServers: [
      {
        UserPoolId: pool,
        Identifier: 'orders-api',
        Name: 'Orders',
        Scopes: [
          { ScopeName: 'orders.read', ScopeDescription: 'Read orders' },
          { ScopeName: 'orders.write', ScopeDescription: 'Write orders' },
        ],
      },
    ],
  };
  const described = machines.map(({ client_id, secret }, index) => ({
    UserPoolClient: {
      UserPoolId: pool,
      ClientName: `worker-${index}`,
      ClientId: client_id,
      ClientSecret: secret,
      LastModifiedDate: '2026-03-01T10:00:00.123000+00:00',
      CreationDate: '2026-03-01T10:00:00.123000+00:00',
      RefreshTokenValidity: 30,
      AccessTokenValidity: 60,
      IdTokenValidity: 60,
      TokenValidityUnits: { AccessToken: 'minutes', IdToken: 'minutes', RefreshToken: 'days' },
      ExplicitAuthFlows: ['ALLOW_REFRESH_TOKEN_AUTH'],
      SupportedIdentityProviders: ['COGNITO'],
      AllowedOAuthFlows: ['client_credentials'],
      AllowedOAuthScopes: ['orders-api/orders.read'],
      AllowedOAuthFlowsUserPoolClient: true,
      EnableTokenRevocation: true,
      EnablePropagateAdditionalUserContextData: false,
      AuthSessionValidity: 3,
    },
  }));
  const web = {
    UserPoolClient: {
      UserPoolId: pool,
      ClientName: 'web',
      ClientId: randomText('cognito web', 26),
      CreationDate: '2026-03-01T10:00:00.123000+00:00',
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'email'],
      AllowedOAuthFlowsUserPoolClient: true,
    },
  };
  return {
    text: [servers, web, ...described].map((value) => JSON.stringify(value, undefined, 4)).join('\n'),
    machines,
  };
}

/** The answer of `hydra list oauth2-clients --format json`. It has no secrets. */
export function hydraClients(count: number): Export {
  const audience = 'https://orders.demo.example';
  const machines = numbers(count).map((index) => {
    const hex = randomText(`hydra ${index}`, 32, '0123456789abcdef');
    return {
      client_id: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
      secret: randomText(`hydra secret ${index}`, 26, `${LETTERS}~.-_`),
      audience,
      scope: 'orders:read',
    };
  });
  const base = {
    redirect_uris: [],
    response_types: ['code'],
    audience: [audience],
    owner: '',
    policy_uri: '',
    allowed_cors_origins: [],
    tos_uri: '',
    client_uri: '',
    logo_uri: '',
    contacts: [],
    client_secret_expires_at: 0,
    subject_type: 'public',
    jwks: {},
    token_endpoint_auth_method: 'client_secret_basic',
    userinfo_signed_response_alg: 'none',
    created_at: '2026-02-01T09:00:00Z',
    updated_at: '2026-02-01T09:00:00Z',
    metadata: {},
    skip_consent: false,
    skip_logout_consent: null,
    authorization_code_grant_access_token_lifespan: null,
  };
  const items = machines.map(({ client_id }, index) => ({
    ...base,
    client_id,
    client_name: `Worker ${index}`,
    grant_types: ['client_credentials'],
    scope: 'orders:read offline_access',
    client_credentials_grant_access_token_lifespan: index === 0 ? '48h0m0s' : '1h0m0s',
    access_token_strategy: 'jwt',
    metadata: { team: 'billing', level: 3 },
  }));
  const web = { ...base, client_id: 'web', client_name: 'Web', grant_types: ['authorization_code'], scope: 'openid' };
  return { text: JSON.stringify({ items: [web, ...items], next_page_token: '', is_last_page: true }), machines };
}

/** The file that the script of docs/moving-in/okta.md makes of Okta's API. It has no secrets. */
export function oktaOrg(count: number): Export {
  const audience = 'https://orders.shop.example';
  const machines = numbers(count).map((index) => ({
    client_id: `0oa${randomText(`okta ${index}`, 17)}`,
    secret: randomText(`okta secret ${index}`, 64, `${LETTERS}_-`),
    audience,
    scope: 'orders.read',
  }));
  const app = (id: string, label: string, oauthClient: object) => ({
    id,
    name: 'oidc_client',
    label,
    status: 'ACTIVE',
    lastUpdated: '2026-02-01T09:00:00.000Z',
    created: '2026-02-01T09:00:00.000Z',
    accessibility: { selfService: false },
    features: [],
    signOnMode: 'OPENID_CONNECT',
    credentials: {
      oauthClient: { autoKeyRotation: true, client_id: id, token_endpoint_auth_method: 'client_secret_basic' },
    },
    settings: { app: {}, notifications: {}, oauthClient },
  });
  const apps = [
    app('0oaWEB', 'Web', { grant_types: ['authorization_code'], application_type: 'web' }),
    ...machines.map(({ client_id }, index) =>
      app(client_id, `Worker ${index}`, {
        client_uri: null,
        response_types: ['token'],
        grant_types: ['client_credentials'],
        application_type: 'service',
        issuer_mode: 'DYNAMIC',
        dpop_bound_access_tokens: false,
      }),
    ),
  ];
  const scope = (name: string, system: boolean) => ({
    id: `scp${randomText(name, 17)}`,
    name,
    description: system ? 'System scope' : `May ${name}`,
    system,
    metadataPublish: 'ALL_CLIENTS',
    consent: 'IMPLICIT',
    default: false,
  });
  const rule = {
    id: '0pr1',
    status: 'ACTIVE',
    name: 'Machines',
    conditions: { grantTypes: { include: ['client_credentials'] }, scopes: { include: ['orders.read'] } },
    actions: { token: { accessTokenLifetimeMinutes: 60, refreshTokenLifetimeMinutes: 0 } },
    type: 'RESOURCE_ACCESS',
  };
  const authorizationServers = [
    {
      id: 'aus9o8wzkhckw9TLa0h7z',
      name: 'Orders',
      description: 'Orders',
      audiences: [audience],
      issuer: 'https://login.shop.example/oauth2/aus9o8wzkhckw9TLa0h7z',
      issuerMode: 'CUSTOM_URL',
      status: 'ACTIVE',
      scopes: [scope('openid', true), scope('orders.read', false), scope('orders.write', false)],
      claims: [{ name: 'tier', claimType: 'RESOURCE', system: false, value: 'app.profile.tier' }],
      policies: [
        {
          id: '00p1',
          status: 'ACTIVE',
          name: 'All',
          conditions: { clients: { include: ['ALL_CLIENTS'] } },
          rules: [rule],
        },
      ],
    },
  ];
  return { text: JSON.stringify({ apps, authorizationServers }), machines };
}
