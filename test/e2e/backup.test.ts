import { spawn } from 'node:child_process';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, exportJWK, jwtVerify, SignJWT } from 'jose';
import { generateKeyPair } from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { KNOWN_MIGRATIONS } from '../../src/cli/edgemint/backup/migrations.ts';
import {
  HISTORY_TABLES,
  LEFT_OUT_TABLES,
  RECORD_TABLES,
  SEALED_COLUMNS,
} from '../../src/cli/edgemint/backup/tables.ts';
import { TAG_LENGTH, TAG_MAC_BYTES } from '../../src/credentials/constants.ts';
import { deriveMasterKeys, type MasterKeys } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { unseal } from '../../src/keys/sealing.ts';
import { base62, toBigInt } from '../../src/lib/base62.ts';
import { readMasterKeys } from '../../src/platform/config.ts';
import { type Certificate, certificates, jwkOf, tlsOf } from '../certificates.ts';
import { CHECKOUT, ROOT_API_KEY, type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';
import { newKey } from '../interop/keys.ts';
import { type Cloudflare, startCloudflare } from './cloudflare-api.ts';

// Two instances with one issuer, which run one after the other: the old one is backed up, and an empty one is restored from the backup. The
// commands run as processes, with the real wrangler, on the stores of the local runtime.

const FIRST_KEY = 'Zmlyc3QtbWFzdGVyLWtleS13aXRoLTMyLWJ5dGVzLS0';
const OLD_KEY = 'b2xkLW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1vbGQ';
const NEW_KEY = 'bmV3LW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1uZXc';
const PASSPHRASE = 'correct horse battery staple';
const ORDERS = 'https://api.example.com/orders';
const CROWD = 1000;
const BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const WORKLOADS = 'https://workloads.example';

const MAIN = join(CHECKOUT, 'src/cli/edgemint/main.ts');

type Body = Record<string, unknown>;
type Made = { id: string; client_id: string; client_secret: string; api_key: string };
type Form = Record<string, string>;

let root: string;
let issuer: string;
let workloadKey: CryptoKeyPair;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgemint-backup-'));
  issuer = `http://127.0.0.1:${await freePort()}`;
  workloadKey = await generateKeyPair('ES256', { extractable: true });
});

afterAll(() => rm(root, { recursive: true, force: true }));

/** The folder of an instance: as much of a checkout as the command needs, with its stores and keys. */
class Place {
  readonly directory: string;
  readonly masterKey: string;

  private constructor(directory: string, masterKey: string) {
    this.directory = directory;
    this.masterKey = masterKey;
  }

  static async make(name: string, masterKey: string): Promise<Place> {
    const place = new Place(join(root, name), masterKey);
    await mkdir(place.directory);
    for (const shared of ['migrations', 'node_modules', 'wrangler.toml', 'src']) {
      await symlink(join(CHECKOUT, shared), join(place.directory, shared));
    }
    await writeFile(join(place.directory, '.dev.vars'), `MASTER_KEY=${masterKey}\nROOT_API_KEY=${ROOT_API_KEY}\n`);
    await place.migrate();
    return place;
  }

  async migrate(): Promise<void> {
    const migrated = await this.run('wrangler', ['d1', 'migrations', 'apply', 'DB', '--local']);
    expect(migrated.code, migrated.stderr).toBe(0);
  }

  edgemint(...args: string[]) {
    return this.run('node', [MAIN, ...args]);
  }

  run(command: string, args: readonly string[], env?: Record<string, string>) {
    return this.start(command, args, env).ended;
  }

  /** Runs a command, and sends it ctrl-C, twice, when it has come to a point. */
  async interrupt(args: readonly string[], isReached: () => boolean) {
    const { child, ended } = this.start('node', [MAIN, ...args]);
    await vi.waitFor(() => expect(isReached()).toBe(true), { timeout: 30_000, interval: 5 });
    child.kill('SIGINT');
    // Soon, because one that meets the end of the process ends it with another code.
    setTimeout(() => child.kill('SIGINT'), 5);
    return ended;
  }

