import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectAccessible, hasChromium, type OpenConsole, openConsole, signIn } from './harness.ts';

// The pages that set machines up: new clients, rotations, resource servers and roles.

const API = 'https://api.example.com/orders';

let opened: OpenConsole;
/** Signed in as an administrator of the instance. */
let page: Page;

beforeAll(async () => {
  if (!hasChromium) return;
  opened = await openConsole();
  page = await opened.newPage();
  await signIn(page, opened.url, opened.edgemint.rootApiKey);
});

afterAll(() => opened?.close());

afterEach(() => expect(opened?.complaints.splice(0) ?? []).toEqual([]));

interface Organization {
  readonly id: string;
  /** The URL of its pages. */
  readonly url: string;
}

async function newOrganization(name: string): Promise<Organization> {
  const { id } = await opened.request<{ id: string }>('POST', '/v1/organizations', { name });
  return { id, url: `${opened.url}/organizations/${id}` };
}

const scopes = ['orders:read', 'orders:write'].map((name) => ({ name, description: '' }));

function newServer({ id }: Organization, identifier = API): Promise<{ id: string }> {
  return opened.request('POST', '/v1/resource-servers', { organization_id: id, identifier, name: 'Orders', scopes });
}

interface NewClient {
  readonly client_id: string;
  readonly client_secret: string;
}

function newClient({ id }: Organization, fields: object = {}): Promise<NewClient> {
  return opened.request('POST', '/v1/clients', { organization_id: id, client_name: 'Worker', ...fields });
}

const grantOf = (identifier: string, ...granted: string[]) => [{ resource_server: identifier, scopes: granted }];

/** Runs a command as a person does who pastes it into a shell that has the secret. */
async function run(command: string, secret: string): Promise<string> {
  const env = { ...process.env, CLIENT_SECRET: secret };
  return (await promisify(execFile)('sh', ['-c', command], { env })).stdout;
}

async function shownSecret(of: Page): Promise<string> {
  const [secret = ''] = /ems_\w+/.exec((await of.getByText(/^ems_/).textContent()) ?? '') ?? [];
  expect(secret).not.toBe('');
  return secret;
}

async function shownCode(of: Page, language: string): Promise<string> {
  return (await of.getByRole('tabpanel', { name: language, exact: true }).locator('pre').textContent()) ?? '';
}

const field = (of: Page, name: string) => of.getByRole('textbox', { name, exact: true });
const button = (of: Page, name: string) => of.getByRole('button', { name, exact: true });
const answer = (of: Page, question: RegExp, name: string) =>
  of.getByRole('radiogroup', { name: question }).getByRole('radio', { name, exact: true }).click();

