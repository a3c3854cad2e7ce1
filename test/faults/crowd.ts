import { env } from 'cloudflare:workers';
import type { Admission } from '../../src/gates/protocol.ts';
import { gates } from '../client-gate/gate.ts';
import { create } from '../http.ts';

/** Many clients of one organization that share a role, each with a gate that holds its record. */
export interface Crowd {
  readonly organization: string;
  readonly identifier: string;
  readonly server: string;
  readonly role: string;
  readonly clientIds: readonly string[];
  /** Asks every client's gate to admit a token request. */
  readonly ask: () => Promise<Admission[]>;
}

const hashOf = (clientId: string) => `hash of ${clientId}`;

/** Calls `act` for each client, at most 50 at once. */
async function each<T>(clientIds: readonly string[], act: (clientId: string) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let begin = 0; begin < clientIds.length; begin += 50) {
    answers.push(...(await Promise.all(clientIds.slice(begin, begin + 50).map(act))));
  }
  return answers;
}

/** Creates a crowd. Its rows are inserted directly into D1; its gates are registered by their first requests. */
export async function crowd(name: string, size: number): Promise<Crowd> {
  const { id: organization = '' } = await create('organizations', { name });
  const identifier = `https://${name}.example.com`;
  const { id: server = '' } = await create('resource-servers', {
    organization_id: organization,
    identifier,
    name,
    scopes: [{ name: 'read' }, { name: 'write' }],
  });
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  const { id: role = '' } = await create('roles', { organization_id: organization, name: 'crowd', grants });

  const clientIds = Array.from({ length: size }, (_, index) => `${name}-${String(index).padStart(4, '0')}`);
  const ids = JSON.stringify(clientIds);
  const insert = (sql: string, ...values: unknown[]) => env.DB.prepare(sql).bind(ids, ...values);
  await env.DB.batch([
    insert(
      `INSERT INTO clients (client_id, organization_id, client_name, token_endpoint_auth_method, rate_limit_per_minute,
        rate_limit_burst, claims, metadata, status, version, created_at, updated_at)
        SELECT value, ?2, value, 'client_secret_basic', 600, 100, '{}', '{}', 'active', 1, 0, 0 FROM json_each(?1)`,
      organization,
    ),
    insert(
      `INSERT INTO client_secrets (id, client_id, rank, hash, hint, created_at)
        SELECT 'sec_' || value, value, 'primary', 'hash of ' || value, '1234', 0 FROM json_each(?1)`,
    ),
    insert('INSERT INTO client_roles SELECT value, ?2 FROM json_each(?1)', role),
  ]);
  const ask = () =>
    each(clientIds, (client_id) => gates.admit({ client_id, proof: { kind: 'secret', hashes: [hashOf(client_id)] } }));
  await ask();
  return { organization, identifier, server, role, clientIds, ask };
}

/** Counts the admissions that grant exactly these scopes. */
export function admittedWith(answers: readonly Admission[], scopes: string): number {
  return answers.filter((answer) => answer.outcome === 'admitted' && answer.grant.scopes.join(' ') === scopes).length;
}