  start(command: string, args: readonly string[], env: Record<string, string> = { EDGEMINT_PASSPHRASE: PASSPHRASE }) {
    const PATH = `${join(CHECKOUT, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
    const child = spawn(command, args, {
      cwd: this.directory,
      env: { ...process.env, ...env, PATH, TMPDIR: root, WRANGLER_SEND_METRICS: 'false' },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (text) => {
      output.stdout += text;
    });
    child.stderr.on('data', (text) => {
      output.stderr += text;
    });
    child.stdin.end();
    const ended = new Promise<{ code: number | null } & typeof output>((resolve) =>
      child.once('close', (code) => resolve({ code, ...output })),
    );
    return { child, ended };
  }

  /** Copies the database to a file. The instance must not be served. */
  copy(name: string): DatabaseSync {
    const file = join(root, `${name}.sqlite`);
    this.query(`VACUUM INTO '${file}'`);
    return new DatabaseSync(file);
  }

  /** Runs a query, or several statements, on the file of the database: much faster than with wrangler. The instance must not be served. */
  query(sql: string): Record<string, unknown>[] {
    for (const file of globSync('.wrangler/state/v3/d1/**/*.sqlite', { cwd: this.directory })) {
      const database = new DatabaseSync(join(this.directory, file));
      try {
        if (!database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'clients'").get()) continue;
        if (/^SELECT/.test(sql)) return database.prepare(sql).all();
        database.exec(sql);
        return [];
      } finally {
        database.close();
      }
    }
    throw new Error('There is no database.');
  }

  /** Serves the instance while a function runs. */
  async serve<T>(act: (edgemint: RunningEdgemint) => Promise<T>, masterKey = this.masterKey): Promise<T> {
    const directory = join(this.directory, '.wrangler/state/v3');
    const edgemint = await startEdgemint({ issuer, directory, masterKey, network });
    try {
      return await act(edgemint);
    } finally {
      await edgemint.stop();
    }
  }
}

/** The issuer of the workloads. */
async function network({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const jwk = { ...(await exportJWK(workloadKey.publicKey)), kid: 'workload', alg: 'ES256' };
  const body = url.endsWith('/jwks') ? { keys: [jwk] } : { issuer: WORKLOADS, jwks_uri: `${WORKLOADS}/jwks` };
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
}

async function manage<T = Made>(method: string, path: string, body?: Body, key = ROOT_API_KEY): Promise<T> {
  const response = await fetch(`${issuer}/v1/${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** What a machine keeps: how it asks for a token. */
type Machine = (edgemint: RunningEdgemint) => Promise<{ status: number; token: string; text: string }>;

async function ask(form: Form, headers: Form = {}, cf?: object, edgemint?: RunningEdgemint) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString();
  const init = { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers }, body };
  const url = `${issuer}/oauth2/token`;
  const response = cf ? await edgemint?.dispatch(url, { ...init, cf: cf as never }) : await fetch(url, init);
  const text = (await response?.text()) ?? '';
  return { status: response?.status ?? 0, token: String(JSON.parse(text).access_token), text };
}

const basic = (id: string, secret: string) => ({
  Authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`,
});
const bySecret =
  (client: Pick<Made, 'client_id' | 'client_secret'>): Machine =>
  async () =>
    ask({}, basic(client.client_id, client.client_secret));

async function introspect(token: string, { client_id, client_secret }: Pick<Made, 'client_id' | 'client_secret'>) {
  const response = await fetch(`${issuer}/oauth2/introspect`, {
    method: 'POST',
    headers: basic(client_id, client_secret),
    body: new URLSearchParams({ token }),
  });
  return (await response.json()) as { active: boolean; client_id?: string };
}

const hmac = async (key: CryptoKey, text: string) =>
  Buffer.from(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text)));

/** Copies a client's rows, with ids and secrets of their own. */
async function multiply(edgemint: RunningEdgemint, template: string, masterKeys: MasterKeys) {
  const db = await edgemint.database();
  const made = await Promise.all(
    Array.from({ length: CROWD }, async (_, index) => {
      const client_secret = generateSecret('ems_');
      const [{ id, secretHash, clientIdTag }] = masterKeys;
      const untagged = `emc_${String(index).padStart(22, '0')}`;
      const tag = toBigInt((await hmac(clientIdTag, untagged)).subarray(0, TAG_MAC_BYTES)) % 62n ** BigInt(TAG_LENGTH);
      const client_id = untagged + base62(tag, TAG_LENGTH);
      const hash = `${id}.${(await hmac(secretHash, client_secret)).toString('base64url')}`;
      return { client_id, client_secret, hash, name: `crowd; it's "${index}"` };
    }),
  );
  for (const [table, changed] of Object.entries({
    clients: { client_id: '$.client_id', client_name: '$.name', folded_name: '$.name', description: '$.name' },
    client_secrets: { client_id: '$.client_id', hash: '$.hash', id: '$.client_id' },
    client_grants: { client_id: '$.client_id' },
    client_grant_scopes: { client_id: '$.client_id' },
  })) {
    const sql = `SELECT name FROM pragma_table_info('${table}')`;
    const { results } = await db.prepare(sql).all<{ name: string }>();
    const values = results.map(({ name }) =>
      name in changed ? `made.value ->> '${changed[name as keyof typeof changed]}'` : `${table}.${name}`,
    );
    await db
      .prepare(`INSERT INTO ${table} SELECT ${values} FROM ${table}, json_each(?) AS made WHERE client_id = ?`)
      .bind(JSON.stringify(made), template)
      .run();
  }
  return made;
}

interface Old {
  readonly machines: Readonly<Record<string, Machine>>;
  readonly refused: Readonly<Record<string, Machine>>;
  readonly crowd: readonly { client_id: string; client_secret: string }[];
  readonly api: Made;
  readonly apiKey: Made;
  readonly webhook: string;
  /** Tokens of the old instance, by what should become of them. */
  readonly active: readonly string[];
  readonly revoked: readonly string[];
  /** Of a signing key that was revoked. */
  readonly forged: string;
  readonly kids: readonly string[];
}

