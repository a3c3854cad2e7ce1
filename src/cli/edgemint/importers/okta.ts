import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { Failure } from '../../failure.ts';
import { type Draft, Drafting, type ImportOptions } from './draft.ts';
import { isTrue, numberOf, objectOf, objectsOf, textOf, textsOf } from './reading.ts';

const DIFFERENCES = [
  'Scopes are in `scope`, as a text with spaces. Verifiers that read the list `scp` must read `scope`.',
  'A token request without `scope` gets all scopes of the grant. Okta gives its default scopes only, or refuses the request: let machines name those that they need.',
  '`cid` is the client_id, as before, and so are `sub` and `client_id`.',
  'The token endpoint is `/oauth2/token` instead of `/v1/token`, and the keys are at `/.well-known/jwks.json` instead of `/v1/keys`: verifiers that use discovery find both.',
];

interface Rule {
  readonly server: string;
  readonly clients: readonly string[];
  readonly scopes: readonly string[];
  /** Seconds. */
  readonly lifetime: number | undefined;
}

/**
 * Drafts a declaration from answers of Okta's API: apps, and authorization servers with their scopes and policies.
 * @param values answers, or objects with `apps` and `authorizationServers`
 */
export function importOkta(values: readonly unknown[], options: ImportOptions): Draft {
  const draft = new Drafting(options);
  const documents = values.flat().filter(isJsonObject);
  const items = documents.flatMap(({ apps, authorizationServers, scopes, ...rest }) =>
    apps === undefined && authorizationServers === undefined
      ? [{ ...rest, ...(scopes !== undefined && { scopes }) }]
      : [...objectsOf(apps), ...objectsOf(authorizationServers), ...objectsOf(scopes)],
  );
  const isScope = (item: JsonObject) =>
    item.metadataPublish !== undefined || (item.consent !== undefined && item.signOnMode === undefined);
  const servers = items.filter((item) => Array.isArray(item.audiences));
  const loose = items.filter((item) => isScope(item));
  if (loose.length > 0 && servers.length !== 1) {
    throw new Failure(
      'A list of scopes does not say whose they are. Put it into its authorization server, as `scopes`: see docs/moving-in/okta.md.',
    );
  }
  const rules = servers.flatMap((server) => readServer(draft, server, loose));
  for (const app of items.filter((item) => item.signOnMode !== undefined)) readApp(draft, app, rules, servers);
  return draft.finish('Okta', DIFFERENCES);
}

/** @returns which clients may have which of its scopes */
function readServer(draft: Drafting, server: JsonObject, loose: readonly JsonObject[]): Rule[] {
  const [audience, ...others] = textsOf(server.audiences);
  if (audience === undefined) return [];
  const subject = `resource server ${audience}`;
  if (server.status === 'INACTIVE') {
    draft.note('left_out', subject, 'Its authorization server is INACTIVE, so no client gets tokens for it.');
    return [];
  }
  const issuer = textOf(server.issuer);
  if (issuer !== undefined) draft.issuer(issuer);
  if (others.length > 0)
    draft.note('changed', subject, `Of its audiences only the first was taken: not ${others.join(', ')}.`);
  const scopes = [...objectsOf(server.scopes), ...loose].filter(({ system }) => !isTrue(system));
  const names = scopes.flatMap(({ name, description }) => {
    const scope = textOf(name);
    return scope === undefined ? [] : [{ name: scope, description: textOf(description) }];
  });
  const identifier = draft.server(audience, names, { name: textOf(server.name), accepted_claims: ['cid'] });
  if (identifier === undefined) return [];
  for (const claim of objectsOf(server.claims).filter(
    (each) => !isTrue(each.system) && each.claimType === 'RESOURCE',
  )) {
    draft.note(
      'by_hand',
      subject,
      `Its claim ${claim.name} is computed by Okta. Set it in the \`claims\` of the clients that need it.`,
    );
  }
  if (!Array.isArray(server.policies)) {
    draft.note(
      'by_hand',
      subject,
      'Its access policies are not in the export, so no client is granted anything. Export them, or add the grants.',
    );
    return [];
  }
  return objectsOf(server.policies)
    .filter(({ status }) => status !== 'INACTIVE')
    .flatMap((policy) => {
      const clients = textsOf(objectOf(objectOf(policy.conditions).clients).include);
      return objectsOf(policy.rules)
        .filter(({ status }) => status !== 'INACTIVE')
        .flatMap((rule): Rule[] => {
          const conditions = objectOf(rule.conditions);
          if (!textsOf(objectOf(conditions.grantTypes).include).includes('client_credentials')) return [];
          const wanted = textsOf(objectOf(conditions.scopes).include);
          const granted = wanted.includes('*') ? names.map(({ name }) => name) : wanted;
          const minutes = numberOf(objectOf(objectOf(rule.actions).token).accessTokenLifetimeMinutes);
          const lifetime = minutes === undefined ? undefined : minutes * 60;
          return [{ server: identifier, clients, scopes: granted, lifetime }];
        });
    });
}

