import { expect, test } from 'vitest';
import { fieldNames, SECTIONS } from '../../../src/declaration/fields.ts';
import { edgemint } from './fixture.ts';

const COMPONENTS = {
  resource_servers: 'NewResourceServer',
  roles: 'NewRole',
  clients: 'NewClient',
  webhooks: 'NewWebhook',
} as const;
/** Fields of a creation that a file cannot have: the organization, and the credentials of an imported client. */
const NOT_IN_A_FILE = ['organization_id', 'client_id', 'client_secret'];

test.each(SECTIONS)('a file can say of %s all that the API takes', async (section) => {
  const response = await fetch(`${edgemint.issuer}/openapi.json`);
  const { components } = (await response.json()) as { components: { schemas: Record<string, object> } };
  const { properties } = components.schemas[COMPONENTS[section]] as { properties: object };
  const taken = Object.keys(properties).filter((name) => !NOT_IN_A_FILE.includes(name));
  expect(fieldNames(section).toSorted()).toEqual(taken.toSorted());
});
