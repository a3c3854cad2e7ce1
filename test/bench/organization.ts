import type { RunningEdgemint } from '../harness/edgemint.ts';
import type { MachineKey } from './signing.ts';
import { type Credentials, RESOURCE, SCOPE } from './subject.ts';

/** How many clients are created at the same time. */
const AT_ONCE = 20;

/** An organization of a running Edgemint, with one resource server. */
export class Organization {
  readonly #edgemint: RunningEdgemint;
  readonly #id: string;

  private constructor(edgemint: RunningEdgemint, id: string) {
    this.#edgemint = edgemint;
    this.#id = id;
  }

  static async create(edgemint: RunningEdgemint): Promise<Organization> {
    const { id } = await post<{ id: string }>(edgemint, 'organizations', { name: 'Benchmark' });
    const organization = new Organization(edgemint, id);
    const scopes = SCOPE.split(' ').map((name) => ({ name }));
    await organization.#post('resource-servers', { identifier: RESOURCE, name: 'Orders', scopes });
    return organization;
  }

  /** Creates clients with a secret. */
  withSecret(count: number, fields: object = {}): Promise<Credentials[]> {
    return this.#machines(count, fields);
  }

  /** Creates clients that authenticate by the same key. */
  withKey(count: number, key: MachineKey, fields: object = {}): Promise<{ client_id: string }[]> {
    return this.#machines(count, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.publicJwk] },
      ...fields,
    });
  }

  /** Creates a client that introspects. */
  introspector(): Promise<Credentials> {
    return this.#post('clients', { client_name: 'Resource server', introspects: [RESOURCE] });
  }

  async #machines<T>(count: number, fields: object): Promise<T[]> {
    const grants = [{ resource_server: RESOURCE, scopes: SCOPE.split(' ') }];
    const created: T[] = [];
    while (created.length < count) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - created.length) }, (_, index) =>
        this.#post<T>('clients', { client_name: `Machine ${created.length + index}`, grants, ...fields }),
      );
      created.push(...(await Promise.all(some)));
    }
    return created;
  }

  #post<T>(path: string, body: object): Promise<T> {
    return post(this.#edgemint, path, { organization_id: this.#id, ...body });
  }
}

async function post<T>({ issuer, rootApiKey }: RunningEdgemint, path: string, body: object): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${rootApiKey}` };
  const response = await fetch(`${issuer}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json() as Promise<T>;
}
