import edgemint, { ClientGate as RealClientGate } from '../../../src/index.ts';
import type { Env } from '../../../src/platform/env.ts';
import type { Counted } from '../operations.ts';

// Stands in front of the built Worker and counts what the platform bills. Worker and gates run in one isolate here, so one object counts for
// both. Rows are those that the storage itself reports.

type Counts = { -readonly [Name in keyof Counted]: number };

const NONE: Counted = {
  requests: 0,
  gateRequests: 0,
  gateStarts: 0,
  gateMs: 0,
  gateRowsRead: 0,
  gateRowsWritten: 0,
  alarmsSet: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  kvReads: 0,
  kvWrites: 0,
  logLines: 0,
};
const counts: Counts = { ...NONE };

export class ClientGate extends RealClientGate {
  constructor(ctx: DurableObjectState, env: Env) {
    watchStorage(ctx);
    super(ctx, counting(env));
    counts.gateStarts++;
  }

  override alarm(): Promise<void> {
    counts.gateRequests++;
    return timed(() => super.alarm());
  }

  /** Carries out the alarm, as the platform would at its time. */
  async runAlarm(): Promise<void> {
    await this.alarm();
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/bench/counts':
        foldCursors();
        return Response.json(counts);
      case '/bench/reset':
        foldCursors();
        Object.assign(counts, NONE);
        return new Response();
      case '/bench/advance':
        advance(Number(searchParams.get('ms')));
        return new Response();
      case '/bench/alarm': {
        const gate = env.CLIENT_GATE.getByName(searchParams.get('client_id') ?? '');
        await (gate as unknown as Pick<ClientGate, 'runAlarm'>).runAlarm();
        return new Response();
      }
      default:
        counts.requests++;
        return edgemint.fetch(request, counting(env), ctx);
    }
  },
} satisfies ExportedHandler<Env>;

/** Moves the clock of the Worker and its gates forward. The platform's clock, by which alarms go off, stays. */
function advance(milliseconds: number): void {
  const now = Date.now;
  Date.now = () => now() + milliseconds;
}

for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const write = console[name].bind(console);
  console[name] = (...args: unknown[]) => {
    counts.logLines++;
    write(...args);
  };
}

const environments = new WeakMap<Env, Env>();

/** Wraps the bindings. Returns one object for each environment, as the runtime does. */
function counting(env: Env): Env {
  const made = environments.get(env) ?? {
    ...env,
    DB: wrapped(env.DB, {
      prepare: (database) => (sql: string) => countingStatement(database.prepare(sql)),
      batch: (database) => async (statements: D1PreparedStatement[]) =>
        (await database.batch(statements.map((statement) => real.get(statement) ?? statement))).map(countResult),
    }),
    KV: wrapped(env.KV, {
      get: (kv) => countingCall(kv, 'get', 'kvReads'),
      getWithMetadata: (kv) => countingCall(kv, 'getWithMetadata', 'kvReads'),
      put: (kv) => countingCall(kv, 'put', 'kvWrites'),
      delete: (kv) => countingCall(kv, 'delete', 'kvWrites'),
      list: (kv) => countingCall(kv, 'list', 'kvWrites'),
    }),
    CLIENT_GATE: wrapped(env.CLIENT_GATE, {
      getByName: (gates) => (name: string) => countingGate(gates.getByName(name)),
      get: (gates) => (id: DurableObjectId) => countingGate(gates.get(id)),
    }),
  };
  environments.set(env, made);
  return made;
}

const real = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

function countingStatement(statement: D1PreparedStatement): D1PreparedStatement {
  const made = wrapped(statement, {
    bind:
      () =>
      (...values: unknown[]) =>
        countingStatement(statement.bind(...values)),
    run: () => async () => countResult(await statement.run()),
    all: () => async () => countResult(await statement.all()),
    // These two report no rows read: at least those that they return were.
    raw: () => async () => countRows(await statement.raw()),
    first:
      () =>
      async (...names: [string]) => {
        counts.d1RowsRead++;
        return statement.first(...names);
      },
  });
  real.set(made, statement);
  return made;
}

function countResult<Row>(result: D1Result<Row>): D1Result<Row> {
  counts.d1RowsRead += result.meta.rows_read;
  counts.d1RowsWritten += result.meta.rows_written;
  return result;
}

function countRows<Row>(rows: Row[]): Row[] {
  counts.d1RowsRead += rows.length;
  return rows;
}

function countingGate(stub: DurableObjectStub): DurableObjectStub {
  return new Proxy(stub, {
    get(target, name) {
      const method = Reflect.get(target, name, target) as unknown;
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        counts.gateRequests++;
        return timed(() => Reflect.apply(method, target, args) as Promise<unknown>);
      };
    },
  });
}

/** Adds the duration of a gate's work, with the way to it and back. */
async function timed<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    counts.gateMs += performance.now() - startedAt;
  }
}

function countingCall<T extends object>(binding: T, method: keyof T, name: keyof Counts) {
  return (...args: unknown[]) => {
    counts[name]++;
    return Reflect.apply(binding[method] as () => unknown, binding, args);
  };
}

function wrapped<T extends object>(binding: T, replaced: Partial<Record<keyof T, (binding: T) => unknown>>): T {
  return new Proxy(binding, {
    get(target, name) {
      const replacement = replaced[name as keyof T];
      if (replacement) return replacement(target);
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

let isWatched = false;
/** Cursors whose rows may not all have been read yet. */
let cursors: SqlStorageCursor<never>[] = [];
const CURSORS_MAX = 1000;

/** The runtime accepts no wrapped context, so this wraps the methods that all gates share. */
function watchStorage({ storage }: DurableObjectState): void {
  if (isWatched) return;
  isWatched = true;
  const sql = Object.getPrototypeOf(storage.sql) as Pick<SqlStorage, 'exec'>;
  const { exec } = sql;
  sql.exec = function (this: SqlStorage, ...args) {
    const cursor = Reflect.apply(exec, this, args) as SqlStorageCursor<never>;
    cursors.push(cursor);
    if (cursors.length > CURSORS_MAX) foldCursors();
    return cursor;
  };
  const alarms = Object.getPrototypeOf(storage) as Pick<DurableObjectStorage, 'setAlarm' | 'getAlarm'>;
  const { setAlarm, getAlarm } = alarms;
  alarms.setAlarm = function (this: DurableObjectStorage, ...args) {
    counts.alarmsSet++;
    return Reflect.apply(setAlarm, this, args) as Promise<void>;
  };
  alarms.getAlarm = function (this: DurableObjectStorage, ...args) {
    counts.gateRowsRead++;
    return Reflect.apply(getAlarm, this, args) as Promise<number | null>;
  };
}

function foldCursors(): void {
  for (const { rowsRead, rowsWritten } of cursors) {
    counts.gateRowsRead += rowsRead;
    counts.gateRowsWritten += rowsWritten;
  }
  cursors = [];
}