/** Fills the instance that is backed up. */
async function fill(place: Place): Promise<Old> {
  // Under the first master key, of which only the hashes remain later.
  const before = await place.serve(async (edgemint) => {
    const { id: organization_id } = await manage('POST', 'organizations', { name: 'Acme; "it\'s"' });
    const scopes = [{ name: 'read', description: 'a\\nb' }, { name: 'write' }];
    await manage('POST', 'resource-servers', { organization_id, identifier: ORDERS, name: 'Orders', scopes });
    const grants = [{ resource_server: ORDERS, scopes: ['read'] }];
    const early = await manage('POST', 'clients', { organization_id, client_name: 'early', grants });
    const { token: forged } = await bySecret(early)(edgemint);
    const { kid } = decodeProtectedHeader(forged);
    // As if every key had been published long ago.
    const db = await edgemint.database();
    await db.exec('UPDATE signing_keys SET created_at = created_at - 86400000, signs_from = signs_from - 86400000');
    await manage('POST', 'signing-keys/rotate', { emergency: true, kid });
    await db.exec('UPDATE signing_keys SET created_at = created_at - 86400000, signs_from = signs_from - 86400000');
    return { organization_id, early, forged, grants };
  }, FIRST_KEY);

  const { organization_id, early, forged, grants } = before;
  return place.serve(async (edgemint) => {
    const create = (client_name: string, fields: Body = {}) =>
      manage('POST', 'clients', { organization_id, client_name, grants, ...fields });
    const machines: Record<string, Machine> = { 'a secret under an earlier master key': bySecret(early) };

    const rotated = await create('rotated');
    const next = await manage('POST', `clients/${rotated.client_id}/secrets/rotate`, {});
    machines['a primary secret'] = bySecret({ ...rotated, client_secret: next.client_secret });
    machines['a secondary secret'] = bySecret(rotated);
    const imported = { client_id: 'imported/orders', client_secret: 'an-imported-secret-that-is-long-enough-1234' };
    await create('imported', imported);
    machines['an imported id and secret'] = bySecret(imported);

    const { privateKey, registration } = await newKey('ES256');
    const keyed = await create('keyed', registration);
    const assertion = (key: CryptoKey, kid: string, claims: Body) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid })
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(key);
    machines['a key'] = async () => {
      const claims = { iss: keyed.client_id, sub: keyed.client_id, aud: issuer };
      const client_assertion = await assertion(privateKey.key, privateKey.kid, claims);
      return ask({ client_assertion_type: BEARER, client_assertion });
    };
    const federated = await create('federated', {
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: [{ issuer: WORKLOADS, audience: issuer, subject: 'job' }],
    });
    machines['a workload'] = async () => {
      const claims = { iss: WORKLOADS, sub: 'job', aud: issuer };
      const client_assertion = await assertion(workloadKey.privateKey, 'workload', claims);
      return ask({ client_id: federated.client_id, client_assertion_type: BEARER, client_assertion });
    };
    const { named, own } = certificates;
    const over =
      (certificate: Certificate, { client_id }: Made, certVerified: string): Machine =>
      async (running) =>
        ask({ client_id }, {}, { tlsClientAuth: tlsOf(certificate, { certVerified }) }, running);
    const issued = await create('issued', {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_uri: 'spiffe://example.com/worker',
    });
    machines['a certificate of an authority'] = over(named, issued, 'SUCCESS');
    const signed = await create('self-signed', {
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [await jwkOf(own)] },
    });
    machines['a self-signed certificate'] = over(own, signed, 'FAILED:self signed certificate');

    const [disabled, leaked] = [await create('disabled'), await create('leaked')];
    const api = await create('api', { introspects: [ORDERS] });
    const [one, all] = [await create('one token revoked'), await create('all tokens revoked')];
    const tokenOf = async (client: Made) => (await bySecret(client)(edgemint)).token;
    const [active, single, cut, off] = [
      await tokenOf(early),
      await tokenOf(one),
      await tokenOf(all),
      await tokenOf(disabled),
    ];
    await manage('POST', 'tokens/revoke', { token: single });
    await manage('POST', `clients/${all.client_id}/revoke-tokens`, {});
    await manage('PATCH', `clients/${disabled.client_id}`, { status: 'disabled' });
    await fetch(`${issuer}/v1/leaked-secrets`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ secret: leaked.client_secret }),
    });
    const apiKey = await manage('POST', 'api-keys', {
      organization_id,
      name: 'admin',
      scopes: ['clients:read'],
    });
    const webhook = await manage<{ id: string }>('POST', 'webhooks', {
      organization_id,
      name: 'hook',
      url: 'https://hooks.example/edgemint',
    });
    await manage('POST', `webhooks/${webhook.id}/test`, {});
    const masterKeys = await deriveMasterKeys(readMasterKeys(place.masterKey));
    const crowd = await multiply(edgemint, early.client_id, masterKeys);
    await edgemint.runScheduled();
    const db = await edgemint.database();
    await vi.waitFor(
      async () =>
        expect(await db.prepare('SELECT count(*) FROM live_revocations').first('count(*)')).toBeGreaterThan(2),
      { timeout: 20_000 },
    );
    const kids = await db.prepare('SELECT kid FROM signing_keys ORDER BY kid').raw<[string]>();
    const refused = { 'a disabled client': bySecret(disabled), 'a leaked secret': bySecret(leaked) };
    const shared = { machines, refused, crowd, api, apiKey, webhook: webhook.id, forged };
    return { ...shared, active: [active], revoked: [single, cut, off], kids: kids.map(([kid]) => kid) };
  });
}

