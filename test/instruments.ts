import type { Env } from '../src/platform/env.ts';

export type Store = 'd1' | 'kv' | 'gate' | 'rateLimit';
export type Faulty = Store | `gate:${string}` | 'refusalReports';

/** The number of calls that the Worker and its gates made through each binding. */
export const calls: Record<Store, number> = { d1: 0, kv: 0, gate: 0, rateLimit: 0 };
/** The number of calls that told a gate of refusals in the background. They are not among `calls`, and have faults of their own. */
export const refusalReports = { sent: 0 };
/** The number of gate calls in flight now, and the highest number so far. */
export const gateCallsInFlight = { now: 0, most: 0 };
/** The number of rows that gates wrote to their storage, and how often they set their alarm, which is billed as a row as well. */
export const gateStorage = { rowsWritten: 0, alarmsSet: 0 };
/** Every SQL statement that was prepared for D1. */
export const preparedStatements = new Set<string>();
/** The current faults of the stores; see `failing()`. */
const faults = new Map<Faulty, Fault>();
/**
 * Replaces a call to a store.
 * @param asked D1's SQL (all statements of a batch in one text), or the method of the gate or of KV
 * @param bound the values bound in that SQL, or the arguments of the method
 */
export type Fault = (call: () => Promise<unknown>, asked: string, bound: readonly unknown[]) => Promise<unknown>;

/** Ends every fault, including those of a test that was cut off by its time limit. */
export function resetFaults(): void {
  faults.clear();
  gateDelay = 0;
}

export function resetCalls(): void {
  Object.assign(calls, { d1: 0, kv: 0, gate: 0, rateLimit: 0 });
  Object.assign(gateCallsInFlight, { now: 0, most: 0 });
  refusalReports.sent = 0;
  Object.assign(gateStorage, { rowsWritten: 0, alarmsSet: 0 });
}

/** Runs a function while every call to a store throws; `gate:<client_id>` means the gate of that client only. */
export function failing<T>(store: Faulty, during: () => Promise<T>, message = 'Network connection lost.'): Promise<T> {
  return withFault(store, () => Promise.reject(new Error(message)), during);
}

/** Runs a function while a store accepts calls and never answers them. */
export function hanging<T>(store: Faulty, during: () => Promise<T>): Promise<T> {
  return withFault(store, () => new Promise(() => {}), during);
}

/** Runs a function while every call to a gate is delayed by so many milliseconds. */
export async function slowing<T>(milliseconds: number, during: () => Promise<T>): Promise<T> {
  gateDelay = milliseconds;
  try {
    return await during();
  } finally {
    gateDelay = 0;
  }
}

export interface Hold {
  /** Returns the number of answers that were held so far. */
  readonly held: () => number;
  /** Delivers the held answers and all later ones. */
  readonly release: () => void;
  /** Loses the held answers and all later ones. */
  readonly lose: () => void;
}

/** Runs a function while a store carries out every call, but its answers are held until they are released or lost. */
export function holding<T>(store: Faulty, during: (hold: Hold) => Promise<T>): Promise<T> {
  let held = 0;
  let fate: 'held' | 'released' | 'lost' = 'held';
  const release = () => {
    fate = 'released';
  };
  const lose = () => {
    fate = 'lost';
  };
  const hold: Fault = async (call) => {
    const answer = await call();
    held++;
    // Poll, because a request must not await a promise of another request.
    while (fate === 'held') await scheduler.wait(5);
    if (fate === 'lost') throw new Error('Network connection lost.');
    return answer;
  };
  return withFault(store, hold, () => during({ held: () => held, release, lose }).finally(release));
}

/** Runs a function while a fault replaces the calls to a store. */
export async function withFault<T>(store: Faulty, fault: Fault, during: () => Promise<T>): Promise<T> {
  faults.set(store, fault);
  try {
    return await during();
  } finally {
    faults.delete(store);
  }
}

let gateDelay = 0;
let isolate = new WeakMap<Env, Env>();

/** Empties the memory of the Worker, as in a new isolate. Stores and gates stay as they are. */
export function startNewIsolate(): void {
  isolate = new WeakMap();
}

/** Wraps every binding so that calls are counted and can fail. Returns one object for each isolate and environment, like the runtime. */
export function instrument(env: Env): Env {
  const made = isolate.get(env) ?? {
    ...env,
    DB: watch(env.DB, 'd1', ['prepare', 'batch', 'exec']),
    KV: watch(env.KV, 'kv', ['get', 'getWithMetadata', 'put', 'delete', 'list']),
    FAILED_ATTEMPTS: watch(env.FAILED_ATTEMPTS, 'rateLimit', ['limit']),
    ...(env.CLIENT_LOOK_UPS && { CLIENT_LOOK_UPS: watch(env.CLIENT_LOOK_UPS, 'rateLimit', ['limit']) }),
    CLIENT_GATE: watchGates(env.CLIENT_GATE),
  };
  isolate.set(env, made);
  return made;
}

