import { X509Certificate } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { isRegisteredClaim, reservationOf } from '../../../tokens/reserved-claims.ts';
import { toRfc2253 } from './distinguished-name.ts';
import { type Draft, Drafting, type ImportOptions } from './draft.ts';
import { OWN_CLIENTS, type Roles, rolesOf, serviceAccountOf } from './keycloak-roles.ts';
import { isTrue, numberOf, objectOf, objectsOf, textOf, textsOf } from './reading.ts';

const DIFFERENCES = [
  '`sub` is the client_id instead of the id of a service account. `azp`, `preferred_username` and `clientHost` are missing: use `client_id`.',
  '`realm_access` and `resource_access` are the same as before, as claims of the client: they do not change if roles do.',
  'A token is for one audience instead of several.',
  'The token endpoint is `/oauth2/token`, and the keys are at `/.well-known/jwks.json`: verifiers that use discovery find both.',
];

/** The audience of Keycloak's tokens without an audience mapper. */
const DEFAULT_AUDIENCE = 'account';
/** Client scopes that every realm has. They are for people, or add claims. */
const OWN_SCOPES = [
  'acr',
  'address',
  'basic',
  'email',
  'microprofile-jwt',
  'offline_access',
  'organization',
  'phone',
  'profile',
  'role_list',
  'roles',
  'saml_organization',
  'service_account',
  'web-origins',
];
/** Mappers that change nothing of a machine's tokens, or what is said elsewhere. */
const KNOWN_MAPPERS =
  /^(oidc-audience-mapper|oidc-audience-resolve-mapper|oidc-hardcoded-claim-mapper|oidc-usersessionmodel-note-mapper|oidc-usermodel-.*|oidc-full-name-mapper|oidc-address-mapper|oidc-allowed-origins-mapper|oidc-acr-mapper|oidc-sub-mapper|oidc-amr-mapper|oidc-organization-membership-mapper|oidc-group-membership-mapper)$/;

interface Realm {
  readonly realm: JsonObject;
  readonly clientScopes: ReadonlyMap<string, JsonObject>;
  readonly clients: readonly JsonObject[];
}

/** Drafts a declaration from a realm that Keycloak exports, or from clients that its console or `kcadm` exports. */
export function importKeycloak(values: readonly unknown[], options: ImportOptions): Draft {
  const draft = new Drafting(options);
  for (const value of values) {
    const isRealm = isJsonObject(value) && value.clientId === undefined;
    const realm = isRealm ? value : {};
    const clients = isRealm ? objectsOf(realm.clients) : objectsOf([value].flat());
    const clientScopes = new Map(objectsOf(realm.clientScopes).map((scope) => [String(scope.name), scope]));
    const frontend = textOf(objectOf(realm.attributes).frontendUrl)?.replace(/\/$/, '');
    if (frontend !== undefined) draft.issuer(`${frontend}/realms/${realm.realm}`);
    for (const client of clients) readClient(draft, client, { realm, clientScopes, clients });
  }
  return draft.finish('Keycloak', DIFFERENCES);
}

