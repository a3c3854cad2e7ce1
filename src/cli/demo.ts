import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Failure } from './failure.ts';

/** Beside the local database, so that both go when .wrangler/ goes: a file for each client, `client_id:client_secret` as curl takes it. */
const DIRECTORY = '.wrangler/demo';

const RESOURCE_SERVER = 'https://orders.demo.example';

interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** The demo's clients: one that gets tokens for its resource server, and the resource server's own, which introspects them. */
export interface Demo {
  readonly worker: Credentials;
  readonly api: Credentials;
}

/**
 * The demo that was seeded before.
 * @param base the service's URL, up to its endpoints' paths
 * @returns undefined where there is none, or the service does not know it: database and secrets may change behind the file's back
 */
export async function findDemo(base: string): Promise<Demo | undefined> {
  const [worker, api] = await Promise.all([readCredentials('worker'), readCredentials('api')]);
  if (!worker || !api) return undefined;
  const demo = { worker, api };
  const headers = { Authorization: `Basic ${btoa(userpass(demo.worker))}` };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const { status } = await fetch(`${base}/oauth2/token`, { method: 'POST', headers, body });
  // With another MASTER_KEY than the database was made with the service cannot work at all.
  return status === 401 || status === 500 ? undefined : demo;
}

/** Makes the demo by the management API, and keeps its credentials. @throws Failure where the API refuses */
export async function seedDemo(base: string, rootApiKey: string): Promise<Demo> {
  const create = async (path: string, fields: object) => {
    const response = await fetch(`${base}/v1/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` },
      body: JSON.stringify(fields),
    });
    if (response.status !== 201) {
      throw new Failure(`The demo could not be seeded: ${path}: ${response.status} ${await response.text()}`);
    }
    return response.json();
  };
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
  await mkdir(DIRECTORY, { recursive: true });
  await Promise.all([writeCredentials('worker', demo.worker), writeCredentials('api', demo.api)]);
  return demo;
}

/** Lines to paste into a shell: one gets a token, the other gets one and introspects it. */
export function curlLines(
  base: string,
  { worker, api }: Demo,
): { readonly token: string; readonly introspect: string } {
  const token = `curl -s -u ${userpass(worker)} -d grant_type=client_credentials ${base}/oauth2/token`;
  // A JWT's header begins with {" and so the token with eyJ.
  const accessToken = `$(${token} | grep -o 'eyJ[^"]*')`;
  return { token, introspect: `curl -s -u ${userpass(api)} -d "token=${accessToken}" ${base}/oauth2/introspect` };
}

// Generated ids and secrets are letters, digits and "_": nothing in them needs form-encoding, or quoting in a shell.
function userpass({ client_id, client_secret }: Credentials): string {
  return `${client_id}:${client_secret}`;
}

function credentials({ client_id, client_secret }: Credentials): Credentials {
  return { client_id, client_secret };
}

async function readCredentials(name: keyof Demo): Promise<Credentials | undefined> {
  const text = await readFile(`${DIRECTORY}/${name}`, 'utf8').catch(() => '');
  const [client_id, client_secret] = text.trim().split(':');
  return client_id && client_secret ? { client_id, client_secret } : undefined;
}

function writeCredentials(name: keyof Demo, client: Credentials): Promise<void> {
  return writeFile(`${DIRECTORY}/${name}`, `${userpass(client)}\n`, { mode: 0o600 });
}
