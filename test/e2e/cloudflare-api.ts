import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { D1Imports, dump, type KvValue, keyPage, putAll, query } from './cloudflare-stores.ts';

/**
 * A stand-in of Cloudflare's API for the real wrangler: as much of it as a deployment, a backup and a restore need, with an SQLite database
 * for each D1. It refuses what the real one documents: names that are taken, resources that do not exist, a version without what an earlier
 * one fixed.
 */
export interface Cloudflare {
  readonly env: Readonly<Record<string, string>>;
  readonly databases: Map<string, D1>;
  readonly workers: Map<string, DeployedWorker>;
  readonly domains: Map<string, string>;
  /** The KV namespaces by title. */
  readonly namespaces: Map<string, Namespace>;
  readonly imports: D1Imports;
  /** Requests that the stand-in does not know. */
  readonly unknown: string[];
  /** Requests whose method and path contain this text fail with 500. */
  failsAt: string | undefined;
  close(): Promise<void>;
}

export interface D1 {
  readonly uuid: string;
  readonly jurisdiction: string | undefined;
  readonly sqlite: DatabaseSync;
}

export interface Namespace {
  readonly id: string;
  readonly values: Map<string, KvValue>;
}

interface Binding {
  readonly name: string;
  readonly type: string;
  readonly text?: string;
  readonly [member: string]: unknown;
}

export interface Version {
  readonly id: string;
  readonly bindings: readonly Binding[];
}

export interface DeployedWorker {
  readonly versions: Version[];
  /** The id of the version that serves. */
  deployed: string;
  /** Values by name. */
  readonly secrets: Map<string, string>;
  migrationTag: string | undefined;
  crons: readonly string[];
  onWorkersDev: boolean;
}

const ACCOUNT = '0123456789abcdef0123456789abcdef';
const ZONE = 'example.com';
const SUBDOMAIN = 'acme';

/** An answer that was cut off. */
class Hangup extends Error {}

/** A page of a list, and the cursor of the next one. */
class Page {
  readonly result: unknown;
  readonly cursor: string;
  constructor(result: unknown, cursor: string) {
    this.result = result;
    this.cursor = cursor;
  }
}

class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function startCloudflare(): Promise<Cloudflare> {
  const databases = new Map<string, D1>();
  const workers = new Map<string, DeployedWorker>();
  const domains = new Map<string, string>();
  const namespaces = new Map<string, Namespace>();
  const imports = new D1Imports();
  const exports = new Map<string, string>();
  const unknown: string[] = [];
  const state = { failsAt: undefined as string | undefined };

  const worker = (name: string): DeployedWorker => {
    const found = workers.get(name);
    if (!found) throw new Refusal(404, 10007, 'This Worker does not exist on your account.');
    return found;
  };
  const database = (id: string): D1 => {
    const found = databases.get(id) ?? [...databases.values()].find(({ uuid }) => uuid === id);
    if (!found) throw new Refusal(404, 7404, `The database ${id} could not be found`);
    return found;
  };
  const valuesOf = (id: string) => {
    const found = [...namespaces.values()].find((namespace) => namespace.id === id);
    if (!found) throw new Refusal(404, 10013, 'namespace not found');
    return found.values;
  };
  const described = (name: string, { uuid, jurisdiction }: D1) => ({ uuid, name, jurisdiction, version: 'production' });
  const versionOf = ({ id, bindings }: Version, secrets: DeployedWorker['secrets']) => ({
    id,
    number: 1,
    metadata: { created_on: '2026-01-01T00:00:00Z', author_email: 'a@example.com', source: 'wrangler' },
    annotations: {},
    resources: {
      bindings: [...bindings, ...[...secrets.keys()].map((name) => ({ name, type: 'secret_text' }))],
      script: { etag: 'e', handlers: ['fetch'] },
      script_runtime: { compatibility_date: '2026-11-01' },
    },
  });