function readClient(draft: Drafting, client: JsonObject, context: Realm): void {
  const id = textOf(client.clientId);
  if (id === undefined || OWN_CLIENTS.includes(id)) return;
  const given = textOf(client.name);
  const name = given === undefined || given.startsWith('${') ? id : given;
  const subject = `client ${name}`;
  if (!isTrue(client.serviceAccountsEnabled)) {
    const kind = isTrue(client.bearerOnly)
      ? 'it is bearer-only, so it is an audience at most'
      : 'it has no service account';
    draft.note('left_out', subject, `No machine uses it: ${kind}.`);
    return;
  }
  const flows = ['standardFlowEnabled', 'implicitFlowEnabled', 'directAccessGrantsEnabled'].filter((flow) =>
    isTrue(client[flow]),
  );
  draft.grantTypes(subject, flows);
  if (isTrue(client.authorizationServicesEnabled)) {
    draft.note('by_hand', subject, 'Its authorization services (UMA, policies) have no counterpart here.');
  }
  const attributes = objectOf(client.attributes);
  const scopes = scopesOf(client, context);
  const mappers = [...objectsOf(client.protocolMappers), ...scopes.flatMap(({ mappers: own }) => own)];
  const roles = readRoles(draft, subject, client, mappers, context);
  const claims = claimsOf(draft, subject, mappers, roles);
  const accepted = Object.keys(claims).filter((claim) => reservationOf(claim) !== undefined);
  const audiences = audiencesOf(client, scopes, roles);
  if (audiences.size === 0) {
    const fallback = draft.audience ?? DEFAULT_AUDIENCE;
    audiences.set(fallback, undefined);
    draft.note(
      'changed',
      subject,
      `Its tokens are for ${fallback}. It has no audience mapper; import with --audience to choose another.`,
    );
  }
  const names = scopes.filter(({ isShown }) => isShown).map((scope) => scope.name);
  const optional = scopes.filter(({ isShown, isOptional }) => isShown && isOptional).map((scope) => scope.name);
  if (optional.length > 0) {
    draft.note(
      'changed',
      subject,
      `A token request without scope gets ${optional.join(', ')} too, which Keycloak gives only on request.`,
    );
  }
  const grants = [...audiences].flatMap(([audience, only]) => {
    const granted = names.filter(
      (scope) => only === undefined || only.has(scope) || !isBoundElsewhere(scope, audience, audiences),
    );
    const server = context.clients.find(({ clientId }) => clientId === audience);
    const described = granted.map((scope) => ({
      name: scope,
      description: textOf(context.clientScopes.get(scope)?.description),
    }));
    const resource_server = draft.server(audience, described, {
      name: server === undefined ? undefined : textOf(server.name),
      lifetime: numberOf(context.realm.accessTokenLifespan),
      signing_alg:
        textOf(attributes['access.token.signed.response.alg']) ?? textOf(context.realm.defaultSignatureAlgorithm),
      access_token_typ: isTrue(attributes['access.token.header.type.rfc9068']) ? 'at+jwt' : 'JWT',
      accepted_claims: accepted,
    });
    return resource_server === undefined ? [] : [{ resource_server, scopes: granted }];
  });
  if (grants.length > 1) {
    draft.note(
      'by_hand',
      subject,
      'Its tokens had several audiences. A token is for one: let the machine name it in `audience`, and request a token for each.',
    );
  }
  const isAccountEnabled = serviceAccountOf(context.realm, id)?.enabled !== false;
  if (!isAccountEnabled)
    draft.note('changed', subject, 'It is disabled here, because its service account is disabled.');
  const authentication = authenticationOf(draft, subject, client, attributes);
  draft.client({
    id,
    name,
    description: textOf(client.description),
    ...authentication,
    grants,
    default_resource: grants[0]?.resource_server,
    lifetime: numberOf(attributes['access.token.lifespan']),
    claims,
    isEnabled: client.enabled !== false && isAccountEnabled,
    fields: {
      ...authentication.fields,
      ...(isTrue(attributes['dpop.bound.access.tokens']) && { dpop_bound_access_tokens: true }),
      ...(isTrue(attributes['tls.client.certificate.bound.access.tokens']) && {
        tls_client_certificate_bound_access_tokens: true,
      }),
    },
  });
}

const REALM_ROLES_MAPPER = 'oidc-usermodel-realm-role-mapper';
const CLIENT_ROLES_MAPPER = 'oidc-usermodel-client-role-mapper';

