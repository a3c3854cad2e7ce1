import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readMasterKeys } from '../../../platform/config.ts';
import { SECRET_FILE_MODE } from '../../constants.ts';
import { configurationFor, databaseOf, parseConfiguration } from '../../deploy/configuration.ts';
import { readKeys } from '../../deploy/keys-file.ts';
import { defaultKeysFile, readEnvironment } from '../../deploy/options.ts';
import { Failure } from '../../failure.ts';
import { stopChildren, tryWrangler, wrangler, wranglerJson } from '../../wrangler.ts';
import { Interrupted } from '../failures.ts';
import type { Terminal } from '../terminal.ts';
import { type InstanceKeys, instanceKeys } from './portable.ts';

// The stores of an instance, reached by wrangler with the rights of its operator. The Worker has no route for this.

export interface InstanceOptions {
  readonly local?: boolean;
  readonly env?: string;
  readonly keysFile?: string;
}

/** An entry for KV. `expiration` is in seconds since the epoch. */
export interface KvEntry {
  readonly key: string;
  readonly value: string;
  readonly expiration: number;
}

/** The stores of one instance. */
export class Instance {
  /** The Worker; undefined for the local one of `npm start`. */
  readonly worker: string | undefined;
  readonly #database: string;
  readonly #keysFile: string;
  #bindings: Promise<Bindings> | undefined;

  constructor(worker: string | undefined, database: string, keysFile: string) {
    this.worker = worker;
    this.#database = database;
    this.#keysFile = keysFile;
  }

  /** Names it in sentences. */
  get name(): string {
    return this.worker === undefined ? 'the local database' : `the database ${this.#database}`;
  }

