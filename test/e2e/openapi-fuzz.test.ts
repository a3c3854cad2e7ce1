import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { sized } from '../size.ts';
import { FORMATS } from './fuzz/formats.ts';
import { type Random, randomValues } from './fuzz/random-values.ts';
import { isExpected, type Refusal, refusalsOf } from './fuzz/refusals.ts';
import { type Hint, type Schema, SchemaValues } from './fuzz/schema-values.ts';

// Makes requests from the schemas of the OpenAPI document. What a schema permits must be accepted, except for the kinds of refusal in
// fuzz/refusals.ts; what it forbids must be refused; and every answer must be described. CONTRIBUTING.md says how to run more cases.

const CASES = Number(process.env.EDGEMINT_FUZZ_CASES ?? sized({ small: 3, soak: 60 }));
const SEED = Number(process.env.EDGEMINT_FUZZ_SEED ?? 12);
/** Operations that end what the others need. They come last. */
const LAST = ['reportLeakedSecret', 'rotateSigningKeys', 'resealMasterKeys'];
/** Operations that accept nothing, or nothing that these requests can know. */
const REFUSING = [
  'refuseAuthorization',
  'refusePostedAuthorization',
  'getChange',
  'getDeliveryOfWebhook',
  'redeliverDeliveryOfWebhook',
  // It takes the judgement of a client that has not used a scope for a day.
  'applyLeastPrivilegeOfClient',
  // They take a browser.
  'signInToConsole',
  'getConsoleSession',
  'signOutOfConsole',
  // Its files have hashes in their names.
  'getConsoleAsset',
];

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: Schema }> }>;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

interface Request {
  readonly operation: Operation;
  readonly parameters: readonly (readonly [Parameter, unknown])[];
  readonly type: string | undefined;
  readonly body: unknown;
}

let edgemint: RunningEdgemint;
let document: Document;
let operations: Operation[];
let ajv: Ajv2020;
/** For parameters and forms, in which every value is text. */
let ajvOfText: Ajv2020;
let random: Random;
let values: SchemaValues;

/** What exists, by the name of the field or parameter that refers to it. */
const known = new Map<string, unknown[]>();
/** The ids of resources that may be changed and deleted, by the first segment of their path. */
const disposable = new Map<string, string[]>();
/** Answers that the document does not describe. */
const undescribed: string[] = [];
let counter = 0;

beforeAll(async () => {
  // No webhook reaches its receiver.
  edgemint = await startEdgemint({ network: (_, response) => response.destroy() });
  const text = await (await fetch(`${edgemint.issuer}/openapi.json`)).text();
  // References that say which document they are in, so that each schema can be compiled alone.
  document = JSON.parse(text.replaceAll('"$ref":"#/', '"$ref":"document#/'));
  ajv = new Ajv2020({ strict: false, formats: FORMATS }).addSchema(document, 'document');
  ajvOfText = new Ajv2020({ strict: false, formats: FORMATS, coerceTypes: true }).addSchema(document, 'document');
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method, path })),
  );
  random = randomValues(SEED);
  values = new SchemaValues(
    random,
    (reference) => resolved({ $ref: reference }),
    (schema) => ajv.compile(schema),
  );
  await populate();
});

afterAll(() => edgemint?.stop());

