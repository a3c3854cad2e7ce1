import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEALTH_POLL_MS, LOG_TAIL_LINES, START_DEADLINE_MS } from './constants.ts';
import { curlLines, type Demo, exampleLines, findDemo, seedDemo } from './demo.ts';
import { run } from './edgemint/run.ts';
import { Failure } from './failure.ts';
import { LOCAL_HELP, type LocalOptions, readLocalOptions } from './local/options.ts';
import { runOnSchedule } from './local/schedule.ts';
import { applySeed, readSeed } from './local/seed.ts';
import { findFreePort, requireFreePort } from './local-port.ts';
import { runMain } from './main.ts';
import { type LocalVariables, makeLocalVariables, readLocalVariables } from './variables.ts';
import { ended, spawnWrangler, wrangler } from './wrangler.ts';

const STATE = '.wrangler';
const LOG = `${STATE}/start.log`;

/** Replaces the share of wrangler.toml, so that the log shows each request that somebody tries. */
const LOG_EVERY_REQUEST = 'LOG_SUCCESS_SHARE:1';

const WRONG_MASTER_KEY = `The data in ${STATE}/ was made with another MASTER_KEY than the one in .dev.vars. Put that MASTER_KEY back, or remove ${STATE}/ to start afresh.`;

/** `npm start`: serves a fresh clone on this machine, with a demo to try. */
async function start(): Promise<void> {
  const options = readLocalOptions(process.argv.slice(2), process.env);
  if (options.help) return console.log(LOCAL_HELP);
  const { port, host, seed } = options;
  await requireFreePort(port, host);
  // A seed that does not exist must not cost the start.
  if (seed !== undefined) await readSeed(seed);
  if (await makeLocalVariables()) console.log('Made .dev.vars, with fresh secrets.');
  const local = await readLocalVariables(`http://localhost:${port}`);
  const base = `http://localhost:${port}${local.config.issuerPath}`;
  console.log(`Starting ${base}. The first start takes about half a minute.`);
  if (options.fresh) await deleteData();
  makeStateFolder();
  console.log('Applying the migrations …');
  await wrangler('apply the migrations', ['d1', 'migrations', 'apply', 'DB', '--local']);

  console.log('Building and starting the Worker …');
  const log = openSync(LOG, 'w');
  const ending = serve(options, local, log);
  await Promise.race([waitUntilHealthy(base), ending]);
  await fill(base, local.config.rootApiKey.reveal(), options);
  void runOnSchedule(
    () => runScheduledHandler(port),
    (error) => writeSync(log, `The scheduled handler failed: ${error}\n`),
  );
  await ending;
}

async function fill(base: string, rootApiKey: string, { port, seed }: LocalOptions): Promise<void> {
  if (seed !== undefined) {
    console.log(`Applying ${seed} …`);
    return presentSeed(base, await applySeed(base, rootApiKey, seed, run));
  }
  console.log('Making the demo, unless there is one …');
  const demo = (await findDemo(base, rootApiKey)) ?? (await seedDemo(base, rootApiKey));
  present(base, demo, await findFreePort(port + 1));
}

/** Deletes the data of earlier starts. The secrets in .dev.vars stay. */
async function deleteData(): Promise<void> {
  await Promise.all([`${STATE}/state`, `${STATE}/demo`].map((path) => rm(path, { recursive: true, force: true })));
}

/** Creates the folder that wrangler and this command write to, unless it exists. @throws an error if it cannot be written */
function makeStateFolder(): void {
  mkdirSync(STATE, { recursive: true });
  // wrangler itself would end with a stack trace.
  for (const path of [STATE, `${STATE}/state`, `${STATE}/tmp`]) {
    if (existsSync(path)) accessSync(path, constants.W_OK | constants.X_OK);
  }
}

/** Runs `wrangler dev`. @throws Failure when it ends */
async function serve({ port, host }: LocalOptions, { variables }: LocalVariables, log: number): Promise<never> {
  // Variables of the environment take precedence over an env file. They hold the checked values, and an issuer with this port.
  const variablesFrom = ['--env-file', '.dev.vars', '--var', LOG_EVERY_REQUEST];
  const args = ['dev', '--port', String(port), '--ip', host, '--log-level', 'log', ...variablesFrom];
  const code = await ended(spawnWrangler(args, log, variables));
  const tail = readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  throw new Failure(`wrangler dev ended unexpectedly (exit code ${code ?? 'none'}).${tail && `\n${tail}`}`);
}

/** Calls the scheduled handler: `wrangler dev` never does so by itself. @throws an error if it failed */
async function runScheduledHandler(port: number): Promise<void> {
  const answer = await fetch(`http://localhost:${port}/cdn-cgi/local/scheduled`);
  const outcome = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${outcome}`);
}

/** @throws Failure if the secrets do not fit the data, or if no answer comes */
async function waitUntilHealthy(base: string): Promise<void> {
  for (const deadline = Date.now() + START_DEADLINE_MS; Date.now() < deadline; await sleep(HEALTH_POLL_MS)) {
    const answer = await fetch(`${base}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    // The variables have been checked, so only the data can be what they do not fit.
    if (answer?.status === 500 && (await answer.text()).includes('The service is not configured'))
      throw new Failure(WRONG_MASTER_KEY);
  }
  throw new Failure(
    `The service did not answer within ${START_DEADLINE_MS / 1000} seconds. See ${LOG} for the reason.`,
  );
}

function presentSeed(base: string, clientIds: readonly string[]): void {
  presentAddresses(base);
  if (clientIds.length > 0) console.log(`${clientIds.join(', ')} can get tokens.`);
  console.log(`The root API key is in .dev.vars. The service logs to ${LOG}.`);
}

function presentAddresses(base: string): void {
  console.log(`\nEdgemint serves ${base} until you press ctrl-C.`);
  console.log(`Console: ${base}/console\nAPI documentation: ${base}/docs`);
}

function present(base: string, demo: Demo | undefined, apiPort: number): void {
  presentAddresses(base);
  if (!demo) {
    console.log('The database already holds organizations, but no demo. Start with --fresh to have one.');
    return;
  }
  const { token, introspect } = curlLines(base, demo);
  console.log(`\nGet a token:\n\n${token}\n\nGet a token and introspect it:\n\n${introspect}\n`);
  const { api, machine, disable } = exampleLines(base, demo, apiPort);
  console.log(`Serve a protected API, and call it with a machine, each in another shell:\n\n${api}\n\n${machine}\n`);
  console.log(`Disable the client of the machine, and see the API refuse it within seconds:\n\n${disable}\n`);
  console.log(`The root API key is in .dev.vars. The service logs to ${LOG}.`);
}

await runMain(start, 0);
