import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { curlLines, type Demo, findDemo, seedDemo } from './demo.ts';
import { Failure } from './failure.ts';
import { readPort, requireFreePort } from './local-port.ts';
import { runMain } from './main.ts';
import { type LocalVariables, makeLocalVariables, readLocalVariables } from './variables.ts';
import { ended, spawnWrangler, wrangler } from './wrangler.ts';

const LOG = '.wrangler/start.log';
const LOG_TAIL_LINES = 20;
const START_DEADLINE_MS = 120_000;
const POLL_MS = 100;

/** `npm start`: from a clone to a service on this machine, with a demo to try. */
async function start(): Promise<void> {
  const port = readPort(process.env.PORT);
  await requireFreePort(port);
  if (await makeLocalVariables()) console.log('Made .dev.vars, with fresh secrets.');
  const local = await readLocalVariables(`http://localhost:${port}`);
  await wrangler('apply the migrations', ['d1', 'migrations', 'apply', 'DB', '--local']);

  const ending = serve(port, local);
  const base = `http://localhost:${port}${local.config.issuerPath}`;
  await Promise.race([becomesReady(base), ending]);
  const demo =
    (await findDemo(base)) ?? ((await holdsNothing()) ? await seedDemo(base, local.config.rootApiKey.reveal()) : null);
  present(base, demo);
  await ending;
}

/** Serves in a child. @throws Failure when that ends */
async function serve(port: number, { variables }: LocalVariables): Promise<never> {
  mkdirSync('.wrangler', { recursive: true });
  // Given as an env file, .dev.vars yields to the environment: to what was read of it, and to the issuer that has the port.
  const args = ['dev', '--port', String(port), '--env-file', '.dev.vars', '--log-level', 'log'];
  const code = await ended(spawnWrangler(args, openSync(LOG, 'w'), variables));
  const tail = readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  throw new Failure(`wrangler dev ended unexpectedly (exit code ${code ?? 'none'}).${tail && `\n${tail}`}`);
}

async function becomesReady(base: string): Promise<void> {
  for (const deadline = Date.now() + START_DEADLINE_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    const isReady = await fetch(`${base}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
  }
  throw new Failure(`The service did not answer within ${START_DEADLINE_MS / 1000} seconds; ${LOG} may say why.`);
}

async function holdsNothing(): Promise<boolean> {
  const query = 'SELECT count(*) AS count FROM organizations';
  const args = ['d1', 'execute', 'DB', '--local', '--json', '--command', query];
  const answer: { results: { count: number }[] }[] = JSON.parse(await wrangler('read the database', args));
  return answer[0]?.results[0]?.count === 0;
}

function present(base: string, demo: Demo | null): void {
  console.log(`\nEdgemint serves ${base} until you press ctrl-C.`);
  if (!demo) {
    console.log(
      'The database holds organizations, and no demo for these secrets: without .wrangler/ you start afresh.',
    );
    return;
  }
  const { token, introspect } = curlLines(base, demo);
  console.log(`\nGet a token:\n\n${token}\n\nGet one and introspect it:\n\n${introspect}\n`);
  console.log(`The root API key is in .dev.vars; what the service logs is in ${LOG}.`);
}

await runMain(start, 0);