/** Whether a process of this test has an argument that contains a text. */
function isRunning(text: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => commandLine(pid).includes(root) && commandLine(pid).includes(text));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has ended since.
  }
}

/** Returns the names of temporary folders with the plain content of a backup. */
const temporaryFolders = () => readdirSync(root).filter((name) => /^edgemint-\w{6}$/.test(name));

/** Returns a database as an earlier version of Edgemint had it. */
async function olderDatabase(migrations: readonly string[]): Promise<DatabaseSync> {
  const sqlite = new DatabaseSync(':memory:');
  sqlite.exec('CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)');
  for (const name of migrations) {
    sqlite.exec(await readFile(join(CHECKOUT, 'migrations', name), 'utf8'));
    sqlite.prepare('INSERT INTO d1_migrations (name) VALUES (?)').run(name);
  }
  return sqlite;
}

/** Returns the rows of a table, with what the master key of an instance sealed in the open. */
async function openRows(sqlite: DatabaseSync, table: string, masterKey: string): Promise<string[]> {
  const keys = await deriveMasterKeys(readMasterKeys(masterKey));
  const sealed = SEALED_COLUMNS[table];
  const rows = sqlite.prepare(`SELECT * FROM ${table}`).all();
  const opened = rows.map(async ({ sealed_under, restored_cut_off, ...row }) =>
    JSON.stringify(
      sealed ? { ...row, [sealed.column]: await unseal(String(row[sealed.column]), sealed.purpose, keys) } : row,
    ),
  );
  return (await Promise.all(opened)).sort();
}

