import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { runOnSchedule } from './schedule.ts';

// The process that serves the packed Worker. `edgemint dev` starts it with a Node that the runtime supports.

/** What the process is told, in the variable EDGEMINT_SERVER. */
export interface ServerOptions {
  /** The folder of the package that has the built Worker. */
  readonly packaged: string;
  /** The folder in which the runtime is installed. */
  readonly runtime: string;
  readonly state: string;
  readonly host: string;
  readonly port: number;
  readonly bindings: Readonly<Record<string, string>>;
}

interface Statement {
  bind(...values: unknown[]): Statement;
  first<T>(column: string): Promise<T | null>;
}

interface Runtime {
  readonly ready: Promise<unknown>;
  dispose(): Promise<void>;
  getD1Database(name: string): Promise<{ prepare(sql: string): Statement; batch(all: Statement[]): Promise<unknown> }>;
  getWorker(name: string): Promise<{ scheduled(options: object): Promise<{ outcome: string }> }>;
}

async function serve(): Promise<void> {
  const options: ServerOptions = JSON.parse(process.env.EDGEMINT_SERVER ?? '{}');
  const { Miniflare, convertV4MiniflareOptions } = createRequire(join(options.runtime, 'package.json'))('miniflare');
  const read = (name: string) => readFileSync(join(options.packaged, name), 'utf8');
  const worker = {
    ...JSON.parse(read('worker.json')),
    name: 'worker',
    bindings: options.bindings,
    modules: [{ type: 'ESModule', path: 'index.js', contents: read('worker.js') }],
    serviceBindings: { ASSETS: 'assets' },
    unsafeDirectSockets: [{ host: options.host === 'localhost' ? '127.0.0.1' : options.host, port: options.port }],
  };
  const assets = { directory: join(options.packaged, 'assets'), assetConfig: { html_handling: 'none' } };
  const runtime: Runtime = new Miniflare(
    convertV4MiniflareOptions({
      workers: [worker, { name: 'assets', modules: true, script: '', assets }],
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs: ({ message }: { message: string }) => console.log(message),
      resourcePersistencePath: options.state,
    }),
  );
  // `edgemint dev` may be killed, and then stops nothing.
  process.once('disconnect', () => void runtime.dispose().finally(() => process.exit()));
  await runtime.ready;
  await migrate(runtime, join(options.packaged, 'migrations'));
  process.send?.('migrated');
  await runOnSchedule(async () => {
    const { outcome } = await (await runtime.getWorker('worker')).scheduled({ scheduledTime: new Date() });
    if (outcome !== 'ok') throw new Error(`The scheduled handler ended with ${outcome}.`);
  }, console.error);
}

/** Applies migrations as wrangler does, so that `wrangler d1` could go on with the data. */
async function migrate(runtime: Runtime, folder: string): Promise<void> {
  const db = await runtime.getD1Database('DB');
  const sql = (text: string) => db.prepare(text);
  await db.batch([
    sql(
      `CREATE TABLE IF NOT EXISTS d1_migrations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    ),
  ]);
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  for (const name of names.sort()) {
    const count = await sql('SELECT count(*) AS count FROM d1_migrations WHERE name = ?')
      .bind(name)
      .first<number>('count');
    if (count) continue;
    const statements = readFileSync(join(folder, name), 'utf8').split('--> statement-breakpoint').map(sql);
    await db.batch([...statements, sql('INSERT INTO d1_migrations (name) VALUES (?)').bind(name)]);
  }
}

await serve();