/** Returns the roles that a client's tokens have, and notes those that they do not have. */
function readRoles(
  draft: Drafting,
  subject: string,
  client: JsonObject,
  mappers: readonly JsonObject[],
  { realm }: Realm,
): Roles {
  const roles = rolesOf(client, realm);
  if (roles.administers)
    draft.note('left_out', subject, 'Roles for the admin API of Keycloak itself (realm-management).');
  if (roles.withheld.length > 0) {
    const text = `Its tokens do not have its roles ${roles.withheld.join(', ')}: full scope is off, and no scope mapping has them.`;
    draft.note('left_out', subject, text);
  }
  const scopes = client.defaultClientScopes ?? realm.defaultDefaultClientScopes;
  // Old exports have no client scopes: the realm's default ones apply.
  const hasScope = scopes === undefined || textsOf(scopes).includes('roles');
  const has = (mapper: string) => hasScope || mappers.some(({ protocolMapper }) => protocolMapper === mapper);
  const [hasRealm, hasClients] = [has(REALM_ROLES_MAPPER), has(CLIENT_ROLES_MAPPER)];
  const clientRoles = Object.values(roles.clients).flat();
  const hidden = [...(hasRealm ? [] : roles.realm), ...(hasClients ? [] : clientRoles)];
  if (hidden.length > 0) {
    const text = `Its tokens do not have its roles ${hidden.join(', ')}: it lacks the client scope roles.`;
    draft.note('left_out', subject, text);
  }
  return { realm: hasRealm ? roles.realm : [], clients: hasClients ? roles.clients : {} };
}

interface ClientScope {
  readonly name: string;
  readonly mappers: readonly JsonObject[];
  readonly isOptional: boolean;
  /** Whether it is in the claim `scope`. */
  readonly isShown: boolean;
}

function scopesOf(client: JsonObject, { clientScopes }: Realm): ClientScope[] {
  const assigned = [
    ...textsOf(client.defaultClientScopes).map((name) => ({ name, isOptional: false })),
    ...textsOf(client.optionalClientScopes).map((name) => ({ name, isOptional: true })),
  ];
  return assigned.map(({ name, isOptional }) => {
    const scope = clientScopes.get(name);
    const isShown = !OWN_SCOPES.includes(name) && objectOf(scope?.attributes)['include.in.token.scope'] !== 'false';
    const mappers = OWN_SCOPES.includes(name) ? [] : objectsOf(scope?.protocolMappers);
    return { name, mappers, isOptional, isShown };
  });
}

/** Returns the audiences of a client, each with the scopes that alone lead to it; undefined if it does not depend on scopes. */
function audiencesOf(
  client: JsonObject,
  scopes: readonly ClientScope[],
  roles: Roles,
): Map<string, Set<string> | undefined> {
  const audiences = new Map<string, Set<string> | undefined>();
  for (const scope of scopes) {
    for (const audience of scope.mappers.flatMap(audienceOf)) {
      audiences.set(audience, (audiences.get(audience) ?? new Set()).add(scope.name));
    }
  }
  for (const audience of objectsOf(client.protocolMappers).flatMap(audienceOf)) audiences.set(audience, undefined);
  for (const audience of Object.keys(roles.clients)) if (!audiences.has(audience)) audiences.set(audience, undefined);
  return audiences;
}

function audienceOf({ protocolMapper, config }: JsonObject): string[] {
  const values = objectOf(config);
  if (protocolMapper !== 'oidc-audience-mapper' || values['access.token.claim'] === 'false') return [];
  return textsOf([textOf(values['included.client.audience']) ?? values['included.custom.audience']]);
}

function isBoundElsewhere(
  scope: string,
  audience: string,
  audiences: ReadonlyMap<string, Set<string> | undefined>,
): boolean {
  return [...audiences].some(([other, only]) => other !== audience && only?.has(scope));
}