async function manage(path: string, body: object): Promise<Record<string, string>> {
  const headers = { Authorization: `Bearer ${edgemint.rootApiKey}`, 'Content-Type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`${edgemint.issuer}/v1/${path}`, init);
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json() as Promise<Record<string, string>>;
}

/** Creates what the requests refer to. */
async function populate(): Promise<void> {
  const { id: organization_id = '' } = await manage('organizations', { name: 'Fuzzed' });
  const identifier = 'https://fuzzed.example.com';
  const scopes = ['read', 'write'];
  const server = await manage('resource-servers', {
    organization_id,
    identifier,
    name: 'Fuzzed',
    scopes: scopes.map((name) => ({ name })),
  });
  const grants = [{ resource_server: identifier, scopes }];
  const role = await manage('roles', { organization_id, name: 'fuzzed', grants });
  const client = await manage('clients', {
    organization_id,
    client_name: 'fuzzed',
    grants,
    introspects: [identifier],
    may_rotate_secret: true,
    rate_limit: { per_minute: 1_000_000, burst: 1_000_000 },
    requestable_claims: ['tenant'],
  });
  const leaked = await manage('clients', { organization_id, client_name: 'leaked' });
  const { client_id = '', client_secret = '' } = client;
  const granted = await fetch(`${edgemint.issuer}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret }),
  });
  const { access_token } = (await granted.json()) as Record<string, string>;
  const keys = await Promise.all(
    ['ES256', 'EdDSA'].map(async (alg) => exportJWK((await generateKeyPair(alg)).publicKey)),
  );
  for (const [name, found] of Object.entries({
    organization_id: [organization_id],
    resource_server: [identifier, server.id],
    introspects: [identifier, server.id],
    default_resource: [identifier],
    resource: [identifier],
    audience: [identifier],
    roles: ['fuzzed', role.id],
    role: ['fuzzed'],
    scope: ['read', 'read write'],
    claims: ['{"tenant":"a"}'],
    jwks: keys.map((key) => ({ keys: [key] })),
    jwks_uri: ['https://keys.example.com/jwks.json'],
    url: ['https://hooks.example.com/in'],
    issuer: ['https://gitlab.example.com', 'spiffe://example.org'],
    client_id: [client_id],
    client_secret: [client_secret],
    token: [access_token],
    secret: [leaked.client_secret],
    'If-Match': ['*', '"1"', 'W/"1"', '"1", "2"'],
    'If-None-Match': ['*', '"1"'],
  })) {
    known.set(name, found);
  }
}

const isOAuth = ({ path }: Operation) => path.startsWith('/oauth2/');

/** Returns how to find values for the fields and parameters of an operation. */
function hintsFor(operation: Operation): Hint {
  return (name) => {
    const { path } = operation;
    // In a form, `claims` is text and `client_id` is a client's; in the management API they are not.
    const isOfForm = ['claims', 'client_secret', 'scope', 'resource', 'audience'].includes(name);
    if (isOfForm && !isOAuth(operation)) return undefined;
    if (name === 'client_id' && operation.operationId === 'createClient') return undefined;
    if (name === 'scopes') return /roles|clients/.test(path) ? random.pick(['read', 'write']) : undefined;
    if (/^(name|client_name|identifier)$/.test(name) && operation.method === 'post' && random.chance(70)) {
      return name === 'identifier' ? `https://${++counter}.example.com` : `${random.text(1, 9).trim()} ${++counter}`;
    }
    const found = known.get(name);
    return found && random.pick(found as [unknown, ...unknown[]]);
  };
}

/** Returns the id of something that a request may change: what an earlier request created, or something new. */
async function idOf(operation: Operation): Promise<string | undefined> {
  const [, , kind = ''] = operation.path.split('/');
  const ids = disposable.get(kind) ?? [];
  const id = ids.at(-1 - random.below(Math.min(3, ids.length)));
  if (id !== undefined) return id;
  const name = `made ${++counter}`;
  // An organization can have 20 webhooks, and the one of the other requests may be full.
  const organization_id =
    kind === 'webhooks' ? (await manage('organizations', { name })).id : known.get('organization_id')?.[0];
  const bodies: Record<string, object> = {
    organizations: { name },
    'api-keys': { organization_id, name, scopes: ['roles:read'] },
    'resource-servers': { organization_id, name, identifier: `https://made-${counter}.example.com` },
    roles: { organization_id, name },
    clients: { organization_id, client_name: name },
    webhooks: { organization_id, name, url: 'https://hooks.example.com/in', events: ['webhook.tested'] },
  };
  const body = bodies[kind];
  if (!body) return undefined;
  const made = await manage(kind, body);
  const madeId = made.client_id ?? made.id ?? '';
  disposable.set(kind, [madeId]);
  return madeId;
}

async function secretIdOf(clientId: string, { operationId }: Operation): Promise<string | undefined> {
  const headers = { Authorization: `Bearer ${edgemint.rootApiKey}` };
  const secrets = `${edgemint.issuer}/v1/clients/${encodeURIComponent(clientId)}/secrets`;
  // Only a client whose secret was rotated has another one to promote.
  if (operationId === 'promoteSecretOfClient') await fetch(`${secrets}/rotate`, { method: 'POST', headers });
  const response = await fetch(secrets, { headers });
  const { data = [] } = (await response.json()) as { data?: { id: string }[] };
  return data[random.below(data.length)]?.id;
}

/** Fields that are optional for some callers, and that most requests of these callers need. */
const NEEDED = ['organization_id', 'client_id', 'client_secret'];

/** Adds most of what the caller, the root key or a client with a secret, has to send. */
function withNeeded(schema: Schema, body: unknown, operation: Operation): unknown {
  const properties = resolved(schema).properties ?? {};
  const isNeeded = (name: string) => name in properties && (name === 'organization_id' || isOAuth(operation));
  const needed = NEEDED.filter((name) => operation.method === 'post' && isNeeded(name) && random.chance(90));
  const added = { ...(body as object), ...Object.fromEntries(needed.map((name) => [name, known.get(name)?.[0]])) };
  // Assertions are another way to authenticate, and a request has one.
  const others = ['client_assertion', 'client_assertion_type'].filter(() => isOAuth(operation) && random.chance(80));
  return Object.fromEntries(Object.entries(added).filter(([name]) => !others.includes(name)));
}