  function upload(name: string, form: FormData, deploys: boolean): unknown {
    const metadata = JSON.parse(String(form.get('metadata')));
    const old = workers.get(name);
    const kept = [...(old?.secrets ?? [])].map(
      ([secret, text]): Binding => ({ name: secret, type: 'secret_text', text }),
    );
    const held = [...(old?.versions.at(-1)?.bindings ?? []), ...kept];
    const bindings: Binding[] = (metadata.bindings ?? []).map((binding: Binding) =>
      binding.type === 'inherit' ? (held.find((each) => each.name === binding.name) ?? binding) : binding,
    );
    const tag = metadata.migrations?.new_tag;
    if (metadata.migrations?.old_tag !== undefined && metadata.migrations.old_tag !== old?.migrationTag) {
      throw new Refusal(412, 10079, 'The old tag of the migration does not match.');
    }
    for (const binding of bindings) {
      if (binding.type === 'd1') database(String(binding.id ?? binding.database_id));
      if (binding.type === 'kv_namespace' && ![...namespaces.values()].some(({ id }) => id === binding.namespace_id))
        throw new Refusal(400, 10041, `KV namespace ${binding.namespace_id} not found.`);
      if (binding.type === 'inherit') throw new Refusal(400, 10052, `Nothing to inherit ${binding.name} from.`);
      if (binding.type === 'durable_object_namespace' && !tag && !old?.migrationTag)
        throw new Refusal(400, 10061, `The class ${binding.class_name} has no migration.`);
    }
    // The API drops secrets that an upload neither contains nor keeps.
    const keeps: readonly string[] = metadata.keep_bindings ?? [];
    const secrets = new Map(keeps.includes('secret_text') ? old?.secrets : []);
    for (const { type, name: secret, text = '' } of bindings) if (type === 'secret_text') secrets.set(secret, text);
    // A name is a variable or a secret, not both: the later upload decides.
    for (const { type, name: variable } of bindings) if (type === 'plain_text') secrets.delete(variable);
    const id = randomUUID();
    const version = { id, bindings: bindings.filter(({ type }) => type !== 'secret_text') };
    workers.set(name, {
      versions: [...(old?.versions ?? []), version],
      deployed: deploys ? id : (old?.deployed ?? ''),
      secrets,
      migrationTag: tag ?? old?.migrationTag,
      crons: old?.crons ?? [],
      onWorkersDev: old?.onWorkersDev ?? false,
    });
    return {
      ...versionOf(version, secrets),
      id: deploys ? name : id,
      tag: 'worker-tag',
      etag: 'e',
      pipeline_hash: 'p',
      deployment_id: id,
      startup_time_ms: 5,
    };
  }