function claimsOf(draft: Drafting, subject: string, mappers: readonly JsonObject[], roles: Roles): JsonObject {
  const claims = new Map<string, unknown>();
  if (roles.realm.length > 0) claims.set('realm_access', { roles: roles.realm });
  const clientRoles = Object.entries(roles.clients).map(([client, names]) => [client, { roles: names }]);
  if (clientRoles.length > 0) claims.set('resource_access', Object.fromEntries(clientRoles));
  for (const { name, protocolMapper, config } of mappers) {
    const values = objectOf(config);
    const path = claimPath(textOf(values['claim.name']));
    const claim = path[0];
    if (
      protocolMapper === 'oidc-hardcoded-claim-mapper' &&
      claim !== undefined &&
      values['access.token.claim'] !== 'false'
    ) {
      if (isRegisteredClaim(claim) || reservationOf(claim) === 'never') {
        draft.note('left_out', subject, `Its mapper ${name} sets ${claim}, which only this service sets.`);
      } else claims.set(claim, nested(claims.get(claim), path.slice(1), hardcoded(values)));
    } else if (typeof protocolMapper === 'string' && !KNOWN_MAPPERS.test(protocolMapper)) {
      draft.note(
        'by_hand',
        subject,
        `Its mapper ${name} (${protocolMapper}) has no counterpart. Set the claim in \`claims\`, or let machines request it.`,
      );
    }
  }
  return Object.fromEntries(claims);
}

/** Splits the name of a claim at its dots, except escaped ones. */
function claimPath(name = ''): string[] {
  return name.match(/(?:\\.|[^.])+/g)?.map((part) => part.replaceAll('\\.', '.')) ?? [];
}

/** Returns an object with a value at a path, and what it had before elsewhere. */
function nested(current: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const members = objectOf(current);
  const inner = Object.hasOwn(members, name) ? members[name] : undefined;
  return { ...members, [name]: nested(inner, rest, value) };
}

function hardcoded(config: JsonObject): unknown {
  const value = textOf(config['claim.value']) ?? '';
  const type = textOf(config['jsonType.label']) ?? 'String';
  if (type === 'boolean') return value === 'true';
  if (type === 'int' || type === 'long') return Number(value);
  if (type !== 'JSON') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

interface Authentication {
  readonly method: string;
  readonly secret?: string | undefined;
  readonly jwks?: unknown;
  readonly jwks_uri?: string | undefined;
  readonly fields?: JsonObject;
}

function authenticationOf(
  draft: Drafting,
  subject: string,
  client: JsonObject,
  attributes: JsonObject,
): Authentication {
  switch (textOf(client.clientAuthenticatorType) ?? 'client-secret') {
    case 'client-jwt':
      return { method: 'private_key_jwt', ...keysOf(attributes) };
    case 'client-x509': {
      const subjectDn = textOf(attributes['x509.subjectdn']);
      const isExact = !isTrue(attributes['x509.allow.regex.pattern.comparison']);
      const inForm = subjectDn !== undefined && isExact ? toRfc2253(subjectDn) : undefined;
      if (inForm !== undefined && inForm !== subjectDn)
        draft.note('changed', subject, `The subject of its certificate is ${inForm} here, in the form of RFC 2253.`);
      return {
        method: 'tls_client_auth',
        fields: inForm !== undefined ? { tls_client_auth_subject_dn: inForm } : {},
      };
    }
    case 'client-secret-jwt':
      draft.note(
        'by_hand',
        subject,
        'It signs assertions with its secret, which is not supported. Let it send the secret, or better give it a key.',
      );
      break;
  }
  return { method: 'client_secret_basic', secret: textOf(client.secret) };
}

function keysOf(attributes: JsonObject): Pick<Authentication, 'jwks' | 'jwks_uri'> {
  const url = textOf(attributes['jwks.url']);
  if (isTrue(attributes['use.jwks.url']) && url !== undefined) return { jwks_uri: url };
  try {
    const text = textOf(attributes['jwks.string']);
    if (text !== undefined) return { jwks: JSON.parse(text) };
    const certificate = textOf(attributes['jwt.credential.certificate']);
    if (certificate === undefined) return {};
    const { publicKey } = new X509Certificate(Buffer.from(certificate, 'base64'));
    const kid = textOf(attributes['jwt.credential.kid']);
    return { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...(kid !== undefined && { kid }) }] } };
  } catch {
    return {};
  }
}