function resolved(schema: Schema): Schema {
  return schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
}

/** Makes a request that the document permits. */
async function permittedRequest(operation: Operation): Promise<Request> {
  const hint = hintsFor(operation);
  const target = operation.path.includes('{') ? await idOf(operation) : undefined;
  const secretId = operation.path.includes('/secrets/{id}') && target ? await secretIdOf(target, operation) : undefined;
  const parameters: [Parameter, unknown][] = [];
  for (const parameter of operation.parameters ?? []) {
    const isNeeded = parameter.name === 'organization_id' && random.chance(90);
    if (!parameter.required && !isNeeded && random.chance(70)) continue;
    const own = parameter.name === 'id' ? (secretId ?? target) : parameter.name === 'client_id' ? target : undefined;
    const hinted = parameter.in === 'path' && own !== undefined && random.chance(95) ? own : undefined;
    parameters.push([parameter, hinted ?? values.permitted(parameter.schema, hint, parameter.name)]);
  }
  const { content = {}, required = false } = operation.requestBody ?? {};
  const types = Object.keys(content);
  const isSent = types.length > 0 && (required || random.chance(80));
  const type = isSent ? random.pick(types as [string, ...string[]]) : undefined;
  const schema = type && content[type]?.schema;
  return { operation, parameters, type, body: schema && withNeeded(schema, values.permitted(schema, hint), operation) };
}

/** Makes a request that the document forbids in one place; undefined if nothing about the operation can be wrong. */
async function forbiddenRequest(operation: Operation): Promise<Request | undefined> {
  const request = await permittedRequest(operation);
  const schema = request.type && operation.requestBody?.content[request.type]?.schema;
  if (schema && random.chance(75)) {
    const spoilt = values.forbidden(schema, request.body);
    if (!spoilt || (isForm(request) && isPermittedText(schema, sentFields(spoilt.value)))) return undefined;
    // Without an assertion its type is a parameter that has no meaning, and is ignored.
    const { client_assertion, client_assertion_type } = Object(spoilt.value) as Record<string, unknown>;
    if (client_assertion === undefined && client_assertion_type !== undefined) return undefined;
    return { ...request, body: spoilt.value };
  }
  const checked = request.parameters.filter(([parameter]) => parameter.in === 'query');
  const [first, ...rest] = checked;
  if (!first) return undefined;
  const [parameter, value] = random.pick([first, ...rest]);
  const spoilt = values.forbidden(parameter.schema, value);
  // A parameter is text: a value of another type is permitted if its text is.
  if (!spoilt || typeof spoilt.value === 'object' || isPermittedText(parameter.schema, String(spoilt.value)))
    return undefined;
  const parameters = request.parameters.map((entry) =>
    entry[0] === parameter ? ([parameter, spoilt.value] as const) : entry,
  );
  return { ...request, parameters };
}

function isPermittedText(schema: Schema, value: unknown): boolean {
  const validate = textValidators.get(schema) ?? ajvOfText.compile({ type: 'object', properties: { value: schema } });
  textValidators.set(schema, validate);
  return validate({ value });
}

const textValidators = new WeakMap<Schema, ValidateFunction>();

const isForm = ({ type }: Request) => type === 'application/x-www-form-urlencoded';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly sent: string;
}

/** Sends a request, and checks that its answer is described. */
async function send(request: Request): Promise<Answer> {
  const { operation, parameters, type, body } = request;
  const { method, path } = operation;
  const query = new URLSearchParams();
  // Each request has an address of its own: failed attempts are counted by address.
  const headers = new Headers({ 'CF-Connecting-IP': `198.51.${++counter >> 8}.${counter & 255}` });
  let target = path;
  for (const [{ name, in: place }, value] of parameters) {
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(String(value)));
    if (place === 'query') query.append(name, String(value));
    if (place === 'header') headers.set(name, String(value).replace(/[^ -~]/g, 'x'));
  }
  if (path.startsWith('/v1/')) headers.set('Authorization', `Bearer ${edgemint.rootApiKey}`);
  if (type !== undefined) headers.set('Content-Type', type);
  const text = type === undefined ? undefined : isForm(request) ? formOf(body) : JSON.stringify(body);
  const url = `${edgemint.issuer}${target}${query.size > 0 ? `?${query}` : ''}`;
  const response = await fetch(url, {
    method: method.toUpperCase(),
    headers,
    redirect: 'manual',
    ...(text !== undefined && { body: text }),
  });
  const sent = `${method.toUpperCase()} ${target}?${query} ${text?.slice(0, 3000) ?? ''}`;
  const answer = await response.text();
  const fault = faultOf(operation, response, answer);
  if (fault !== undefined) undescribed.push(`${sent}\n${response.status} ${answer.slice(0, 2000)}\n${fault}`);
  const isJson = response.headers.get('Content-Type')?.endsWith('json');
  return { status: response.status, body: isJson ? JSON.parse(answer) : {}, sent };
}