describe.skipIf(!hasChromium)('a new client', () => {
  test('gets a method by five questions, and another one by choice', async () => {
    const { url } = await newOrganization('Questions');
    await page.goto(`${url}/clients/new`);
    const method = page.getByRole('region', { name: 'Authentication method' });
    await expectText(method, 'client_secret_basic');
    await answer(page, /private key/, 'Yes');
    await expectText(method, 'private_key_jwt');
    await answer(page, /Who runs/, 'GitHub Actions');
    await expectText(method, 'federated_jwt');
    await expectText(method, 'no credential to store');
    await answer(page, /stolen token/, 'Yes');
    await expectText(method, 'DPoP');
    await method.getByText('Choose another method').click();
    await method.getByRole('combobox', { name: 'Method' }).click();
    await page.getByRole('option', { name: /^A private key/ }).click();
    await expectText(method, 'Your choice');
    await expectText(method, 'Recommended would be');
    await page.getByRole('textbox', { name: /Public keys/ }).waitFor();
    await button(page, 'Follow the recommendation').click();
    await expectText(method, 'federated_jwt');
    await button(page, 'Start over').click();
  });

  test('is created with a resource server that is made on the way, and its first token is seen', async () => {
    const { url } = await newOrganization('First token');
    await page.goto(`${url}/clients/new`);
    await field(page, 'Name').fill('Invoice worker');
    await page.getByText('There is no resource server yet').waitFor();
    await page.getByRole('link', { name: 'New resource server' }).click();
    await field(page, 'Identifier').fill(`${API}/first`);
    await field(page, 'Name').fill('Orders');
    await field(page, 'Scope 1').fill('orders:read');
    await button(page, 'Create the resource server').click();
    await page.getByRole('heading', { name: 'New client' }).waitFor();
    expect(await field(page, 'Name').inputValue()).toBe('Invoice worker');
    await page.getByRole('checkbox', { name: 'orders:read' }).click();
    await button(page, 'Create the client').click();

    await page.getByText('Waiting for the first token').waitFor();
    const secret = await shownSecret(page);
    const command = await shownCode(page, 'curl');
    expect(command).not.toContain(secret);
    for (const language of ['edgemint-sdk', 'Go', 'Python']) {
      await page.getByRole('tab', { name: language }).click();
      const code = await shownCode(page, language);
      expect(code).toContain(`${opened.edgemint.issuer}`);
      expect(code).not.toContain(secret);
    }
    expect(JSON.parse(await run(command, secret))).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' });
    await page.getByText('First token seen').waitFor();
    await expectAccessible(page);

    // Nobody has copied the secret yet.
    const leave: readonly (() => Promise<unknown>)[] = [
      () => page.getByRole('link', { name: 'Open the client' }).first().click(),
      () => page.evaluate('history.back()'),
      () => button(page, 'Sign out').click(),
    ];
    const asked: string[] = [];
    for (const each of leave) {
      page.once('dialog', (question) => {
        asked.push(question.type());
        void question.dismiss();
      });
      await each();
      await expect.poll(() => asked.splice(0), { message: String(each) }).toEqual(['confirm']);
      expect(await shownSecret(page)).toBe(secret);
      expect(page.url()).toMatch(/\/clients\/new$/);
    }
    await button(page, 'Copy Client secret').click();
    await page.getByText('Copied').first().waitFor();
    await page.getByRole('link', { name: 'Open the client' }).first().click();
    await page.getByRole('heading', { name: 'Invoice worker', level: 1 }).waitFor();
    await page.getByRole('tab', { name: 'Credentials' }).waitFor();

    // What was typed is not offered for the next client.
    await page.goto(`${url}/clients/new`);
    await page.getByRole('combobox', { name: 'Add a resource server' }).waitFor();
    expect(await field(page, 'Name').inputValue()).toBe('');
  });

  test('that is refused shows the sentence of the diagnosis', async () => {
    const organization = await newOrganization('Refused');
    await newServer(organization, `${API}/refused`);
    await page.goto(`${organization.url}/clients/new`);
    await field(page, 'Name').fill('Refused worker');
    await page.getByRole('combobox', { name: 'Add a resource server' }).click();
    await page.getByRole('option', { name: /refused/ }).click();
    await button(page, 'Create the client').click();
    await page.getByText('Waiting for the first token').waitFor();
    const command = await shownCode(page, 'curl');
    const [client_id = ''] = /emc_\w+/.exec(command) ?? [];
    await opened.request('PATCH', `/v1/clients/${client_id}`, { status: 'disabled' });
    await run(command, await shownSecret(page));
    const status = page.getByRole('status').filter({ hasText: 'A request was refused' });
    await status.waitFor();
    const { summary } = await opened.request<{ summary: { meaning: string; next_step: string }[] }>(
      'GET',
      `/v1/clients/${client_id}/diagnosis`,
    );
    await expectText(status, summary[0]?.meaning ?? '?');
    await expectText(status, summary[0]?.next_step ?? '?');
  });

  test('shows a refusal at its field, and never sends a private key', async () => {
    const organization = await newOrganization('Errors');
    await newClient(organization, { client_name: 'Taken' });
    await page.goto(`${organization.url}/clients/new`);
    await button(page, 'Create the client').click();
    await page.getByText('A name is required.').waitFor();
    await field(page, 'Name').fill('Taken');
    await button(page, 'Create the client').click();
    await page.getByText(/has this name/).waitFor();
    const described = await field(page, 'Name').getAttribute('aria-describedby');
    const texts = await Promise.all(
      (described ?? '').split(' ').map((id) => page.locator(`[id="${id}"]`).textContent()),
    );
    expect(texts.join()).toContain('has this name');

    await answer(page, /private key/, 'Yes');
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    await page.getByRole('textbox', { name: /Public keys/ }).fill('{"kty":"EC","d":"private"}');
    await button(page, 'Create the client').click();
    await page.getByText(/This has a private key/).waitFor();
    expect(sent.join()).not.toContain('private"');
  });

  test('of a platform has the federated identity that was described', async () => {
    const organization = await newOrganization('Platform');
    await page.goto(`${organization.url}/clients/new`);
    await answer(page, /Who runs/, 'GitHub Actions');
    await field(page, 'Name').fill('Deployment');
    await field(page, 'Repository id').fill('74');
    await page.getByRole('textbox', { name: /^Environment/ }).fill('production');
    await button(page, 'Create the client').click();
    const workflow = page.getByRole('tabpanel', { name: 'GitHub Actions' });
    await expectText(workflow, 'id-token: write');
    await expectText(workflow, 'environment: production');
    await page.getByText(/every token request is refused/).waitFor();
    const { data } = await opened.request<{ data: Record<string, unknown>[] }>(
      'GET',
      `/v1/clients?organization_id=${organization.id}`,
    );
    expect(data).toMatchObject([
      {
        token_endpoint_auth_method: 'federated_jwt',
        federated_identities: [{ claims: { repository_id: '74', environment: 'production' } }],
      },
    ]);
  });
});

