import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import type { RunCommand } from '../edgemint/io.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';

/** The organization that the items of a seed belong to. */
const ORGANIZATION = 'Seed';
const SECRET_VARIABLE = 'EDGEMINT_SEED_SECRET_';

interface Seed {
  readonly text: string;
  readonly clientIds: readonly string[];
  /** The variables that hold the secrets that the file has written out. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Applies a declaration file to the local service. Applied again, it changes nothing.
 * @param base the URL of the service
 * @returns the client ids that the file fixes
 * @throws Failure if the file cannot be read or applied
 */
export async function applySeed(
  base: string,
  rootApiKey: string,
  file: string,
  run: RunCommand,
): Promise<readonly string[]> {
  const { text, env, clientIds } = await readSeed(file);
  const EDGEMINT_ORGANIZATION = await ensureOrganization(base, rootApiKey);
  const connection = { EDGEMINT_URL: base, EDGEMINT_API_KEY: rootApiKey, EDGEMINT_ORGANIZATION };
  let output = '';
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        output += chunk;
        done();
      },
    });
  const code = await run(['apply', '--file', '-', '--yes'], {
    stdin: Readable.from([text]),
    stdout: sink(),
    stderr: sink(),
    env: { ...process.env, ...env, ...connection },
    home: homedir(),
    signals: process,
    sleep: (milliseconds) => sleep(milliseconds),
  });
  if (code !== 0) throw new Failure(`${file} could not be applied:\n${output.replaceAll('stdin:', `${file}:`).trim()}`);
  return clientIds;
}

/**
 * Reads a seed. Unlike other declaration files it may have secrets written out: `apply` takes them from the environment only, so that
 * nobody commits those of a deployment.
 */
export async function readSeed(file: string): Promise<Seed> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be read.`);
  });
  const document = parseDocument(text, { merge: true });
  const clients = document.errors.length === 0 ? document.get('clients', true) : undefined;
  const env: Record<string, string> = {};
  const clientIds: string[] = [];
  for (const client of isSeq(clients) ? clients.items : []) {
    if (!isMap(client)) continue;
    const id = client.get('client_id');
    if (typeof id === 'string') clientIds.push(id);
    const secret = client.get('client_secret', true);
    if (isScalar(secret) && typeof secret.value === 'string') {
      const name = `${SECRET_VARIABLE}${Object.keys(env).length}`;
      env[name] = secret.value;
      // On one line, so that complaints name the right lines.
      const node = document.createNode({ env: name }) as YAMLMap;
      node.flow = true;
      client.set('client_secret', node);
    }
    // `apply` reads the file from its input, and so does not know its folder.
    if (isMap(secret) && typeof secret.get('file') === 'string')
      secret.set('file', resolve(dirname(file), String(secret.get('file'))));
  }
  // A file that YAML does not understand is left as it is, so that `apply` names the place.
  return { text: document.errors.length > 0 ? text : String(document), env, clientIds };
}

async function ensureOrganization(base: string, rootApiKey: string): Promise<string> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` };
  const url = `${base}/v1/organizations`;
  const call = async (target: string, init: RequestInit) => {
    const response = await fetch(target, { ...init, headers });
    if (!response.ok)
      throw new Failure(`The organization of the seed could not be made: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const { data }: { data: { id: string; name: string }[] } = await call(`${url}?limit=100`, {});
  const found = data.find(({ name }) => name === ORGANIZATION);
  if (found) return found.id;
  const made: { id: string } = await call(url, { method: 'POST', body: JSON.stringify({ name: ORGANIZATION }) });
  return made.id;
}