function watch<T extends object>(binding: T, store: Store, methods: readonly string[]): T {
  return new Proxy(binding, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!methods.includes(String(name))) return value.bind(target);
      // Preparing a statement is not a call. It is counted when it runs, alone or in a batch.
      if (name === 'prepare') {
        return (sql: string) => {
          preparedStatements.add(sql);
          return watchStatement(value.call(target, sql), sql);
        };
      }
      return (...args: unknown[]) => {
        calls[store]++;
        const fault = faults.get(store);
        const asked: ReturnType<typeof batchOf> = store === 'd1' ? batchOf(args) : [String(name), args];
        return fault ? fault(() => value.apply(target, args), ...asked) : value.apply(target, args);
      };
    },
  });
}

const statements = new WeakMap<object, { readonly sql: string; readonly bound: readonly unknown[] }>();

function batchOf([batched]: readonly unknown[]): [sql: string, bound: readonly unknown[]] {
  const all = Array.isArray(batched) ? batched.flatMap((statement) => statements.get(statement) ?? []) : [];
  return [all.map(({ sql }) => sql).join(';\n'), all.flatMap(({ bound }) => bound)];
}

function watchStatement(
  statement: D1PreparedStatement,
  sql: string,
  bound: readonly unknown[] = [],
): D1PreparedStatement {
  const watched = new Proxy(statement, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name === 'bind') return (...args: unknown[]) => watchStatement(value.apply(target, args), sql, args);
      return (...args: unknown[]) => {
        calls.d1++;
        const fault = faults.get('d1');
        return fault ? fault(() => value.apply(target, args), sql, bound) : value.apply(target, args);
      };
    },
  });
  statements.set(watched, { sql, bound });
  return watched;
}

function watchGates(namespace: Env['CLIENT_GATE']): Env['CLIENT_GATE'] {
  return new Proxy(namespace, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name === 'getByName') return (gate: string) => watchGate(() => gate, target.getByName(gate));
      if (name === 'get') return (id: DurableObjectId) => watchGate(() => faultyNameOf(target, id), target.get(id));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

// An id that was read from text has no name. Look for it among the gates with faults; the names of other gates do not matter.
function faultyNameOf(namespace: Env['CLIENT_GATE'], id: DurableObjectId): string {
  const names = [...faults.keys()].filter((store) => store.startsWith('gate:')).map((store) => store.slice(5));
  return names.find((name) => namespace.idFromName(name).equals(id)) ?? '';
}

function watchGate(nameOf: () => string, stub: DurableObjectStub): DurableObjectStub {
  return new Proxy(stub, {
    get(target, property) {
      const method = Reflect.get(target, property, target) as unknown;
      if (typeof method !== 'function') return method;
      if (property === 'noteRefusals') {
        return async (...args: unknown[]) => {
          refusalReports.sent++;
          const call = () => Reflect.apply(method, target, args);
          const fault = faults.get('refusalReports');
          return fault ? fault(call, property, args) : call();
        };
      }
      return async (...args: unknown[]) => {
        calls.gate++;
        gateCallsInFlight.now++;
        gateCallsInFlight.most = Math.max(gateCallsInFlight.most, gateCallsInFlight.now);
        try {
          if (gateDelay > 0) await scheduler.wait(gateDelay);
          const fault = faults.get('gate') ?? faults.get(`gate:${nameOf()}`);
          const call = () => Reflect.apply(method, target, args);
          return await (fault ? fault(call, String(property), args) : call());
        } finally {
          gateCallsInFlight.now--;
        }
      };
    },
  });
}

let isWatched = false;

/** Counts the rows and alarms that gates write. The runtime accepts no wrapped context, so this wraps the methods that all gates share. */
export function watchStorage({ storage }: DurableObjectState): void {
  if (isWatched) return;
  isWatched = true;
  const shared = Object.getPrototypeOf(storage.sql) as Pick<SqlStorage, 'exec'>;
  const { exec } = shared;
  shared.exec = function (this: SqlStorage, ...args) {
    const cursor = Reflect.apply(exec, this, args) as SqlStorageCursor<never>;
    gateStorage.rowsWritten += cursor.rowsWritten;
    return cursor;
  };
  const alarms = Object.getPrototypeOf(storage) as Pick<DurableObjectStorage, 'setAlarm'>;
  const { setAlarm } = alarms;
  alarms.setAlarm = function (this: DurableObjectStorage, ...args) {
    gateStorage.alarmsSet++;
    return Reflect.apply(setAlarm, this, args) as Promise<void>;
  };
}