describe.skipIf(!hasChromium)('a rotation', () => {
  const secretsOf = async (client: string) =>
    (await opened.request<{ data: { id: string; rank: string }[] }>('GET', `/v1/clients/${client}/secrets`)).data;

  test('goes from a new secret to the deletion of the old one, and is resumed after a reload', async () => {
    const organization = await newOrganization('Rotation');
    await newServer(organization, `${API}/rotation`);
    const { client_id } = await newClient(organization, { grants: grantOf(`${API}/rotation`, 'orders:read') });
    const [old] = await secretsOf(client_id);
    await page.goto(`${organization.url}/clients/${client_id}/rotate`);
    await expectStep('Create a new secret');
    await button(page, 'Create the new secret').click();
    await expectStep('Deploy it');
    const secret = await shownSecret(page);
    await page.reload();
    await expectStep('Deploy it');
    expect(await page.content()).not.toContain(secret);

    const token = `curl -s ${opened.edgemint.issuer}/oauth2/token -u "${client_id}:$CLIENT_SECRET" -d grant_type=client_credentials`;
    expect(JSON.parse(await run(token, secret))).toHaveProperty('access_token');
    // Without a reload: the page reads the last uses again.
    await expectStep('Watch the old one');
    await button(page, 'Delete the old secret now').waitFor();
    const aDayAgo = Date.now() - 30 * 3_600_000;
    const db = await opened.edgemint.database();
    await db.prepare('UPDATE client_secrets SET rotated_at = ? WHERE id = ?').bind(aDayAgo, old?.id).run();
    await expectStep('Delete the old one');
    await expectAccessible(page);
    await button(page, 'Delete the old secret').click();
    await button(page, 'Delete the secret').click();
    await page.getByText('The rotation is finished').waitFor();
    expect((await secretsOf(client_id)).map(({ id }) => id)).not.toContain(old?.id);
  });

  test('is cancelled, which deletes the new secret', async () => {
    const organization = await newOrganization('Cancelled');
    const { client_id } = await newClient(organization);
    const before = await secretsOf(client_id);
    await page.goto(`${organization.url}/clients/${client_id}/rotate`);
    await button(page, 'Create the new secret').click();
    await button(page, 'Cancel the rotation').click();
    await button(page, 'Go back to the old secret').click();
    await page.getByRole('heading', { name: 'Delete the new secret' }).waitFor();
    await page.reload();
    await button(page, 'Delete the new secret').click();
    await button(page, 'Delete the secret').click();
    await page.getByText('Everything is as it was before').waitFor();
    expect((await secretsOf(client_id)).map(({ id, rank }) => [id, rank])).toEqual([[before[0]?.id, 'primary']]);
  });

  test('of an old secret that may be in use asks for the name of the client', async () => {
    const organization = await newOrganization('Early');
    const { client_id } = await newClient(organization, { client_name: 'Careful worker' });
    await opened.request('POST', `/v1/clients/${client_id}/secrets/rotate`, {});
    await page.goto(`${organization.url}/clients/${client_id}/rotate`);
    await button(page, 'Delete the old secret now').click();
    await page.getByText(/never used: the machine may not have it/).waitFor();
    expect(await button(page, 'Delete the secret').isDisabled()).toBe(true);
    await page.getByRole('textbox', { name: /Type Careful worker/ }).fill('Careful worker');
    await button(page, 'Delete the secret').click();
    await page.getByText('The rotation is finished').waitFor();
    expect(await secretsOf(client_id)).toHaveLength(1);
  });

  test('of a client without a secret is explained', async () => {
    const organization = await newOrganization('No secret');
    const { client_id } = await newClient(organization, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://worker.example.com/jwks.json',
    });
    await page.goto(`${organization.url}/clients/${client_id}/rotate`);
    await page.getByText('This client has no secret').waitFor();
    await page.getByText(/publishes the new key beside the old one/).waitFor();
  });

  async function expectStep(label: string): Promise<void> {
    await page.locator('[aria-current="step"]').filter({ hasText: label }).waitFor();
  }
});

