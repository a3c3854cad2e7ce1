import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';

export const RESOURCE = 'https://orders.example.com';

export type RegisteredClient = {
  client_id: string;
  client_secret: string;
};

type Fields = Readonly<Record<string, unknown>>;

/** Registers the clients of the tests: one with two granted scopes, and the resource server's own client, which introspects. */
export async function register({ issuer, rootApiKey }: Pick<RunningEdgemint, 'issuer' | 'rootApiKey'>) {
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` };
    const response = await fetch(`${issuer}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const { id: organization_id } = await post<{ id: string }>('organizations', { name: 'Interop' });
  const scopes = [{ name: 'orders:read' }, { name: 'orders:write' }];
  await post('resource-servers', { organization_id, identifier: RESOURCE, name: 'Orders', scopes });
  const grants = [{ resource_server: RESOURCE, scopes: ['orders:read', 'orders:write'] }];
  /** Registers another client with the same grants as `machine`. */
  const registerMachine = (fields: Fields = {}) =>
    post<RegisteredClient>('clients', { organization_id, client_name: randomUUID(), grants, ...fields });
  const machine = await registerMachine();
  const api = await post<RegisteredClient>('clients', { organization_id, client_name: 'api', introspects: [RESOURCE] });
  return { machine, api, registerMachine };
}

type Loop = { edgemint: RunningEdgemint } & Awaited<ReturnType<typeof register>>;

/** Starts Edgemint for the tests of a file and registers the clients. The members of the result are set when the tests run. */
export function startLoop(): Loop {
  const loop: Partial<Loop> = {};
  beforeAll(async () => {
    loop.edgemint = await startEdgemint();
    Object.assign(loop, await register(loop.edgemint));
  });
  afterAll(() => loop.edgemint?.stop());
  return loop as Loop;
}
