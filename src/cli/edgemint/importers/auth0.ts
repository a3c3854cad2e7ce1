import { escapeVariables } from '../../../declaration/variables.ts';
import type { JsonObject } from '../../../lib/json.ts';
import { Failure } from '../../failure.ts';
import type { Grant } from '../representations.ts';
import { type Draft, Drafting, type ImportOptions } from './draft.ts';
import { isTrue, numberOf, objectOf, objectsOf, textOf, textsOf } from './reading.ts';

const DIFFERENCES = [
  '`sub` is the client_id, without `@clients`. `azp` and `gty` are missing: use `client_id`.',
  'Permissions are in `scope` only, also for APIs with RBAC whose tokens had them in `permissions` too.',
  'The token endpoint is `/oauth2/token` instead of `/oauth/token`. Requests may keep their `audience`.',
  'The keys are at `/.well-known/jwks.json`, as before.',
];

/**
 * Replaces the markers of auth0-deploy-cli in an export.
 * @param mappings the `AUTH0_KEYWORD_REPLACE_MAPPINGS` of its configuration
 * @returns also whether some have no mapping: these are variables now, for `apply --substitute`
 * @throws Failure if a marker for JSON has no mapping
 */
export function replaceMarkers(text: string, mappings: JsonObject): { text: string; hasVariables: boolean } {
  const json = text.replace(/(["']?)@@(\w+)@@\1/g, (_, _quote, name: string) => {
    if (!Object.hasOwn(mappings, name)) {
      throw new Failure(
        `@@${name}@@ stands for JSON. Name the configuration of auth0-deploy-cli: --mappings config.json.`,
      );
    }
    return JSON.stringify(mappings[name]);
  });
  const markers = [...json.matchAll(/##(\w+)##/g)].map(([, name = '']) => name);
  const hasVariables = markers.some((name) => !Object.hasOwn(mappings, name));
  const replaced = (hasVariables ? escapeVariables(json) : json).replace(/##(\w+)##/g, (_, name: string) =>
    Object.hasOwn(mappings, name) ? String(mappings[name]) : `\${${name}}`,
  );
  return { text: replaced, hasVariables };
}

/**
 * Drafts a declaration from the tenant that auth0-deploy-cli exports.
 * @param hasVariables whether markers in it were replaced by variables
 */
export function importAuth0(exported: unknown, options: ImportOptions, hasVariables = false): Draft {
  const tenant = objectOf(exported);
  const draft = new Drafting(options);
  draft.hasVariables = hasVariables;
  const grants = objectsOf(tenant.clientGrants);
  const systems = new Set<string>();
  const boundBy = new Map<string, Binding>();
  for (const api of objectsOf(tenant.resourceServers)) readApi(draft, api, systems, boundBy);
  for (const { domain } of objectsOf(tenant.customDomains)) {
    if (textOf(domain)) draft.issuer(`https://${domain}/`);
  }
  for (const client of objectsOf(tenant.clients)) readClient(draft, client, grants, { systems, boundBy, tenant });
  for (const { name } of objectsOf(tenant.roles)) {
    draft.note(
      'left_out',
      `role ${textOf(name) ?? '?'}`,
      'It is a role of people. The roles of this service are for machines.',
    );
  }
  const actions = textsOf(
    objectsOf(objectOf(tenant.triggers)['credentials-exchange']).map(({ action_name }) => action_name),
  );
  const hooks = objectsOf(tenant.hooks).filter(({ triggerId }) => triggerId === 'credentials-exchange');
  for (const name of [...actions, ...textsOf(hooks.map((hook) => hook.name))]) {
    draft.note(
      'by_hand',
      `action ${name}`,
      'It can change the tokens of machines. Set `claims` of the clients in place of it.',
    );
  }
  return draft.finish('Auth0', DIFFERENCES);
}

/** How the tokens for an API are bound to a key or a certificate of the client. */
interface Binding {
  readonly mechanism: string;
  /** Whether the API refuses tokens that are not bound. */
  readonly isRequired: boolean;
}

function readApi(draft: Drafting, api: JsonObject, systems: Set<string>, boundBy: Map<string, Binding>): void {
  const identifier = textOf(api.identifier);
  if (identifier === undefined) return;
  const subject = `resource server ${identifier}`;
  if (isTrue(api.is_system) || /\.auth0\.com\/(api\/v2|me|userinfo)\/?$/.test(identifier)) {
    systems.add(identifier);
    draft.note('left_out', subject, 'It is an API of Auth0 itself.');
    return;
  }
  const scopes = objectsOf(api.scopes).flatMap(({ value, description }) => {
    const name = textOf(value);
    return name === undefined ? [] : [{ name, description: textOf(description) }];
  });
  const dialect = textOf(api.token_dialect) ?? 'access_token';
  draft.server(identifier, scopes, {
    name: textOf(api.name),
    lifetime: numberOf(api.token_lifetime),
    signing_alg: textOf(api.signing_alg),
    access_token_typ: dialect.startsWith('rfc9068') ? 'at+jwt' : 'JWT',
  });
  if (dialect.endsWith('_authz')) {
    draft.note(
      'by_hand',
      subject,
      'Its tokens had `permissions`. Let its verifiers read `scope`, or list `permissions` in `accepted_claims` and set it in the `claims` of clients.',
    );
  }
  if (textOf(objectOf(api.token_encryption).format))
    draft.note('by_hand', subject, 'Its tokens were encrypted. Those of this service are signed only.');
  const { mechanism, required, required_for } = objectOf(api.proof_of_possession);
  // No machine is a public client.
  const isRequired = isTrue(required) && required_for !== 'public_clients';
  if (textOf(mechanism)) boundBy.set(identifier, { mechanism: String(mechanism), isRequired });
}

interface Tenant {
  readonly systems: ReadonlySet<string>;
  readonly boundBy: ReadonlyMap<string, Binding>;
  readonly tenant: JsonObject;
}

function readClient(
  draft: Drafting,
  client: JsonObject,
  allGrants: readonly JsonObject[],
  { systems, boundBy, tenant }: Tenant,
): void {
  const name = textOf(client.name);
  if (name === undefined || isTrue(client.global)) return;
  const id = textOf(client.client_id);
  const subject = `client ${name}`;
  const grants = allGrants.filter(
    ({ client_id, subject_type }) => [id, name].includes(String(client_id)) && subject_type !== 'user',
  );
  const types = textsOf(client.grant_types);
  const isMachine = client.app_type === 'non_interactive' || types.includes('client_credentials') || grants.length > 0;
  if (!isMachine) {
    const kind = textOf(client.app_type) ?? 'application without client_credentials';
    draft.note('left_out', subject, `No machine uses it: it is of the type ${kind}.`);
    return;
  }
  if (types.length > 0) draft.grantTypes(subject, types);
  const taken = grants.flatMap((grant) => {
    const audience = textOf(grant.audience);
    if (audience === undefined) return [];
    if (systems.has(audience) || /\.auth0\.com\/api\/v2\/?$/.test(audience)) {
      draft.note('left_out', subject, 'A grant for an API of Auth0 itself.');
      return [];
    }
    const scopes = textsOf(grant.scope);
    const isNew = !draft.hasServer(audience);
    const resource_server = draft.server(
      audience,
      scopes.map((scope) => ({ name: scope })),
    );
    if (isNew && resource_server)
      draft.note(
        'changed',
        `resource server ${audience}`,
        'It is not in the export, and was made of the grants for it.',
      );
    if (grant.organization_usage === 'require') {
      draft.note(
        'by_hand',
        subject,
        'Its tokens were for one of your customers’ organizations, named in the request. Make one client for each.',
      );
    }
    if (!resource_server) return [];
    return [{ resource_server, scopes: isTrue(grant.allow_all_scopes) ? draft.scopesOf(resource_server) : scopes }];
  });
  draft.client({
    id,
    name,
    description: textOf(client.description),
    method: methodOf(draft, subject, client),
    secret: textOf(client.client_secret),
    grants: taken,
    default_resource: textOf(objectOf(tenant.tenant).default_audience),
    metadata: objectOf(client.client_metadata),
    fields: bindingOf(draft, subject, client, taken, boundBy),
  });
}

/** Returns the fields that bind the tokens of a client, if it or an API that it is granted requires that. */
function bindingOf(
  draft: Drafting,
  subject: string,
  client: JsonObject,
  grants: readonly Grant[],
  boundBy: ReadonlyMap<string, Binding>,
): JsonObject {
  const bindings = grants.map(({ resource_server }) => boundBy.get(resource_server));
  const required = bindings.filter((binding) => binding?.isRequired);
  const isOwn = isTrue(client.require_proof_of_possession);
  if (!isOwn && required.length === 0) return {};
  const mechanisms = (required.length > 0 ? required : bindings).map((binding) => binding?.mechanism);
  const usesCertificate = mechanisms.includes('mtls');
  if (!isOwn) {
    const how = usesCertificate ? 'certificate' : 'DPoP key';
    draft.note(
      'changed',
      subject,
      `All of its tokens are bound to its ${how}, because an API that it calls requires it.`,
    );
  }
  if (new Set(mechanisms).size > 1) {
    const text = 'Its APIs bind tokens in different ways, and here all of its tokens are bound to its certificate.';
    if (usesCertificate) draft.note('by_hand', subject, `${text} Make one client for each.`);
  }
  return usesCertificate ? { tls_client_certificate_bound_access_tokens: true } : { dpop_bound_access_tokens: true };
}

function methodOf(draft: Drafting, subject: string, client: JsonObject): string {
  const [method] = Object.keys(objectOf(client.client_authentication_methods));
  if (method !== undefined) return method;
  const plain = textOf(client.token_endpoint_auth_method) ?? 'client_secret_post';
  if (plain !== 'none') return plain;
  draft.note(
    'changed',
    subject,
    'It authenticates by its secret. It was a public client, which cannot have tokens of its own.',
  );
  return 'client_secret_post';
}