  /** @throws Failure if the file has no MASTER_KEY */
  async keys(): Promise<InstanceKeys> {
    const { MASTER_KEY } = await readKeys(this.#keysFile);
    if (MASTER_KEY === undefined) {
      const error = `${this.#keysFile} has no MASTER_KEY. Name the file with the keys of this instance with --keys-file.`;
      throw new Failure(
        this.worker === undefined ? error : `${error} For the instance of \`npm start\`, add \`--local\`.`,
      );
    }
    return instanceKeys(this.#keysFile, readMasterKeys(MASTER_KEY));
  }

  /** The issuer of the deployed Worker; undefined if it is not known. */
  async issuer(): Promise<string | undefined> {
    return this.worker === undefined ? undefined : (await this.#deployed()).issuer;
  }

  /** Writes the rows of some tables to a file, all as they are at one moment. */
  async exportTables(tables: readonly string[], file: string): Promise<void> {
    const named = tables.flatMap((table) => ['--table', table]);
    const args = ['d1', 'export', this.#database, this.#place, '--no-schema', '--output', file, ...named];
    await wrangler(`export ${this.name}`, [...args, '--skip-confirmation']);
  }

  async query<Row>(sql: string): Promise<readonly Row[]> {
    const args = ['d1', 'execute', this.#database, this.#place, '--json', '--command', sql];
    const answers = await wranglerJson<{ results: Row[] }[]>(`read ${this.name}`, args);
    return answers.at(-1)?.results ?? [];
  }

  /** Runs the statements of a file in one transaction. @returns the output of wrangler if it failed */
  async execute(file: string): Promise<string | undefined> {
    const args = ['d1', 'execute', this.#database, this.#place, '--yes', '--file', file];
    const { code, stdout, stderr } = await tryWrangler(args);
    return code === 0 ? undefined : `${stdout}${stderr}`.trim();
  }

  /** Lists the keys in KV that begin so. */
  async listKv(prefix: string): Promise<readonly { readonly name: string; readonly expiration?: number }[]> {
    return wranglerJson('list KV', ['kv', 'key', 'list', ...(await this.#kv()), '--prefix', prefix]);
  }

  async putKv(entries: readonly KvEntry[], directory: string): Promise<void> {
    if (entries.length === 0) return;
    const file = join(directory, 'kv.json');
    await writeFile(file, JSON.stringify(entries), { mode: SECRET_FILE_MODE });
    await wrangler('write to KV', ['kv', 'bulk', 'put', file, ...(await this.#kv())]);
  }

  get #place(): string {
    return this.worker === undefined ? '--local' : '--remote';
  }

  async #kv(): Promise<readonly string[]> {
    if (this.worker === undefined) return ['--binding', 'KV', '--local'];
    const { kv } = await this.#deployed();
    if (kv !== undefined) return ['--namespace-id', kv, '--remote'];
    const title = `${this.worker}-kv`;
    const namespaces = await wranglerJson<{ id: string; title: string }[]>('list the KV namespaces', [
      ...['kv', 'namespace', 'list'],
    ]);
    const found = namespaces.find((namespace) => namespace.title === title);
    if (!found) throw new Failure(`There is no Worker ${this.worker}, and no KV namespace ${title}. Deploy it first.`);
    return ['--namespace-id', found.id, '--remote'];
  }

  #deployed(): Promise<Bindings> {
    this.#bindings ??= readBindings(this.worker ?? '');
    return this.#bindings;
  }
}

interface Bindings {
  readonly issuer?: string | undefined;
  /** The id of the KV namespace. */
  readonly kv?: string | undefined;
}

interface Version {
  readonly resources?: {
    readonly bindings?: readonly { readonly name: string; readonly text?: string; readonly namespace_id?: string }[];
  };
}

// Cloudflare's code for "This Worker does not exist on your account."
const NO_WORKER = 'code: 10007';

/** Reads what the deployed Worker is bound to. @returns nothing if there is no such Worker */
async function readBindings(worker: string): Promise<Bindings> {
  try {
    const name = ['--name', worker];
    const status = ['deployments', 'status', '--json', ...name];
    const { versions } = await wranglerJson<{ versions: { version_id: string }[] }>('read the deployment', status);
    const view = ['versions', 'view', versions[0]?.version_id ?? '', '--json', ...name];
    const { resources } = await wranglerJson<Version>('read the deployed version', view);
    const binding = (wanted: string) => resources?.bindings?.find((each) => each.name === wanted);
    const note: { issuer?: string } = JSON.parse(binding('DEPLOYMENT')?.text ?? '{}');
    return { issuer: note.issuer, kv: binding('KV')?.namespace_id };
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Failure && error.message.includes(NO_WORKER))) return {};
    throw error;
  }
}

/** Finds the instance that the options name. @throws Failure if this folder is no checkout of Edgemint */
export async function findInstance({ local, env, keysFile }: InstanceOptions, terminal: Terminal): Promise<Instance> {
  const text = await readFile('wrangler.toml', 'utf8').catch(() => undefined);
  if (text === undefined) {
    throw new Failure(
      'This folder has no wrangler.toml. Run the command in the checkout that the instance was deployed or started from.',
    );
  }
  const environment = readEnvironment(env || terminal.env.CLOUDFLARE_ENV || undefined);
  const tracked = parseConfiguration(text);
  if (local) return new Instance(undefined, 'DB', resolve(keysFile ?? '.dev.vars'));
  const configuration = configurationFor(tracked, { environment, domain: undefined });
  const { name } = configuration;
  return new Instance(name, databaseOf(configuration), resolve(keysFile ?? defaultKeysFile(name, terminal.env)));
}

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a function with a temporary folder that only this user can read. The folder is removed afterwards. Ctrl-C ends wrangler and aborts
 * the function's signal; the folder is removed then too.
 * @throws Interrupted if the function failed after ctrl-C: its own, or one that says that nothing was written
 */
export async function inTemporaryFolder<T>(
  { io: { signals } }: Terminal,
  during: (directory: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController();
  const stop = () => {
    interruption.abort();
    void stopChildren();
  };
  for (const each of ENDING_SIGNALS) signals.on(each, stop);
  const directory = await mkdtemp(join(tmpdir(), 'edgemint-'));
  try {
    return await during(directory, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    throw error instanceof Interrupted && error.message !== ''
      ? error
      : new Interrupted('Interrupted. Nothing was written.');
  } finally {
    await rm(directory, { recursive: true, force: true });
    // A second ctrl-C must not end the process before it has said what it did.
    if (!interruption.signal.aborted) for (const each of ENDING_SIGNALS) signals.off(each, stop);
  }
}

/** @throws Failure if there is such a file */
export async function refuseExisting(file: string): Promise<void> {
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists) throw new Failure(`${file} exists already. Choose another name, or remove it first.`);
}