describe('the record of 1,000 clients, restored to an empty instance with another master key', () => {
  let old: Place;
  let fresh: Place;
  let record: Old;
  let cloudflare: Cloudflare;
  const file = () => join(root, 'edgemint.backup');

  const countClients = () => fresh.query('SELECT count(*) AS clients FROM clients')[0]?.clients;

  beforeAll(async () => {
    old = await Place.make('old', `${OLD_KEY},${FIRST_KEY}`);
    fresh = await Place.make('fresh', NEW_KEY);
    cloudflare = await startCloudflare();
    for (const name of ['edgemint-staging', 'edgemint-other']) addDatabase(name, fresh.copy(name));
    record = await fill(old);
    addDatabase('edgemint', old.copy('edgemint'));
    for (const name of ['edgemint', 'edgemint-staging', 'edgemint-other'])
      cloudflare.namespaces.set(`${name}-kv`, { id: `kv-of-${name}`, values: new Map() });
  });

  afterAll(() => cloudflare.close());

  function addDatabase(name: string, sqlite: DatabaseSync) {
    cloudflare.databases.set(name, { uuid: `uuid-of-${name}`, jurisdiction: undefined, sqlite });
  }

  function database(name: string): DatabaseSync {
    const found = cloudflare.databases.get(name);
    if (!found) throw new Error(`There is no database ${name}.`);
    return found.sqlite;
  }

  /** Runs a command on what was deployed, with the keys of a place. */
  function remotely(place: Place, ...args: string[]) {
    const home = { HOME: root, XDG_CONFIG_HOME: root };
    return place.run('node', [MAIN, ...args], { EDGEMINT_PASSPHRASE: PASSPHRASE, ...cloudflare.env, ...home });
  }

  test('a backup says what it holds, and what only gates know', async () => {
    const made = await old.edgemint('backup', file(), '--local');
    expect(made.stderr).toContain('Only gates know');
    expect(made.stdout).toMatch(/^Wrote \S+: 1 organization, 1012 clients, 1 resource server/);
    expect(made.code).toBe(0);
    const again = await old.edgemint('backup', file(), '--local');
    expect([again.code, again.stderr]).toEqual([
      1,
      `${file()} exists already. Choose another name, or remove it first.\n`,
    ]);
    const checked = await old.edgemint('restore', file(), '--check', '--json');
    expect(JSON.parse(checked.stdout)).toMatchObject({ worker: null, rows: { clients: CROWD + 12, webhooks: 1 } });
  });

  test('a wrong passphrase, a wrong master key, and a damaged or cut file change nothing', async () => {
    const bytes = await readFile(file());
    const damaged = join(root, 'damaged.backup');
    await writeFile(damaged, Buffer.concat([bytes.subarray(0, 5000), Buffer.from('x'), bytes.subarray(5001)]));
    const cut = join(root, 'cut.backup');
    await writeFile(cut, bytes.subarray(0, -1000));
    const args = (name: string) => [MAIN, 'restore', name, '--local', '--yes'];
    const wrong = await fresh.run('node', args(file()), { EDGEMINT_PASSPHRASE: 'something else' });
    expect(wrong.stderr).toBe(`The passphrase is not that of ${file()}, or the first bytes of the file are damaged.\n`);
    for (const name of [damaged, cut]) {
      const { code, stderr } = await fresh.edgemint('restore', name, '--local', '--yes');
      expect(stderr).toMatch(/^\S+ is (damaged, or )?incomplete: .*\n$/);
      expect(code).toBe(1);
    }
    const others = await old.edgemint(
      'backup',
      join(root, 'no.backup'),
      '--local',
      '--keys-file',
      join(fresh.directory, '.dev.vars'),
    );
    expect(others.stderr).toMatch(/^The MASTER_KEY in \S+ is not that of this instance/);
    expect(await readdir(root)).not.toContain('no.backup');
    expect(countClients()).toBe(0);
  });

  test('ctrl-C ends a backup at any time, and leaves no file behind', async () => {
    const target = join(root, 'interrupted.backup');
    const dumps = () => temporaryFolders().some((name) => readdirSync(join(root, name)).includes('dump.sql'));
    const drafts = () => readdirSync(root).some((name) => name.startsWith('interrupted.backup.'));
    for (const isReached of [dumps, drafts]) {
      const { code, stdout, stderr } = await old.interrupt(['backup', target, '--local'], isReached);
      expect([code, stdout, stderr]).toEqual([130, '', 'Interrupted. Nothing was written.\n']);
      expect(readdirSync(root).filter((name) => name.startsWith('interrupted'))).toEqual([]);
      expect(temporaryFolders()).toEqual([]);
    }
  });

  test('ctrl-C in the middle of a restore says that it may be carried out, and the restore can be repeated', async () => {
    const args = ['restore', file(), '--local', '--yes'];
    const { code, stdout, stderr } = await fresh.interrupt(args, () => isRunning('restore.sql'));
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toContain(
      'Interrupted while wrangler wrote to the local database. The restore may still be carried',
    );
    expect(temporaryFolders()).toEqual([]);
    expect(isRunning('restore.sql')).toBe(false);
    expect(countClients()).toBe(0);
  });

  test('a restore that fails half-way leaves the instance empty, and is repeated', async () => {
    // A row that is in the way of one of the last statements.
    fresh.query(
      `CREATE UNIQUE INDEX in_the_way ON audit_events (actor) WHERE actor = 'service:restore';
      INSERT INTO audit_events (id, at, actor, action, target, changes) VALUES ('evt_x', 1, 'service:restore', 'x', '', '{}');`,
    );
    const failed = await fresh.edgemint('restore', file(), '--local', '--yes');
    expect(failed.stderr).toContain('wrangler could not write to the local database, which is empty as before.');
    expect(failed.code).toBe(1);
    expect(countClients()).toBe(0);
    fresh.query("DELETE FROM audit_events WHERE id = 'evt_x'");
    // An older instance, which must not take a newer backup.
    fresh.query("UPDATE d1_migrations SET name = 'x' || name WHERE id = (SELECT max(id) FROM d1_migrations)");
    const newer = await fresh.edgemint('restore', file(), '--local', '--yes');
    expect(newer.stderr).toMatch(/^The backup is of a newer Edgemint: the local database lacks \d{4}_\w+\.sql/);
    fresh.query('UPDATE d1_migrations SET name = substr(name, 2) WHERE id = (SELECT max(id) FROM d1_migrations)');
    const restored = await fresh.edgemint('restore', file(), '--local', '--yes');
    expect(restored.stderr).toContain('Tokens of the old instance verify');
    expect(restored.stdout).toMatch(/^Restored 1 organization, 1012 clients/);
    expect(restored.code).toBe(0);
    const second = await fresh.edgemint('restore', file(), '--local', '--yes');
    expect(second.stderr).toMatch(/^The local database holds this backup already: it was restored at /);
    expect(temporaryFolders()).toEqual([]);
  });

  test('every credential works, what was revoked stays revoked, and tokens of the old instance verify', async () => {
    await fresh.serve(async (edgemint) => {
      const jwks = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
      const verify = (token: string) => jwtVerify(token, jwks, { issuer, audience: ORDERS });
      for (const [kind, machine] of Object.entries(record.machines)) {
        const { status, token, text } = await machine(edgemint);
        expect(status, `${kind}: ${text}`).toBe(200);
        expect((await verify(token)).payload.iss, kind).toBe(issuer);
        expect(await introspect(token, record.api), kind).toMatchObject({ active: true });
      }
      for (const [kind, machine] of Object.entries(record.refused))
        expect((await machine(edgemint)).status, kind).toBe(401);
      for (let begin = 0; begin < CROWD; begin += 50) {
        const answers = await Promise.all(
          record.crowd.slice(begin, begin + 50).map((each) => bySecret(each)(edgemint)),
        );
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      }

      for (const token of record.active) {
        await verify(token);
        expect(await introspect(token, record.api)).toMatchObject({ active: true });
      }
      for (const token of record.revoked) {
        await verify(token);
        expect(await introspect(token, record.api)).toEqual({ active: false });
      }
      await expect(verify(record.forged)).rejects.toThrow();
      expect(await introspect(record.forged, record.api)).toEqual({ active: false });
      const keys = await (await fetch(`${issuer}/.well-known/jwks.json`)).json();
      expect((keys as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).sort()).toEqual(record.kids);

      const db = await edgemint.database();
      expect(await db.prepare('PRAGMA foreign_key_check').all()).toMatchObject({ results: [] });
      const listed = await manage<{ data: unknown[] }>('GET', 'clients?limit=100', undefined, record.apiKey.api_key);
      expect(listed.data).toHaveLength(100);
      await edgemint.runScheduled();
      // Its secret signs, so it could be unsealed.
      await manage('POST', `webhooks/${record.webhook}/test`, {});
      const { data } = await manage<{ data: { id: string; status: string }[] }>('GET', 'master-keys');
      expect(data.map(({ status }) => status)).toEqual(['current', 'retired', 'retired']);
      const events = await manage<{ data: { actor: string }[] }>('GET', 'audit-events?action=instance.restored');
      expect(events.data).toMatchObject([{ actor: 'service:restore' }]);
    });
  });

  test('edge introspection and the revocation feed know the revocations of the old instance', async () => {
    const kv = await fresh.run('wrangler', ['kv', 'key', 'list', '--binding', 'KV', '--local']);
    const names = (JSON.parse(kv.stdout) as { name: string }[]).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('revoked:'))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith('client:'))).toHaveLength(2);
    await fresh.serve(async () => {
      const feed = await fetch(`${issuer}/oauth2/revocations?audience=${encodeURIComponent(ORDERS)}`);
      const { tokens, clients } = decodeJwt<{ tokens: unknown[]; clients: unknown[] }>(await feed.text());
      expect([tokens.length, clients.length]).toEqual([1, 2]);
    });
  });

  test('gates follow a database that was taken back, after gates resync', async () => {
    const client = record.crowd[0];
    if (!client) throw new Error('There is no crowd.');
    await fresh.serve(async (edgemint) => {
      expect((await bySecret(client)(edgemint)).status).toBe(200);
      const db = await edgemint.database();
      // As a restore to a time before the client was enabled would leave it.
      await db.exec(`UPDATE clients SET status = 'disabled' WHERE client_id = '${client.client_id}'`);
      await edgemint.runScheduled();
      expect((await bySecret(client)(edgemint)).status).toBe(200);
    });
    const resynced = await fresh.edgemint('gates', 'resync', '--local', '--yes', '--keep-tokens');
    expect(resynced.stdout).toMatch(/^\d{4} gates are brought up to date/);
    await fresh.serve(async (edgemint) => {
      await edgemint.runScheduled();
      expect((await bySecret(client)(edgemint)).status).toBe(401);
      expect(await introspect(record.active[0] ?? '', record.api)).toMatchObject({ active: true });
    });
  });

  test('a lost database that is restored to the same Worker is followed by its gates with --same-gates', async () => {
    const client_id = decodeJwt(record.active[0] ?? '').client_id;
    const early = record.machines['a secret under an earlier master key'];
    if (!early) throw new Error('There is no such machine.');
    await old.serve(async (edgemint) => {
      expect((await early(edgemint)).status).toBe(200);
      await manage('PATCH', `clients/${client_id}`, { status: 'disabled' });
      expect((await early(edgemint)).status).toBe(401);
    });
    await rm(join(old.directory, '.wrangler/state/v3/d1'), { recursive: true });
    await old.migrate();
    const restored = await old.edgemint('restore', file(), '--local', '--yes', '--same-gates');
    expect(restored.code, restored.stderr).toBe(0);
    await old.serve(async (edgemint) => {
      await edgemint.runScheduled();
      expect((await early(edgemint)).status).toBe(200);
      expect(await introspect(record.revoked[0] ?? '', record.api)).toEqual({ active: false });
    });
  });

  describe("through Cloudflare's API:", () => {
    const remote = () => join(root, 'remote.backup');
    const restore = (env: string) =>
      remotely(fresh, 'restore', remote(), '--env', env, '--keys-file', '.dev.vars', '--yes');

    beforeAll(async () => {
      // The Worker of the backup. Its tokens were revoked one by one, and fill several pages of KV.
      const bindings = [
        { name: 'DEPLOYMENT', type: 'plain_text', text: JSON.stringify({ issuer }) },
        { name: 'KV', type: 'kv_namespace', namespace_id: 'kv-of-edgemint' },
      ];
      cloudflare.workers.set('edgemint', {
        versions: [{ id: 'v1', bindings }],
        deployed: 'v1',
        secrets: new Map(),
        migrationTag: 'v1',
        crons: [],
        onWorkersDev: true,
      });
      const listed = await old.run('wrangler', ['kv', 'key', 'list', '--binding', 'KV', '--local']);
      const values = cloudflare.namespaces.get('edgemint-kv')?.values;
      for (const { name, expiration } of JSON.parse(listed.stdout)) values?.set(name, { value: '', expiration });
      const expiration = Math.floor(Date.now() / 1000) + 3600;
      for (const { client_id } of record.crowd.slice(0, 4))
        values?.set(`revoked:${client_id}:a`, { value: '', expiration });
    });

    test('a backup names the Worker, its issuer, and every page of the revoked tokens', async () => {
      const made = await remotely(old, 'backup', remote(), '--keys-file', '.dev.vars', '--json');
      expect(made.code, made.stderr).toBe(0);
      expect(JSON.parse(made.stdout)).toMatchObject({ counts: { clients: CROWD + 12 }, revoked_tokens: 5 });
      const checked = await old.edgemint('restore', remote(), '--check', '--json');
      expect(JSON.parse(checked.stdout)).toMatchObject({ worker: 'edgemint', issuer });
    });

    test('a restore says that the database is empty as before if wrangler or D1 failed', async () => {
      cloudflare.failsAt = '/import';
      const early = await restore('staging');
      cloudflare.failsAt = undefined;
      cloudflare.imports.next = 'fails';
      const late = await restore('staging');
      for (const { code, stderr } of [early, late]) {
        expect(stderr).toContain(
          'wrangler could not write to the database edgemint-staging, which is empty as before. Try again in a minute:',
        );
        expect(code).toBe(1);
      }
      expect(early.stderr).toContain('An unknown error.');
      expect(late.stderr).toContain('D1 DB reset because its code was updated.');
      expect(database('edgemint-staging').prepare('SELECT count(*) AS clients FROM clients').get()).toEqual({
        clients: 0,
      });
    });

    test('what is restored under another master key is the same, row by row', async () => {
      const restored = await restore('staging');
      expect(restored.code, restored.stderr).toBe(0);
      expect(restored.stdout).toMatch(/^Restored 1 organization, 1012 clients/);
      expect(restored.stderr).toContain(`verify if the issuer of this one is ${issuer}`);
      const [before, after] = [database('edgemint'), database('edgemint-staging')];
      const ownTables = ['retired_master_keys', 'audit_events'];
      for (const table of [...RECORD_TABLES, ...HISTORY_TABLES].filter((each) => !ownTables.includes(each))) {
        const rows = await openRows(after, table, NEW_KEY);
        expect(rows, table).toEqual(await openRows(before, table, old.masterKey));
      }
      for (const table of LEFT_OUT_TABLES) expect(after.prepare(`SELECT * FROM ${table}`).all(), table).toEqual([]);
      const retired = await deriveMasterKeys(readMasterKeys(old.masterKey));
      const ids = after.prepare('SELECT id FROM retired_master_keys').all();
      expect(ids.map(({ id }) => id).sort()).toEqual(retired.map(({ id }) => id).sort());
      const events = await openRows(after, 'audit_events', NEW_KEY);
      const known = await openRows(before, 'audit_events', old.masterKey);
      expect(events.filter((event) => !known.includes(event))).toEqual([expect.stringContaining('instance.restored')]);
      expect(events).toHaveLength(known.length + 1);
      expect(after.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
      const cutOff = after.prepare('SELECT client_id FROM clients WHERE restored_cut_off IS NOT NULL').all();
      expect(cutOff).toHaveLength(7);
      const keys = [...(cloudflare.namespaces.get('edgemint-staging-kv')?.values.keys() ?? [])];
      expect(keys.filter((key) => key.startsWith('revoked:'))).toHaveLength(5);
      expect(keys.filter((key) => key.startsWith('client:'))).toHaveLength(2);
    });

    test('a second restore says that the database holds this backup', async () => {
      const second = await restore('staging');
      expect(second.stderr).toMatch(/^The database edgemint-staging holds this backup already: it was restored at /);
      expect(second.code).toBe(1);
    });

    test('a restore waits for D1 if wrangler lost the connection after D1 took the file over', async () => {
      cloudflare.imports.next = 'slow and answer lost';
      const { code, stdout, stderr } = await restore('other');
      expect(stderr).toContain('wrangler failed. Looking at the database edgemint-other…\nThe restore was carried out');
      expect(stdout).toMatch(/^Restored 1 organization, 1012 clients/);
      expect(code).toBe(0);
      expect(database('edgemint-other').prepare('SELECT count(*) AS clients FROM clients').get()).toEqual({
        clients: CROWD + 12,
      });
    });

    test('gates resync owes each gate of the deployment a push', async () => {
      const sqlite = database('edgemint-staging');
      sqlite.exec('INSERT INTO gates (name, client_id) SELECT client_id, client_id FROM clients LIMIT 7');
      const version = () => Number(sqlite.prepare('SELECT value FROM version_sequence').get()?.value);
      const before = version();
      const resynced = await remotely(fresh, 'gates', 'resync', '--env', 'staging', '--yes');
      expect(resynced.stdout, resynced.stderr).toMatch(/^7 gates are brought up to date/);
      expect(version()).toBeGreaterThan(before);
      const owed = sqlite.prepare('SELECT count(*) AS pushes, min(version) AS version FROM gate_pushes').get();
      expect(owed).toEqual({ pushes: 7, version: version() });
      expect(sqlite.prepare('SELECT DISTINCT revocation_epoch AS epoch FROM clients').all()).toEqual([
        { epoch: version() },
      ]);
    });

    test('a database that is not of Edgemint, or newer than the checkout, is refused', async () => {
      const foreign = new DatabaseSync(':memory:');
      foreign.exec(
        `CREATE TABLE clients (name TEXT); CREATE TABLE d1_migrations (name TEXT);
        INSERT INTO d1_migrations VALUES ('0001_init.sql');`,
      );
      addDatabase('edgemint-foreign', foreign);
      addDatabase('edgemint-blank', new DatabaseSync(':memory:'));
      // An empty instance that has issued tokens, with another master key.
      const served = await olderDatabase(KNOWN_MIGRATIONS);
      served.exec(
        `ATTACH '${join(root, 'edgemint.sqlite')}' AS old; INSERT INTO signing_keys SELECT * FROM old.signing_keys;`,
      );
      addDatabase('edgemint-served', served);
      database('edgemint-other').exec("INSERT INTO d1_migrations (name) VALUES ('9999_future.sql')");
      const none = join(root, 'none.backup');
      const keys = ['--keys-file', '.dev.vars'];
      const answers = await Promise.all([
        remotely(fresh, 'backup', none, '--env', 'foreign', ...keys),
        restore('foreign'),
        remotely(fresh, 'gates', 'resync', '--env', 'foreign', '--yes'),
        restore('blank'),
        restore('served'),
        remotely(fresh, 'backup', none, '--env', 'other', ...keys),
      ]);
      const notOurs = 'The database edgemint-foreign is not one of Edgemint. Check which account wrangler is signed in';
      expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual([
        [1, expect.stringContaining(notOurs)],
        [1, expect.stringContaining(notOurs)],
        [1, expect.stringContaining(notOurs)],
        [1, 'The database edgemint-blank has no tables yet. Deploy or start the instance first.\n'],
        [1, expect.stringMatching(/^The MASTER_KEY in \S+ is not that of the instance to restore to/)],
        [1, expect.stringMatching(/^The database is newer than this edgemint, which does not know 9999_future\.sql/)],
      ]);
      expect(readdirSync(root)).not.toContain('none.backup');
    });

    test('a backup of an older database is restored to a current one, and none to an older one', async () => {
      const older = KNOWN_MIGRATIONS.slice(0, 7);
      const filled = await olderDatabase(older);
      filled.exec(
        `INSERT INTO version_sequence (id, value) VALUES (1, 7) ON CONFLICT DO UPDATE SET value = 7;
        INSERT INTO organizations (id, name, subject, metadata, status, version, created_at, updated_at)
        VALUES ('org_1', 'Acme Inc', 'org:1', '{}', 'active', 7, 1, 1);`,
      );
      addDatabase('edgemint-filled', filled);
      addDatabase('edgemint-old', await olderDatabase(older));
      addDatabase('edgemint-current', await olderDatabase(KNOWN_MIGRATIONS));
      for (const name of ['filled', 'current'])
        cloudflare.namespaces.set(`edgemint-${name}-kv`, { id: `kv-of-${name}`, values: new Map() });
      const made = join(root, 'older.backup');
      const keys = ['--keys-file', '.dev.vars'];
      const backup = await remotely(old, 'backup', made, '--env', 'filled', ...keys);
      expect(backup.code, backup.stderr).toBe(0);
      const [refused, restored] = await Promise.all(
        ['old', 'current'].map((env) => remotely(fresh, 'restore', made, '--env', env, ...keys, '--yes')),
      );
      expect(refused?.stderr).toMatch(
        /^This edgemint and the database edgemint-old are of different versions: they differ in 0007_folded_names\.sql/,
      );
      expect(restored?.code, restored?.stderr).toBe(0);
      const sql = 'SELECT id, name, folded_name, unused_report_days FROM organizations';
      expect(database('edgemint-current').prepare(sql).all()).toEqual([
        { id: 'org_1', name: 'Acme Inc', folded_name: 'acme inc', unused_report_days: null },
      ]);
    });

    test('the stand-in knew every request', () => {
      expect(cloudflare.unknown).toEqual([]);
    });
  });
});
