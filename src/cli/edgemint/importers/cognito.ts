import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { type Draft, Drafting, type ImportOptions } from './draft.ts';
import { numberOf, objectOf, objectsOf, textOf, textsOf } from './reading.ts';

const DIFFERENCES = [
  '`aud` is the resource server. Cognito’s access tokens have no `aud`; verifiers that do not check it need no change.',
  '`scope` has the full names, such as `orders-api/orders.read`, as before. `token_use` is `access`.',
  'The issuer is another one: nobody but AWS can keep `https://cognito-idp.….amazonaws.com/…`.',
  'The keys are at `/.well-known/jwks.json` below the issuer, as before.',
];

const SECONDS: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };
const DEFAULT_LIFETIME = 3600;
/** Scopes of Cognito itself. They are for people. */
const OWN_SCOPES = ['openid', 'profile', 'email', 'phone', 'aws.cognito.signin.user.admin'];

/** Drafts a declaration from answers of `aws cognito-idp`: descriptions of clients, and lists of resource servers. */
export function importCognito(values: readonly unknown[], options: ImportOptions): Draft {
  const draft = new Drafting(options);
  const documents = values.flat().filter(isJsonObject);
  for (const { NextToken, ResourceServers } of documents) {
    const list = ResourceServers === undefined ? 'clients' : 'resource servers';
    if (textOf(NextToken))
      draft.note(
        'by_hand',
        `the list of ${list}`,
        'It has more pages. Export them too, and import all files with one command.',
      );
  }
  const servers = documents.flatMap(({ ResourceServers, ResourceServer, Identifier, ...rest }) => [
    ...objectsOf(ResourceServers),
    ...objectsOf([ResourceServer]),
    ...(Identifier === undefined ? [] : [{ Identifier, ...rest }]),
  ]);
  const clients = documents.flatMap(({ UserPoolClients, UserPoolClient, ClientId, ...rest }) => [
    ...objectsOf(UserPoolClients),
    ...objectsOf([UserPoolClient]),
    ...(ClientId === undefined ? [] : [{ ClientId, ...rest }]),
  ]);
  const identifiers = servers.flatMap((server) => readServer(draft, server) ?? []);
  const isDescribed = ({ AllowedOAuthFlows, ClientSecret, CreationDate }: JsonObject) =>
    AllowedOAuthFlows !== undefined || ClientSecret !== undefined || CreationDate !== undefined;
  const described = new Set(clients.filter(isDescribed).map(({ ClientId }) => ClientId));
  for (const client of clients) {
    if (isDescribed(client)) readClient(draft, client, identifiers);
    else if (!described.has(client.ClientId)) {
      const text = 'The list has only its name. Export it with `aws cognito-idp describe-user-pool-client`.';
      draft.note('by_hand', `client ${client.ClientName}`, text);
    }
  }
  return draft.finish('Cognito', DIFFERENCES);
}

function readServer(draft: Drafting, server: JsonObject): string | undefined {
  const identifier = textOf(server.Identifier);
  if (identifier === undefined) return undefined;
  const scopes = objectsOf(server.Scopes).flatMap(({ ScopeName, ScopeDescription }) => {
    const name = textOf(ScopeName);
    return name === undefined ? [] : [{ name: `${identifier}/${name}`, description: textOf(ScopeDescription) }];
  });
  draft.server(identifier, scopes, { name: textOf(server.Name), accepted_claims: ['token_use'] });
  return identifier;
}

function readClient(draft: Drafting, client: JsonObject, identifiers: readonly string[]): void {
  const name = textOf(client.ClientName) ?? String(client.ClientId);
  const subject = `client ${name}`;
  const pool = textOf(client.UserPoolId);
  if (pool !== undefined) draft.issuer(`https://cognito-idp.${pool.split('_')[0]}.amazonaws.com/${pool}`);
  const flows = textsOf(client.AllowedOAuthFlows);
  if (!flows.includes('client_credentials')) {
    draft.note('left_out', subject, 'No machine uses it: it does not have the flow client_credentials.');
    return;
  }
  draft.grantTypes(subject, flows);
  const scopes = textsOf(client.AllowedOAuthScopes);
  const own = scopes.filter((scope) => OWN_SCOPES.includes(scope));
  if (own.length > 0) draft.note('changed', subject, `No machine uses its scopes ${own.join(', ')}.`);
  const byServer = new Map<string, string[]>();
  for (const scope of scopes.filter((name) => !OWN_SCOPES.includes(name))) {
    const identifier = serverOf(scope, identifiers);
    if (!draft.hasServer(identifier)) {
      draft.note(
        'changed',
        `resource server ${identifier}`,
        'It is not in the export, and was made of the scopes of clients.',
      );
    }
    const server = draft.server(identifier, [{ name: scope }], { accepted_claims: ['token_use'] });
    if (server !== undefined) byServer.set(server, [...(byServer.get(server) ?? []), scope]);
  }
  const grants = [...byServer].map(([resource_server, names]) => ({ resource_server, scopes: names }));
  if (grants.length > 1) {
    const text =
      'It has scopes of several resource servers. A token is for one: let the machine name it in `audience`, and request a token for each.';
    draft.note('by_hand', subject, text);
  }
  const unit = textOf(objectOf(client.TokenValidityUnits).AccessToken) ?? 'hours';
  const validity = numberOf(client.AccessTokenValidity);
  draft.client({
    id: textOf(client.ClientId),
    name,
    method: 'client_secret_basic',
    secret: textOf(client.ClientSecret),
    grants,
    default_resource: grants[0]?.resource_server,
    lifetime: validity ? validity * (SECONDS[unit] ?? 3600) : DEFAULT_LIFETIME,
    claims: { token_use: 'access' },
  });
}

/** Returns the resource server of a scope: the longest known one that begins it, else everything before its last slash. */
function serverOf(scope: string, identifiers: readonly string[]): string {
  const known = identifiers.filter((identifier) => scope.startsWith(`${identifier}/`));
  const longest = known.toSorted((a, b) => b.length - a.length)[0];
  return longest ?? (scope.includes('/') ? scope.slice(0, scope.lastIndexOf('/')) : scope);
}
