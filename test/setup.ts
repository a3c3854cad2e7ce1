import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import type { ClientGate } from '../src/client-gate/client-gate.ts';
import type { Env } from '../src/platform/env.ts';
import { preparedStatements, resetCalls, resetFaults, startNewIsolate } from './instruments.ts';
import './patience.ts';

declare global {
  namespace Cloudflare {
    interface Env extends TestEnv {}
    interface GlobalProps {
      mainModule: typeof import('./worker.ts');
    }
  }
}

interface TestEnv extends Omit<Env, 'CLIENT_GATE'> {
  CLIENT_GATE: DurableObjectNamespace<ClientGate>;
  TEST_MIGRATIONS: D1Migration[];
}

// One runtime serves several files, one after the other. Each file starts with empty stores that answer, and with a Worker that has made
// nothing yet. Only caches of modules, such as imported keys, stay: they hold no data of a store.
vi.useRealTimers();
vi.restoreAllMocks();
resetFaults();
startNewIsolate();
resetCalls();
preparedStatements.clear();
await reset();
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
