import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { ClientGate } from '../src/client-gate/client-gate.ts';
import type { Env } from '../src/platform/env.ts';

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

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