describe.skipIf(!hasChromium)('resource servers', () => {
  test('show who holds each scope, and who loses one that is removed', async () => {
    const organization = await newOrganization('Holders');
    const identifier = `${API}/holders`;
    const { id } = await newServer(organization, identifier);
    const grants = grantOf(identifier, 'orders:read');
    await opened.request('POST', '/v1/roles', { organization_id: organization.id, name: 'reader', grants });
    await newClient(organization, { client_name: 'By role', roles: ['reader'] });
    const { client_id } = await newClient(organization, { client_name: 'Directly', grants });
    await page.goto(`${organization.url}/resource-servers`);
    await page.getByRole('link', { name: identifier }).click();
    const row = page.getByRole('row', { name: /orders:read/ });
    await row.getByText('2', { exact: true }).click();
    await row.getByRole('link', { name: 'By role' }).waitFor();
    await row.getByRole('link', { name: 'Directly' }).waitFor();

    await page.getByRole('tab', { name: 'Change' }).click();
    await button(page, 'Remove scope orders:read').click();
    await button(page, 'Save').click();
    const dialog = page.getByRole('dialog', { name: '2 would lose a scope' });
    await dialog.getByRole('link', { name: 'reader' }).waitFor();
    await dialog.getByRole('link', { name: 'Directly' }).waitFor();
    const confirm = button(page, 'Save, and take it from 2');
    expect(await confirm.isDisabled()).toBe(true);
    const server = await opened.request<{ scopes: unknown[] }>('GET', `/v1/resource-servers/${id}`);
    expect(server.scopes).toHaveLength(2);
    await dialog.getByRole('textbox', { name: /to confirm/ }).fill(identifier);
    await confirm.click();
    await page.getByText('The resource server was changed').waitFor();
    const client = await opened.request('GET', `/v1/clients/${client_id}`);
    expect(client).toMatchObject({ grants: [{ scopes: [] }] });
  });

  test('are changed with all their fields', async () => {
    const organization = await newOrganization('Fields');
    const { id } = await newServer(organization, `${API}/fields`);
    await page.goto(`${organization.url}/resource-servers/${id}#settings`);
    await field(page, 'Name').fill('Orders, changed');
    await answer(page, /more scopes/, 'gets the granted ones');
    await answer(page, /Introspection/, 'perhaps a minute or more later');
    await page.getByRole('spinbutton', { name: /Token lifetime/ }).fill('600');
    await page.getByRole('combobox', { name: 'Signing algorithm' }).click();
    await page.getByRole('option', { name: 'EdDSA' }).click();
    await page.getByRole('textbox', { name: /reserved claims/ }).fill('groups,');
    await button(page, 'Save').click();
    await page.getByText('The resource server was changed').waitFor();
    expect(await opened.request('GET', `/v1/resource-servers/${id}`)).toMatchObject({
      name: 'Orders, changed',
      scope_policy: 'narrow',
      introspection: 'edge',
      access_token_ttl: 600,
      signing_alg: 'EdDSA',
      accepted_claims: ['groups'],
      scopes: [{ name: 'orders:read' }, { name: 'orders:write' }],
    });
  });

  test('are deleted after the name was typed, and again with the names of those who lose them', async () => {
    const organization = await newOrganization('Deletion');
    const identifier = `${API}/deletion`;
    const { id } = await newServer(organization, identifier);
    await newClient(organization, { client_name: 'Loser', grants: grantOf(identifier, 'orders:read') });
    await page.goto(`${organization.url}/resource-servers/${id}`);
    await button(page, 'Delete').click();
    await page.getByRole('textbox', { name: /to confirm/ }).fill(identifier);
    await button(page, 'Delete the resource server').click();
    const second = page.getByRole('dialog', { name: '1 would lose it' });
    await second.getByRole('link', { name: 'Loser' }).waitFor();
    expect(await second.getByRole('textbox', { name: /to confirm/ }).inputValue()).toBe('');
    await second.getByRole('textbox', { name: /to confirm/ }).fill(identifier);
    await button(page, 'Delete it, and take it from 1').click();
    await page.getByText('No resource server yet').waitFor();
  });
});