  const routes: readonly (readonly [string, RegExp, (request: Received, ...parts: string[]) => unknown])[] = [
    ['GET', /^\/d1\/database$/, () => [...databases].map(([name, each]) => described(name, each))],
    [
      'POST',
      /^\/d1\/database$/,
      ({ json }) => {
        const { name = '', jurisdiction } = json as { name?: string; jurisdiction?: string };
        if (databases.has(name)) throw new Refusal(409, 7502, `Database with name "${name}" already exists`);
        const created: D1 = { uuid: randomUUID(), jurisdiction, sqlite: new DatabaseSync(':memory:') };
        databases.set(name, created);
        return described(name, created);
      },
    ],
    [
      'GET',
      /^\/d1\/database\/([^/]+)$/,
      (_, id) => {
        const found = database(id);
        const [name = ''] = [...databases].find(([, each]) => each === found) ?? [];
        return described(name, found);
      },
    ],
    [
      'POST',
      /^\/d1\/database\/([^/]+)\/query$/,
      ({ json }, id) => {
        const queries = (json as { batch?: { sql: string }[] }).batch ?? [json as { sql: string }];
        imports.requireIdle(id);
        return queries.flatMap(({ sql }) => query(database(id).sqlite, sql));
      },
    ],
    [
      'POST',
      /^\/d1\/database\/([^/]+)\/import$/,
      ({ json }, id) => {
        const answer = imports.take(database(id), json as Parameters<D1Imports['take']>[1], `${origin()}/upload`);
        if (answer === undefined) throw new Hangup();
        return answer;
      },
    ],
    [
      'POST',
      /^\/d1\/database\/([^/]+)\/export$/,
      ({ json }, id) => {
        const { dump_options, current_bookmark } = json as {
          dump_options: { tables: string[] };
          current_bookmark?: string;
        };
        const common = { type: 'export', success: true, at_bookmark: 'bookmark', messages: [] };
        if (current_bookmark === undefined) return { ...common, status: 'active', messages: ['Generating the export'] };
        exports.set(id, dump(database(id).sqlite, dump_options.tables));
        const result = { filename: `${id}.sql`, signed_url: `${origin()}/download/${id}` };
        return { ...common, status: 'complete', result };
      },
    ],
    [
      'GET',
      /^\/workers\/scripts\/([^/]+)\/settings$/,
      (_, name) => ({ bindings: worker(name).versions.at(-1)?.bindings ?? [] }),
    ],
    ['PATCH', /^\/workers\/scripts\/([^/]+)\/script-settings$/, ({ json }, name) => worker(name) && json],
    [
      'GET',
      /^\/workers\/workers\/([^/]+)$/,
      (_, name) => ({ id: name, name, subdomain: { enabled: worker(name).onWorkersDev, previews_enabled: false } }),
    ],
    ['GET', /^\/user\/tokens\/verify$/, () => ({ id: 'a-token', status: 'active' })],
    ['GET', /^\/workers\/scripts\/([^/]+)\/secrets$/, (_, name) => listSecrets(worker(name))],
    ['GET', /^\/workers\/services\/([^/]+)$/, (_, name) => describeService(name, worker(name))],
    [
      'GET',
      /^\/workers\/scripts\/([^/]+)\/deployments$/,
      (_, name) => ({
        deployments: [
          {
            id: 'd1',
            source: 'wrangler',
            strategy: 'percentage',
            author_email: 'a@example.com',
            created_on: '2026-01-01T00:00:00Z',
            annotations: {},
            versions: [{ version_id: worker(name).deployed, percentage: 100 }],
          },
        ],
      }),
    ],
    [
      'POST',
      /^\/workers\/scripts\/([^/]+)\/deployments$/,
      ({ json }, name) => {
        const [{ version_id = '' } = {}] = (json as { versions: { version_id: string }[] }).versions;
        const deployed = worker(name);
        if (!deployed.versions.some(({ id }) => id === version_id)) throw new Refusal(404, 10211, 'No such version.');
        deployed.deployed = version_id;
        return { id: 'd2' };
      },
    ],
    [
      'GET',
      /^\/workers\/scripts\/([^/]+)\/versions$/,
      (_, name) => ({
        items: [...worker(name).versions].reverse().map((each) => versionOf(each, worker(name).secrets)),
      }),
    ],
    [
      'GET',
      /^\/workers\/scripts\/([^/]+)\/versions\/([^/]+)$/,
      (_, name, id) => {
        const found = worker(name).versions.find((each) => each.id === id);
        if (!found) throw new Refusal(404, 10211, 'No such version.');
        return versionOf(found, worker(name).secrets);
      },
    ],
    ['GET', /^\/workers\/subdomain$/, () => ({ subdomain: SUBDOMAIN })],
    ['POST', /^\/workers\/scripts\/([^/]+)\/assets-upload-session$/, () => ({ jwt: token(), buckets: [] })],
    ['PUT', /^\/workers\/scripts\/([^/]+)$/, ({ form }, name) => upload(name, form ?? new FormData(), true)],
    [
      'POST',
      /^\/workers\/scripts\/([^/]+)\/versions$/,
      ({ form }, name) => upload(name, form ?? new FormData(), false),
    ],
    [
      'GET',
      /^\/workers\/scripts\/([^/]+)\/subdomain$/,
      (_, name) => ({ enabled: worker(name).onWorkersDev, previews_enabled: false }),
    ],
    [
      'POST',
      /^\/workers\/scripts\/([^/]+)\/subdomain$/,
      ({ json }, name) => {
        const { enabled } = json as { enabled: boolean };
        worker(name).onWorkersDev = enabled;
        return { enabled, previews_enabled: false };
      },
    ],
    [
      'PUT',
      /^\/workers\/scripts\/([^/]+)\/schedules$/,
      ({ json }, name) => {
        worker(name).crons = (json as { cron: string }[]).map(({ cron }) => cron);
        return { schedules: json };
      },
    ],
    [
      'POST',
      /^\/workers\/scripts\/([^/]+)\/domains\/changeset/,
      ({ json }, name) => {
        const hosts = (json as { hostname: string }[]).map(({ hostname }) => hostname);
        const taken = hosts.filter((host) => domains.has(host) && domains.get(host) !== name);
        const conflicting = taken.map((hostname) => ({ hostname, service: domains.get(hostname) }));
        return { added: hosts.map((hostname) => ({ hostname })), removed: [], updated: [], conflicting };
      },
    ],
    [
      'PUT',
      /^\/workers\/scripts\/([^/]+)\/domains\/records$/,
      ({ json }, name) => {
        const { origins = [], override_existing_origin = false } = json as {
          origins?: { hostname: string }[];
          override_existing_origin?: boolean;
        };
        for (const { hostname } of origins) {
          if (!hostname.endsWith(`.${ZONE}`)) throw new Refusal(400, 100114, `Could not find zone for ${hostname}.`);
          const other = domains.get(hostname);
          if (other !== undefined && other !== name && !override_existing_origin)
            throw new Refusal(409, 100116, `${hostname} is already the domain of ${other}.`);
          domains.set(hostname, name);
        }
        return [];
      },
    ],
    [
      'GET',
      /^\/storage\/kv\/namespaces$/,
      // wrangler asks for pages until one is empty.
      ({ parameters }) =>
        Number(parameters.get('page') ?? 1) > 1 ? [] : [...namespaces].map(([title, { id }]) => ({ id, title })),
    ],
    [
      'POST',
      /^\/storage\/kv\/namespaces$/,
      ({ json }) => {
        const { title } = json as { title: string };
        if (namespaces.has(title)) throw new Refusal(409, 10014, 'A namespace with this title already exists.');
        const id = randomUUID().replaceAll('-', '');
        namespaces.set(title, { id, values: new Map() });
        return { id, title };
      },
    ],
    [
      'GET',
      /^\/storage\/kv\/namespaces\/([^/]+)\/keys$/,
      ({ parameters }, id) => {
        const { keys, cursor } = keyPage(valuesOf(id), parameters.get('prefix') ?? '', parameters.get('cursor') ?? '');
        return new Page(keys, cursor);
      },
    ],
    [
      'PUT',
      /^\/storage\/kv\/namespaces\/([^/]+)\/bulk$/,
      ({ json }, id) => {
        const problem = putAll(valuesOf(id), json as Parameters<typeof putAll>[1], Date.now());
        if (problem !== undefined) throw new Refusal(400, 10033, problem);
        return { successful_key_count: (json as unknown[]).length, unsuccessful_keys: [] };
      },
    ],
  ];

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', origin());
    const path = url.pathname.replace('/client/v4', '').replace(`/accounts/${ACCOUNT}`, '');
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    try {
      const received = await receive(request, url.searchParams);
      const line = `${request.method} ${path}`;
      if (state.failsAt !== undefined && line.includes(state.failsAt))
        throw new Refusal(500, 10013, 'An unknown error.');
      // The signed addresses of files.
      const [, kind, name = ''] = /^\/(upload|download)\/([^/]+)$/.exec(path) ?? [];
      if (kind === 'upload') {
        const etag = imports.upload(name, received.body);
        return response.writeHead(200, { ETag: `"${etag}"` }).end();
      }
      if (kind === 'download') return response.end(exports.get(name));
      for (const [method, pattern, handle] of routes) {
        const match = method === request.method ? pattern.exec(path) : null;
        if (!match) continue;
        const handled = handle(received, ...match.slice(1).map(decodeURIComponent));
        const { result, cursor = '' } = handled instanceof Page ? handled : { result: handled };
        const result_info = { page: 1, per_page: 100, count: 1, total_count: 1, total_pages: 1, cursor };
        return answer(200, { success: true, errors: [], messages: [], result, result_info });
      }
      unknown.push(line);
      throw new Refusal(404, 10000, `The stand-in does not know ${line}.`);
    } catch (error) {
      if (error instanceof Hangup) return request.socket.destroy();
      const { status, code } = error instanceof Refusal ? error : { status: 400, code: 7500 };
      const message = error instanceof Error ? error.message : String(error);
      answer(status, { success: false, errors: [{ code, message }], messages: [], result: null });
    }
  });
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: {
      CLOUDFLARE_API_BASE_URL: `${origin()}/client/v4`,
      CLOUDFLARE_API_TOKEN: 'a-token',
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    },
    databases,
    workers,
    domains,
    namespaces,
    imports,
    unknown,
    get failsAt() {
      return state.failsAt;
    },
    set failsAt(text) {
      state.failsAt = text;
    },
    close: () => closed(server),
  };
}

interface Received {
  readonly json: unknown;
  readonly form: FormData | undefined;
  readonly body: Buffer;
  readonly parameters: URLSearchParams;
}

async function receive(request: IncomingMessage, parameters: URLSearchParams): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('multipart/form-data'))
    return {
      parameters,
      body,
      json: undefined,
      form: await new Response(body, { headers: { 'Content-Type': type } }).formData(),
    };
  return {
    parameters,
    body,
    json: body.length > 0 && type.startsWith('application/json') ? JSON.parse(body.toString()) : undefined,
    form: undefined,
  };
}

function listSecrets({ secrets }: DeployedWorker): object[] {
  return [...secrets.keys()].map((name) => ({ name, type: 'secret_text' }));
}

function describeService(name: string, { migrationTag }: DeployedWorker): object {
  const script = { id: name, tag: 'worker-tag', tags: [], migration_tag: migrationTag, last_deployed_from: 'wrangler' };
  return { id: name, default_environment: { environment: 'production', script } };
}

// wrangler reads the expiry of the token of an upload.
function token(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp: 4_102_444_800 })}.${createHash('sha256').digest('base64url')}`;
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
