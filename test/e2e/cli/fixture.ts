import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../../harness/edgemint.ts';
import { Person } from './person.ts';

/** The server that all suites of the command line share. Each suite creates its own organization and resource servers. */
export let edgemint: RunningEdgemint;

beforeAll(async () => {
  edgemint = await startEdgemint({ network: receive });
});

afterAll(() => edgemint?.stop());

/** The network outside: one receiver takes webhooks, and nothing else answers. */
function receive({ headers, url }: IncomingMessage, response: ServerResponse): void {
  if (headers.host === 'hooks.example.com' && url === '/in') response.writeHead(204).end();
  else response.destroy();
}

/** Creates a user who has the root key. With `name`, an organization of that name is created and used by default. */
export async function administrator(name?: string): Promise<Person> {
  const person = await Person.arrive({ EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey });
  if (name !== undefined) person.env.EDGEMINT_ORGANIZATION = await newOrganization(person, name);
  return person;
}

/** Creates an organization. @returns its id */
export async function newOrganization(person: Person, name: string): Promise<string> {
  return (await person.json<{ id: string }>(['organizations', 'create', '--name', name])).id;
}