describe.skipIf(!hasChromium)('roles', () => {
  test('are created, and a change says which clients lose what', async () => {
    const organization = await newOrganization('Roles');
    const identifier = `${API}/roles`;
    await newServer(organization, identifier);
    await page.goto(`${organization.url}/roles`);
    await page.getByText('No role yet').waitFor();
    await page.getByRole('link', { name: 'New role' }).first().click();
    await field(page, 'Name').fill('order-admin');
    await page.getByRole('combobox', { name: 'Add a resource server' }).click();
    await page.getByRole('option', { name: /roles/ }).click();
    for (const { name } of scopes) await page.getByRole('checkbox', { name }).click();
    await button(page, 'Create the role').click();
    await page.getByRole('heading', { name: 'order-admin' }).waitFor();

    const roles = ['order-admin'];
    await newClient(organization, { client_name: 'Keeps it', roles, grants: grantOf(identifier, 'orders:write') });
    const { client_id } = await newClient(organization, { client_name: 'Loses it', roles });
    await page.reload();
    await page.getByRole('link', { name: 'Keeps it' }).waitFor();
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.getByRole('checkbox', { name: 'orders:write' }).click();
    await button(page, 'Save').click();
    const dialog = page.getByRole('dialog', { name: 'Clients lose something' });
    await dialog.getByText('Loses it').waitFor();
    expect(await dialog.getByText('Keeps it').count()).toBe(0);
    await dialog.getByRole('textbox', { name: /to confirm/ }).fill('order-admin');
    await button(page, 'Save the change').click();
    await page.getByText('The role was changed').waitFor();
    const effective = await opened.request('GET', `/v1/clients/${client_id}/effective-scopes`);
    expect(effective).toMatchObject({ data: [{ scopes: [{ name: 'orders:read' }] }] });

    await button(page, 'Delete').click();
    await page.getByRole('textbox', { name: /to confirm/ }).fill('order-admin');
    await button(page, 'Delete the role').click();
    await page.getByRole('dialog', { name: '2 would lose it' }).getByRole('textbox').fill('order-admin');
    await button(page, 'Delete it, and take it from 2').click();
    await page.getByText('No role yet').waitFor();
  });
});

