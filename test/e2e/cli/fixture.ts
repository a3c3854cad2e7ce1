import { afterAll, beforeAll } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../../harness/edgemint.ts';
import { Person } from './person.ts';

/** The server of all suites of the command line. Each suite makes an organization and resource servers of its own. */
export let edgemint: RunningEdgemint;

beforeAll(async () => {
  edgemint = await startEdgemint();
});

afterAll(() => edgemint?.stop());

/** A user with the root key, and `name` as their organization if it is given. */
export async function administrator(name?: string): Promise<Person> {
  const person = await Person.arrive({ EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey });
  if (name !== undefined) person.env.EDGEMINT_ORGANIZATION = await newOrganization(person, name);
  return person;
}

/** @returns the id */
export async function newOrganization(person: Person, name: string): Promise<string> {
  return (await person.json<{ id: string }>(['organizations', 'create', '--name', name])).id;
}
