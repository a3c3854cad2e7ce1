import { fork } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deployedVariables } from '../harness/edgemint.ts';
import { freePort, startWorker } from '../harness/worker.ts';
import type { Target } from './requests.ts';
import { withPid } from './runtime.ts';
import { basic, CLIENTS, type Credentials, RESOURCE, SCOPE, type Subject, TOKEN_FORM } from './subject.ts';

// What Edgemint is compared with.

/** Credentials of the usual length, for subjects that do not generate any. */
const INVENTED_CLIENT = inventedClient(0);

/** The least that a token can cost on this platform; see the source of the floor. */
export function floor(): Promise<Subject> {
  return workerSubject('floor', {}, { headers: basic(INVENTED_CLIENT) });
}

/** The least that the duties of a token request can cost on this platform; see the source of the full floor. */
export function fullFloor(): Promise<Subject> {
  const key = Buffer.alloc(32, 7);
  const hash = createHmac('sha256', key).update(INVENTED_CLIENT.client_secret).digest('base64url');
  const bindings = {
    HASH_KEY: key.toString('base64'),
    SECRET_HASH: `0000.${hash}`,
    ORGANIZATION_ID: 'org_0000000000000000000000',
    LOG_SHARE: String(deployedLogShare()),
  };
  const turns = Array.from({ length: CLIENTS }, (_, index) => ({ headers: basic(inventedClient(index)) }));
  return workerSubject('full-floor', bindings, { headers: {}, turns });
}

/** Returns the share of successful requests that a deployment logs by default. The floor logs as many. */
export function deployedLogShare(): number {
  return Number(deployedVariables().LOG_SUCCESS_SHARE ?? 1);
}

async function workerSubject(
  name: string,
  bindings: Record<string, string>,
  target: Omit<Target, 'url' | 'form'>,
): Promise<Subject> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = fileURLToPath(new URL(`${name}/wrangler.toml`, import.meta.url));
  const start = () => startWorker(config, { ISSUER: url, ...bindings }, { host: '127.0.0.1', port });
  const { started, pid } = await withPid(start);
  return {
    name,
    target: { url: `${url}/oauth2/token`, form: TOKEN_FORM, ...target },
    pid,
    stop: () => started.dispose(),
  };
}

/** oidc-provider on Node, in its own process. */
export async function oidcProvider(): Promise<Subject> {
  const port = await freePort();
  const { client_id, client_secret } = INVENTED_CLIENT;
  const child = fork(
    fileURLToPath(new URL('oidc-server.ts', import.meta.url)),
    [String(port), client_id, client_secret, RESOURCE, SCOPE],
    { env: { ...process.env, NODE_ENV: 'production' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit');
  const stopped = exited.then(([code]) => Promise.reject(new Error(`oidc-provider ended with ${code}.`)));
  await Promise.race([once(child, 'message'), stopped]);
  return {
    name: 'oidc-provider',
    target: { url: `http://127.0.0.1:${port}/token`, headers: basic(INVENTED_CLIENT), form: TOKEN_FORM },
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

function inventedClient(index: number): Credentials {
  return { client_id: `emc_${String(index).padStart(30, '0')}`, client_secret: `ems_${'0'.repeat(49)}` };
}