describe.skipIf(!hasChromium)('a form that somebody else was faster than', () => {
  interface Form {
    /** The path in the API. */
    readonly path: string;
    /** The address below the organization. */
    readonly address: string;
    /** The button that opens it. */
    readonly edit?: string;
    readonly label: string;
    readonly member: string;
    readonly save: string;
  }

  const forms: Readonly<Record<string, (organization: Organization) => Promise<Form>>> = {
    'of an organization': async ({ id }) => ({
      path: `/v1/organizations/${id}`,
      address: '',
      edit: 'Edit',
      label: 'Name',
      member: 'name',
      save: 'Save changes',
    }),
    'of a client': async (organization) => {
      const { client_id } = await newClient(organization);
      const path = `/v1/clients/${client_id}`;
      return {
        path,
        address: `/clients/${client_id}`,
        edit: 'Edit',
        label: 'Owner (optional)',
        member: 'owner',
        save: 'Save',
      };
    },
    'of a resource server': async (organization) => {
      const { id } = await newServer(organization, `${API}/conflict`);
      const path = `/v1/resource-servers/${id}`;
      return { path, address: `/resource-servers/${id}#settings`, label: 'Name', member: 'name', save: 'Save' };
    },
    'of a role': async ({ id: organization_id }) => {
      const { id } = await opened.request('POST', '/v1/roles', { organization_id, name: 'reader' });
      const label = 'Description (optional)';
      return { path: `/v1/roles/${id}`, address: `/roles/${id}#settings`, label, member: 'description', save: 'Save' };
    },
  };

  test.each(Object.entries(forms))('shows both versions, and either can win: %s', async (name, prepare) => {
    const organization = await newOrganization(`Conflict ${name}`);
    const { path, address, edit, label, member, save } = await prepare(organization);
    await page.goto(organization.url + address);
    const conflict = page.getByRole('dialog', { name: /Someone else/ });
    const current = async () => (await opened.request(`GET`, path))[member];
    const collide = async (mine: string, theirs: string) => {
      if (edit !== undefined) await button(page, edit).click();
      await field(page, label).fill(mine);
      await opened.request('PATCH', path, { [member]: theirs });
      await button(page, save).click();
      const row = conflict.getByRole('row', { name: member });
      await expect.poll(() => row.getByRole('cell').allTextContents()).toEqual([`"${mine}"`, `"${theirs}"`]);
    };

    await collide('Mine', 'Theirs');
    await expectAccessible(page);
    await button(page, 'Discard mine and reload').click();
    await conflict.waitFor({ state: 'detached' });
    if (edit !== undefined) await button(page, edit).click();
    await expect.poll(() => field(page, label).inputValue()).toBe('Theirs');
    expect(await current()).toBe('Theirs');
    if (edit !== undefined) await button(page, 'Cancel').click();

    await collide('Mine again', 'Theirs again');
    await button(page, 'Overwrite with mine').click();
    await expect.poll(current).toBe('Mine again');
    await conflict.waitFor({ state: 'detached' });
  });

  test('asks before it deletes what was changed', async () => {
    const organization = await newOrganization('Conflict of a deletion');
    const { client_id } = await newClient(organization, { client_name: 'Gone' });
    await page.goto(`${organization.url}/clients/${client_id}`);
    await page.getByRole('heading', { name: 'Gone', level: 1 }).waitFor();
    await button(page, 'More actions').click();
    await page.getByRole('menuitem', { name: /^Delete/ }).click();
    await page.getByRole('textbox', { name: /to confirm/ }).fill('Gone');
    await opened.request('PATCH', `/v1/clients/${client_id}`, { owner: 'ops' });
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Delete/ })
      .click();
    const conflict = page.getByRole('dialog', { name: /Someone else/ });
    await conflict.getByText('Nothing was deleted').waitFor();
    expect(await opened.request('GET', `/v1/clients/${client_id}`)).toMatchObject({ owner: 'ops' });
    await button(page, 'Delete it anyway').click();
    await page.getByText('No clients yet').waitFor();
  });
});

