import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { SECRET_FILE_MODE } from './constants.ts';
import { Failure } from './failure.ts';

/**
 * Holds a file for each client with `client_id:client_secret`, as curl takes it. It lies beside the local database, so that removing
 * .wrangler/ removes both.
 */
const DIRECTORY = '.wrangler/demo';

const RESOURCE_SERVER = 'https://orders.demo.example';

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** The clients of the demo: `worker` gets tokens for a resource server, and `api` introspects them as that resource server. */
export interface Demo {
  readonly worker: Credentials;
  readonly api: Credentials;
}

/**
 * Reads the demo of an earlier start, and enables its `worker` again if somebody tried what happens when it is disabled.
 * @param base the URL of the service, to which the paths of endpoints are appended
 * @returns undefined if there is none, or if the service does not know it: the database may have been replaced since
 */
export async function findDemo(base: string, rootApiKey: string, directory = DIRECTORY): Promise<Demo | undefined> {
  const [worker, api] = await Promise.all([readCredentials(directory, 'worker'), readCredentials(directory, 'api')]);
  if (!worker || !api) return undefined;
  const demo = { worker, api };
  if (!(await isRefused(base, worker))) return demo;
  const headers = { 'Content-Type': 'application/merge-patch+json', Authorization: `Bearer ${rootApiKey}` };
  const body = JSON.stringify({ status: 'active' });
  const { ok } = await request(`${base}/v1/clients/${worker.client_id}`, { method: 'PATCH', headers, body });
  return ok && !(await isRefused(base, worker)) ? demo : undefined;
}

async function isRefused(base: string, client: Credentials): Promise<boolean> {
  const headers = { Authorization: `Basic ${btoa(userpass(client))}` };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const { status } = await request(`${base}/oauth2/token`, { method: 'POST', headers, body });
  return status === 401;
}

/**
 * Creates the demo through the management API and keeps its credentials, unless the database already holds organizations.
 * @returns undefined if it does
 * @throws Failure if the API refuses, or does not answer
 */
export async function seedDemo(base: string, rootApiKey: string, directory = DIRECTORY): Promise<Demo | undefined> {
  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` };
    const response = await request(`${base}/v1/${path}`, { ...init, headers });
    if (response.ok) return response.json();
    throw new Failure(`The demo could not be created: ${path}: ${response.status} ${await response.text()}`);
  };
  const create = (path: string, fields: object) => call(path, { method: 'POST', body: JSON.stringify(fields) });
  if ((await call('organizations?limit=1')).data.length > 0) return undefined;
  const { id: organization_id } = await create('organizations', { name: 'Demo' });
  await create('resource-servers', {
    organization_id,
    identifier: RESOURCE_SERVER,
    name: 'Orders',
    scopes: [{ name: 'orders:read' }, { name: 'orders:write' }],
  });
  const worker = await create('clients', {
    organization_id,
    client_name: 'Order worker',
    grants: [{ resource_server: RESOURCE_SERVER, scopes: ['orders:read', 'orders:write'] }],
  });
  const api = await create('clients', { organization_id, client_name: 'Orders API', introspects: [RESOURCE_SERVER] });
  const demo = { worker: credentials(worker), api: credentials(api) };
  await mkdir(directory, { recursive: true });
  await Promise.all([writeCredentials(directory, 'worker', demo.worker), writeCredentials(directory, 'api', demo.api)]);
  return demo;
}

/** @throws Failure if the service does not answer */
async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch {
    throw new Failure('The service stopped answering. See .wrangler/start.log for the reason.');
  }
}

/** Lines to paste into a shell, to run the examples. */
export interface ExampleLines {
  /** Serves a protected API. */
  readonly api: string;
  /** Calls it once a second. */
  readonly machine: string;
  /** Disables the client of the machine. */
  readonly disable: string;
}

/** @param port the port of the API */
export function exampleLines(base: string, { worker }: Demo, port: number): ExampleLines {
  const key = `"$(sed -n 's/^ROOT_API_KEY=//p' .dev.vars)"`;
  return {
    api: `ISSUER=${base} PORT=${port} npm run -s example:api`,
    machine: `ISSUER=${base} API=http://localhost:${port}/orders npm run -s example:machine`,
    disable: `EDGEMINT_URL=${base} EDGEMINT_API_KEY=${key} npm run -s edgemint -- clients update ${worker.client_id} --status disabled`,
  };
}

/** Returns lines to paste into a shell: `token` gets a token, `introspect` gets one and introspects it. */
export function curlLines(
  base: string,
  { worker, api }: Demo,
): { readonly token: string; readonly introspect: string } {
  const token = `curl -s -u ${userpass(worker)} -d grant_type=client_credentials ${base}/oauth2/token`;
  // A JWT starts with eyJ: its header starts with {".
  const accessToken = `$(${token} | grep -o 'eyJ[^"]*')`;
  return { token, introspect: `curl -s -u ${userpass(api)} -d "token=${accessToken}" ${base}/oauth2/introspect` };
}

// Generated ids and secrets consist of letters, digits and "_", so they need neither form-encoding nor quotes in a shell.
function userpass({ client_id, client_secret }: Credentials): string {
  return `${client_id}:${client_secret}`;
}

function credentials({ client_id, client_secret }: Credentials): Credentials {
  return { client_id, client_secret };
}

async function readCredentials(directory: string, name: keyof Demo): Promise<Credentials | undefined> {
  const text = await readFile(`${directory}/${name}`, 'utf8').catch(() => '');
  const [client_id, client_secret] = text.trim().split(':');
  return client_id && client_secret ? { client_id, client_secret } : undefined;
}

function writeCredentials(directory: string, name: keyof Demo, client: Credentials): Promise<void> {
  return writeFile(`${directory}/${name}`, `${userpass(client)}\n`, { mode: SECRET_FILE_MODE });
}