/** Returns what the document does not say about an answer. */
function faultOf({ responses }: Operation, { status, headers }: Response, answer: string): string | undefined {
  const described = responses[status];
  if (!described || status >= 500) return `${status} is not described`;
  const type = headers.get('Content-Type')?.split(';')[0];
  const types = Object.keys(described.content ?? {});
  if (type === undefined ? types.length > 0 : !types.includes(type)) return `The type ${type} is not described.`;
  if (!type?.endsWith('json')) return undefined;
  const validate = ajv.compile(described.content?.[type]?.schema ?? {});
  return validate(JSON.parse(answer)) ? undefined : JSON.stringify(validate.errors);
}

/** Returns the fields of a form as they are read: one without a value counts as omitted. */
function sentFields(body: unknown): object {
  return Object.fromEntries([...new URLSearchParams(formOf(body))].filter(([, value]) => value !== ''));
}

function formOf(body: unknown): string {
  const entries = Object.entries((body ?? {}) as object).map(([name, value]) => [name, String(value)]);
  return new URLSearchParams(entries as [string, string][]).toString();
}

/** Remembers what a request created or deleted. */
function remember({ method, path }: Operation, { status, body, sent }: Answer): void {
  const [, , kind = ''] = path.split('/');
  const id = body.client_id ?? body.id;
  if (status === 201 && path === `/v1/${kind}`) disposable.set(kind, [...(disposable.get(kind) ?? []), String(id)]);
  if (method === 'delete' && path.split('/').length === 4) {
    const left = (disposable.get(kind) ?? []).filter((other) => !sent.includes(encodeURIComponent(other)));
    disposable.set(kind, left);
  }
  // Deleting an organization may delete what it owns.
  if (method === 'delete' && kind === 'organizations') for (const other of disposable.keys()) disposable.set(other, []);
}

test('what the document permits is accepted, what it forbids is refused, and every answer is described', async () => {
  const unexpected = new Map<string, { refusal: Refusal; sent: string; count: number }>();
  const admitted: string[] = [];
  const accepted = new Map<string, number>();
  const ordered = [...operations].sort((one, other) => LAST.indexOf(one.operationId) - LAST.indexOf(other.operationId));
  for (const operation of ordered) {
    accepted.set(operation.operationId, 0);
    const hasInput = operation.parameters?.length || operation.requestBody;
    for (let index = 0; index < (hasInput ? CASES : 1); index++) {
      const answer = await send(await permittedRequest(operation));
      remember(operation, answer);
      if (answer.status < 400) accepted.set(operation.operationId, (accepted.get(operation.operationId) ?? 0) + 1);
      else
        for (const refusal of refusalsOf(operation.operationId, answer.status, answer.body)) {
          if (isExpected(refusal)) continue;
          const { operation: name, status, code, at, detail } = refusal;
          const kind = `${name} ${status} ${code} ${at} ${detail.replace(/\d+/g, '#').slice(0, 60)}`;
          const count = (unexpected.get(kind)?.count ?? 0) + 1;
          unexpected.set(kind, { refusal, sent: answer.sent, count });
        }
      const forbidden = hasInput ? await forbiddenRequest(operation) : undefined;
      if (!forbidden) continue;
      const refused = await send(forbidden);
      remember(operation, refused);
      // Names and descriptions are counted in NFC, in which a text that is too long may be short enough.
      const isComposed = refused.sent === refused.sent.normalize('NFC');
      if (refused.status < 400 && isComposed)
        admitted.push(`${operation.operationId} ${refused.status}: ${refused.sent}`);
    }
  }
  expect(undescribed).toEqual([]);
  expect([...unexpected.values()]).toEqual([]);
  expect(admitted).toEqual([]);
  const counts = [...accepted].filter(([name]) => !REFUSING.includes(name));
  const share = counts.reduce((sum, [, count]) => sum + count, 0) / (counts.length * CASES);
  expect(share).toBeGreaterThan(0.4);
  if (CASES >= 50) expect(counts.filter(([, count]) => count === 0)).toEqual([]);
});