test.skipIf(!hasChromium)('an organization with many clients shows how many gates have its change', async () => {
  const organization = await newOrganization('Crowd');
  const { client_id } = await newClient(organization, { client_name: 'Template' });
  const db = await opened.edgemint.database();
  const columns = await db.prepare("SELECT name FROM pragma_table_info('clients')").all<{ name: string }>();
  // More than the pushes of one request.
  const numbers = 'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 510)';
  const row = columns.results.map(({ name }) =>
    ['client_id', 'client_name', 'folded_name'].includes(name)
      ? `clients.${name} || printf('%06d', n)`
      : `clients.${name}`,
  );
  await db
    .prepare(`${numbers} INSERT INTO clients SELECT ${row} FROM clients, numbers WHERE clients.client_id = ?`)
    .bind(client_id)
    .run();
  const register =
    'INSERT INTO gates (name, client_id) SELECT client_id, client_id FROM clients WHERE organization_id = ? AND client_id <> ?';
  await db.prepare(register).bind(organization.id, client_id).run();
  await page.goto(organization.url);
  await button(page, 'Edit').click();
  await answer(page, /^Subject/, 'The organization');
  await button(page, 'Save changes').click();
  await page.getByText(/The change is being propagated: \d+ of 510 gates have it/).waitFor();
  // As if the scheduled handler, which waits between its attempts, had delivered the rest.
  await db.prepare('DELETE FROM gate_pushes').run();
  await page.getByText('The change has reached every gate').waitFor();
});

describe.skipIf(!hasChromium)('every page', () => {
  let pages: readonly string[];
  let organization: Organization;

  beforeAll(async () => {
    organization = await newOrganization('Pages');
    const identifier = `${API}/pages`;
    const server = await newServer(organization, identifier);
    const grants = grantOf(identifier, 'orders:read');
    const role = await opened.request<{ id: string }>('POST', '/v1/roles', {
      organization_id: organization.id,
      name: 'reader',
      grants,
    });
    const { client_id } = await newClient(organization, { roles: ['reader'], grants });
    await opened.request('POST', `/v1/clients/${client_id}/secrets/rotate`, {});
    pages = [
      '/clients/new',
      `/clients/${client_id}/rotate`,
      '/resource-servers',
      '/resource-servers/new',
      `/resource-servers/${server.id}`,
      `/resource-servers/${server.id}#settings`,
      '/roles',
      '/roles/new',
      `/roles/${role.id}`,
      `/roles/${role.id}#settings`,
    ];
  });

  test('is accessible in light and dark, and fits a phone', async () => {
    const phone = await opened.newPage();
    await signIn(phone, opened.url, opened.edgemint.rootApiKey);
    await phone.setViewportSize({ width: 375, height: 700 });
    for (const address of pages) {
      await page.goto(organization.url + address);
      await settled(page);
      await expectAccessible(page);
      await phone.goto(organization.url + address);
      await settled(phone);
      const width = await phone.evaluate('document.documentElement.scrollWidth');
      expect(width, address).toBeLessThanOrEqual(375);
    }
    await phone.context().close();
  });

  test('offers a session that may only read nothing that writes', async () => {
    const { api_key } = await opened.request<{ api_key: string }>('POST', '/v1/api-keys', {
      organization_id: organization.id,
      name: 'reader',
      scopes: ['clients:read', 'roles:read', 'resource-servers:read'],
    });
    const reading = await opened.newPage();
    await signIn(reading, opened.url, api_key);
    for (const address of pages) {
      await reading.goto(organization.url + address);
      await settled(reading);
      for (const name of ['Save', 'Delete', /^Create/, /^New/]) {
        expect(await reading.getByRole('button', { name }).count(), `${address} ${name}`).toBe(0);
        expect(await reading.getByRole('link', { name }).count(), `${address} ${name}`).toBe(0);
      }
      expect(await reading.getByRole('tab', { name: 'Change' }).count()).toBe(0);
    }
    await reading.context().close();
  });

  async function settled(of: Page): Promise<void> {
    await of.getByRole('heading', { level: 1 }).waitFor();
    await of.waitForLoadState('networkidle');
  }
});

async function expectText(of: { textContent(): Promise<string | null> }, text: string): Promise<void> {
  await expect.poll(() => of.textContent(), { timeout: 20_000 }).toContain(text);
}