function readApp(draft: Drafting, app: JsonObject, rules: readonly Rule[], servers: readonly JsonObject[]): void {
  const name = textOf(app.label) ?? textOf(app.name) ?? '?';
  const subject = `client ${name}`;
  const settings = objectOf(objectOf(app.settings).oauthClient);
  const types = textsOf(settings.grant_types);
  if (app.signOnMode !== 'OPENID_CONNECT' || !types.includes('client_credentials')) {
    const kind = textOf(settings.application_type) ?? textOf(app.signOnMode) ?? 'another kind';
    draft.note('left_out', subject, `No machine uses it: it is of the type ${kind}.`);
    return;
  }
  draft.grantTypes(subject, types);
  const credentials = objectOf(objectOf(app.credentials).oauthClient);
  const id = textOf(credentials.client_id) ?? textOf(app.id);
  const own = rules.filter(
    ({ clients }) => clients.includes('ALL_CLIENTS') || (id !== undefined && clients.includes(id)),
  );
  const byServer = new Map<string, Set<string>>();
  for (const { server, scopes } of own) byServer.set(server, new Set([...(byServer.get(server) ?? []), ...scopes]));
  const grants = [...byServer].map(([resource_server, scopes]) => ({ resource_server, scopes: [...scopes] }));
  if (grants.length > 1) {
    draft.note(
      'by_hand',
      subject,
      'It has grants of several authorization servers. Let the machine name one in `audience`.',
    );
  }
  if (servers.length === 0)
    draft.note('by_hand', subject, 'The export has no authorization server: see docs/moving-in/okta.md.');
  const lifetimes = own.flatMap(({ lifetime }) => lifetime ?? []);
  const keys = objectsOf(objectOf(settings.jwks).keys);
  const active = keys.filter(({ status }) => status === undefined || status === 'ACTIVE');
  for (const { kid, id, status } of keys.filter((key) => !active.includes(key)))
    draft.note('left_out', subject, `Its key ${textOf(kid) ?? textOf(id) ?? '?'} is ${status}.`);
  draft.client({
    id,
    name,
    method: textOf(credentials.token_endpoint_auth_method) ?? 'client_secret_basic',
    secret: textOf(credentials.client_secret),
    // A client whose keys are all inactive has none.
    jwks: keys.length > 0 ? { keys: active.map(withoutOktaMembers) } : undefined,
    jwks_uri: textOf(settings.jwks_uri),
    grants,
    default_resource: grants[0]?.resource_server,
    lifetime: lifetimes.length === 0 ? undefined : Math.min(...lifetimes),
    isEnabled: app.status !== 'INACTIVE',
    ...(id !== undefined && { claims: { cid: id } }),
    fields: isTrue(settings.dpop_bound_access_tokens) ? { dpop_bound_access_tokens: true } : {},
  });
}

/** Okta adds the state of each key to its JWK. */
function withoutOktaMembers({
  id: _id,
  created: _created,
  lastUpdated: _updated,
  status: _status,
  _links,
  ...jwk
}: JsonObject): JsonObject {
  return jwk;
}
