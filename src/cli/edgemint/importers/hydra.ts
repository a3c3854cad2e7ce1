import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { type Draft, Drafting, type ImportOptions } from './draft.ts';
import { objectOf, objectsOf, textOf, textsOf, wordsOf } from './reading.ts';

const DIFFERENCES = [
  'Access tokens are JWTs. With Hydra’s default strategy they were opaque: verify them, or go on introspecting at `/oauth2/introspect`, with a client’s credentials.',
  'Scopes are in `scope`, as a text with spaces. Verifiers that read the list `scp` must read `scope`.',
  '`aud` is one text instead of a list.',
  'A token request without `scope` gets all scopes of the grant. Hydra gives none: let machines name those that they need.',
  'The token endpoint is `/oauth2/token`, and the keys are at `/.well-known/jwks.json`, as before.',
];

const DEFAULT_AUDIENCE = 'hydra-api';
/** Scopes that are for people. */
const OWN_SCOPES = ['openid', 'offline', 'offline_access', 'profile', 'email', 'address', 'phone'];
const SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** Drafts a declaration from clients as Hydra's API and its command line list them. */
export function importHydra(values: readonly unknown[], options: ImportOptions): Draft {
  const draft = new Drafting(options);
  for (const value of values.flat().filter(isJsonObject)) {
    const items = value.items ?? value.clients;
    if (value.is_last_page === false || textOf(value.next_page_token)) {
      draft.note('by_hand', 'the list', 'It has more pages. Export them too, and import all files with one command.');
    }
    for (const client of items === undefined ? [value] : objectsOf(items)) readClient(draft, client);
  }
  return draft.finish('Hydra', DIFFERENCES);
}

function readClient(draft: Drafting, client: JsonObject): void {
  const id = textOf(client.client_id);
  const name = textOf(client.client_name) ?? id;
  if (name === undefined) return;
  const subject = `client ${name}`;
  const types = textsOf(client.grant_types);
  if (!types.includes('client_credentials')) {
    draft.note('left_out', subject, 'No machine uses it: it does not have the grant type client_credentials.');
    return;
  }
  draft.grantTypes(subject, types);
  const requested = wordsOf(client.scope);
  const scopes = requested.filter((scope) => !OWN_SCOPES.includes(scope));
  const own = requested.filter((scope) => OWN_SCOPES.includes(scope));
  if (own.length > 0) draft.note('changed', subject, `No machine uses its scopes ${own.join(', ')}.`);
  if (scopes.some((scope) => scope.includes('*'))) {
    draft.note(
      'by_hand',
      subject,
      'It has a scope with `*`, which Hydra takes for many. Here it is one name: list the scopes.',
    );
  }
  const audiences = textsOf(client.audience);
  const fallback = draft.audience ?? DEFAULT_AUDIENCE;
  if (audiences.length === 0) {
    draft.note(
      'changed',
      subject,
      `Its tokens are for ${fallback}. It has no audience; import with --audience to choose another.`,
    );
  }
  if (audiences.length > 1) {
    const text =
      'It has several audiences. A token is for one: let the machine name it in `audience`. Each has all of its scopes; remove those that it does not need.';
    draft.note('by_hand', subject, text);
  }
  const grants = (audiences.length === 0 ? [fallback] : audiences).flatMap((audience) => {
    const resource_server = draft.server(
      audience,
      scopes.map((scope) => ({ name: scope })),
    );
    return resource_server === undefined ? [] : [{ resource_server, scopes }];
  });
  const keys = objectsOf(objectOf(client.jwks).keys);
  draft.client({
    id,
    name,
    owner: textOf(client.owner),
    method: textOf(client.token_endpoint_auth_method) ?? 'client_secret_basic',
    secret: textOf(client.client_secret),
    jwks: keys.length > 0 ? { keys } : undefined,
    jwks_uri: textOf(client.jwks_uri),
    grants,
    default_resource: grants[0]?.resource_server,
    lifetime: goDuration(textOf(client.client_credentials_grant_access_token_lifespan)),
    metadata: objectOf(client.metadata),
  });
}

/** Returns the seconds of a duration of Go, such as `1h0m0s`. */
export function goDuration(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g);
  return [...parts].reduce((sum, [, count, unit = '']) => sum + Number(count) * (SECONDS[unit] ?? 0), 0);
}
