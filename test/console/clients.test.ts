import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expectAccessible, hasChromium, type OpenConsole, openConsole, signIn } from './harness.ts';

/** How long the page may take to show something, on a machine that does other things as well. */
const SOON = { timeout: 20_000 };
const ORDERS = 'https://api.example.com/orders';

interface Client {
  readonly client_id: string;
  readonly client_name: string;
  readonly client_secret: string;
}

describe.skipIf(!hasChromium)('the pages of clients', () => {
  let open: OpenConsole;
  let page: Page;
  let organizationId: string;
  let clients: string;

  const create = (client_name: string, more: object = {}) =>
    open.request<Client>('POST', '/v1/clients', { organization_id: organizationId, client_name, ...more });
  const withGrants = (client_name: string, more: object = {}) =>
    create(client_name, { grants: [{ resource_server: ORDERS, scopes: ['orders:read', 'orders:write'] }], ...more });
  const read = ({ client_id }: Client) => open.request('GET', `/v1/clients/${client_id}`);
  const addressOf = ({ client_id }: Client, tab = '') => `${clients}/${client_id}${tab && `#${tab}`}`;
  /** Opens an address, also if the page that is open differs only in its part after `#`. */
  const go = async (address: string) => {
    await page.goto('about:blank');
    await page.goto(address);
  };
  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');
  const token = ({ client_id, client_secret }: Client, more: Record<string, string> = {}) =>
    fetch(`${open.edgemint.issuer}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret, ...more }),
    });

  beforeAll(async () => {
    open = await openConsole();
    organizationId = (await open.request<{ id: string }>('POST', '/v1/organizations', { name: 'Acme' })).id;
    clients = `${open.url}/organizations/${organizationId}/clients`;
    page = await open.newPage();
    await signIn(page, clients, open.edgemint.rootApiKey);
  });

  beforeEach(async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  afterAll(() => open?.close());

  test('an organization without clients is told what to do first', async () => {
    await go(clients);
    await page.getByText('No clients yet').waitFor();
    expect(await page.getByRole('link', { name: 'New client' }).first().getAttribute('href')).toMatch(
      /\/clients\/new$/,
    );
    await expectAccessible(page);
    // Everything below needs it.
    await open.request('POST', '/v1/resource-servers', {
      organization_id: organizationId,
      identifier: ORDERS,
      name: 'Orders',
      scopes: [{ name: 'orders:read' }, { name: 'orders:write' }],
    });
    const grants = [{ resource_server: ORDERS, scopes: ['orders:read'] }];
    await open.request('POST', '/v1/roles', { organization_id: organizationId, name: 'order-reader', grants });
  });

  describe('the list', () => {
    const names = () => page.getByRole('table').getByRole('link').allTextContents();

    test('is filtered by what the address says, and says in the address how it is filtered', async () => {
      await create('Invoices', { owner: 'billing@example.com' });
      await create('Inventory', { status: 'disabled' });
      await create('Reports', { owner: 'billing@example.com' });
      await go(`${clients}?owner=billing%40example.com`);
      await expect.poll(names, SOON).toEqual(['Invoices', 'Reports']);
      await page.getByLabel('Search by name').fill('inv');
      await expect.poll(names, SOON).toEqual(['Invoices']);
      expect(new URL(page.url()).search).toBe('?name=inv&owner=billing%40example.com');
      await button('Clear').click();
      await expect.poll(names, SOON).toEqual(['Inventory', 'Invoices', 'Reports']);
      await page.getByLabel('Status').click();
      await page.getByRole('option', { name: 'Disabled' }).click();
      await expect.poll(names, SOON).toEqual(['Inventory']);
      await page.getByRole('row', { name: /Inventory Disabled/ }).waitFor();
      await expectAccessible(page);
      await page.reload();
      await expect.poll(names, SOON).toEqual(['Inventory']);
    });

    test('shows the call behind it, for the filters as they are', async () => {
      await go(`${clients}?status=active&unused_since=90d&sort=last_used_at`);
      await page.getByText('Do this with curl or edgemint').click();
      await page
        .getByText(/edgemint clients list .*--status active .*--unused-since 90d .*--sort last_used_at/s)
        .waitFor();
      await page.getByRole('tab', { name: 'curl' }).click();
      await page.getByText(/\/v1\/clients\?.*status=active.*unused_since=20/).waitFor();
    });

    test('says that nothing matches', async () => {
      await go(`${clients}?name=nothing-like-this`);
      await page.getByText('No client matches these filters').waitFor();
    });

    test('shows a name with control characters and HTML as text', async () => {
      await create('<img src=x onerror=alert(1)>\u200b!');
      await go(`${clients}?name=%3Cimg`);
      await page.getByRole('link', { name: '<img src=x onerror=alert(1)>[U+200B]!' }).waitFor();
    });

    test('disables several clients, and reports the one that failed', async () => {
      const [one, two, three] = [await create('Bulk 1'), await create('Bulk 2'), await create('Bulk 3')];
      // They leave this list one by one.
      await go(`${clients}?name=bulk&status=active`);
      await page.getByLabel('Select all rows').click();
      await button('Disable').click();
      await dialog().getByText('Disable 3 clients').waitFor();
      expect(
        await dialog().getByRole('list', { name: 'Chosen clients' }).getByRole('listitem').allTextContents(),
      ).toEqual(['Bulk 1', 'Bulk 2', 'Bulk 3']);
      await expectAccessible(page);
      await open.request('DELETE', `/v1/clients/${two.client_id}`);
      await dialog().getByRole('button', { name: 'Disable' }).click();
      await dialog().getByText('Disabled 2 of 3, 1 failed.').waitFor();
      await dialog()
        .getByRole('listitem')
        .getByText(/Bulk 2.*: Not found/)
        .waitFor();
      await dialog().getByRole('button', { name: 'Close' }).click();
      expect([(await read(one)).status, (await read(three)).status]).toEqual(['disabled', 'disabled']);
      await page.getByText('No client matches these filters').waitFor();
    });

    test('of many clients asks for one page, and for the next one at its end', async () => {
      const { id } = await open.request<{ id: string }>('POST', '/v1/organizations', { name: 'Many' });
      await seed(open, id, 1000);
      const asked: string[] = [];
      page.on('request', (request) => {
        if (new URL(request.url()).pathname === '/v1/clients') asked.push(new URL(request.url()).search);
      });
      await page.setViewportSize({ width: 1280, height: 700 });
      await go(`${open.url}/organizations/${id}/clients`);
      await expect.poll(() => page.getByRole('row').count(), SOON).toBe(51);
      expect(asked.map((search) => new URLSearchParams(search).has('cursor'))).toEqual([false]);
      await page.getByRole('row').last().scrollIntoViewIfNeeded();
      await expect.poll(() => page.getByRole('row').count(), SOON).toBeGreaterThan(100);
      expect(asked.length).toBeLessThan(5);
    });
  });

  describe('one client', () => {
    test('is changed by its form, which sends what was changed', async () => {
      const client = await withGrants('Edited');
      await go(addressOf(client));
      await button('Edit').click();
      await dialog().getByLabel('Owner').fill('team@example.com');
      await dialog().getByLabel('Custom claims').fill('{"tier": "gold"}');
      const sent = page.waitForRequest((request) => request.method() === 'PATCH');
      await expectAccessible(page);
      await dialog().getByRole('button', { name: 'Save' }).click();
      expect((await sent).postDataJSON()).toEqual({ owner: 'team@example.com', claims: { tier: 'gold' } });
      expect((await sent).headers()['if-match']).toBeTruthy();
      await page.getByText('The client is changed.').waitFor();
      await page.getByText('team@example.com').waitFor();
    });

    test('shows the sentence of an error at its field', async () => {
      const client = await create('Wrong');
      await go(addressOf(client));
      await button('Edit').click();
      await dialog().getByLabel('Token requests at once').fill('0');
      await dialog().getByLabel('Custom claims').fill('{"scope": 1}');
      await dialog().getByRole('button', { name: 'Save' }).click();
      const field = page.locator('[data-field="/claims"]');
      await field.getByText(/must not be a registered claim name/).waitFor();
    });

    test('that somebody else changed meanwhile shows both versions', async () => {
      const client = await create('Contended');
      await go(addressOf(client));
      await button('Edit').click();
      await dialog().getByLabel('Owner').fill('mine@example.com');
      await open.request('PATCH', `/v1/clients/${client.client_id}`, { owner: 'theirs@example.com' });
      await dialog().getByRole('button', { name: 'Save' }).click();
      const conflict = page.getByRole('dialog', { name: /changed/ });
      await conflict.getByText('"theirs@example.com"').waitFor();
      await conflict.getByText('"mine@example.com"').waitFor();
      await conflict.getByRole('button', { name: 'Overwrite with mine' }).click();
      await expect.poll(async () => (await read(client)).owner, SOON).toBe('mine@example.com');
    });

    test('shows each scope with what grants it, and grants another one', async () => {
      const client = await create('Granted', { roles: ['order-reader'] });
      await go(addressOf(client, 'access'));
      const scopes = page.getByRole('region', { name: 'Effective scopes' }).getByRole('table');
      await scopes.getByRole('row', { name: `${ORDERS} orders:read role order-reader` }).waitFor();
      expect(await scopes.getByRole('link', { name: 'order-reader' }).getAttribute('href')).toMatch(/\/roles\/role_/);
      await expectAccessible(page);
      await button('Change grants and roles').click();
      await dialog()
        .getByRole('combobox', { name: /Add a grant at/ })
        .click();
      await page.getByRole('option', { name: ORDERS }).click();
      await dialog()
        .getByRole('combobox', { name: /Scopes at/ })
        .click();
      await page.getByRole('option', { name: 'orders:write' }).click();
      await page.keyboard.press('Escape');
      await dialog().getByRole('button', { name: 'Save' }).click();
      await scopes.getByRole('row', { name: `${ORDERS} orders:write own grant` }).waitFor();
    });

    test('loses its unused scopes, unless it begins to use one', async () => {
      const client = await withGrants('Unused');
      const other = await withGrants('Used at last');
      // They were made a week ago, as far as the judgement knows.
      await age(open, [client.client_id, other.client_id]);
      await go(addressOf(client, 'access'));
      await page.getByLabel('Not used for').click();
      await page.getByRole('option', { name: 'Not used for a day' }).click();
      await page.getByRole('row', { name: /orders:write.*unused/ }).waitFor();
      await page.getByLabel('Select orders:read').click();
      await button('Remove 1 unused scope').click();
      await expectAccessible(page);
      await dialog().getByRole('button', { name: 'Remove' }).click();
      await page.getByText('The unused scopes are removed.').waitFor();
      expect((await read(client)).grants).toEqual([{ resource_server: ORDERS, scopes: ['orders:read'] }]);

      await go(addressOf(other, 'access'));
      await page.getByLabel('Not used for').click();
      await page.getByRole('option', { name: 'Not used for a day' }).click();
      await button('Remove 2 unused scopes').click();
      expect((await token(other, { scope: 'orders:write' })).status).toBe(200);
      await dialog().getByRole('button', { name: 'Remove' }).click();
      await dialog()
        .getByText(/Not all of these scopes are certainly unused/)
        .waitFor();
      expect((await read(other)).grants).toEqual([
        { resource_server: ORDERS, scopes: ['orders:read', 'orders:write'] },
      ]);
    });

    test('shows its credentials with their last use, and leads to the rotation', async () => {
      const client = await withGrants('Holder');
      await token(client);
      await open.request('POST', `/v1/clients/${client.client_id}/secrets/rotate`, {});
      await go(addressOf(client, 'credentials'));
      const hint = client.client_secret.slice(-4);
      await page.getByRole('row', { name: new RegExp(`…${hint} secondary`) }).waitFor();
      expect(await page.getByRole('link', { name: 'Rotate' }).getAttribute('href')).toMatch(/\/rotate$/);
      await expectAccessible(page);
      await button(`Delete …${hint}`).click();
      await dialog()
        .getByText(/It may still be in use/)
        .waitFor();
      await dialog().getByRole('textbox').fill('Holder');
      await dialog().getByRole('button', { name: 'Delete' }).click();
      await page.getByText('The secret is deleted.').waitFor();
      await expect.poll(() => page.getByRole('row', { name: /secondary/ }).count(), SOON).toBe(0);
    });

    test('gets a public key, and a private one is not sent', async () => {
      const client = await create('Key holder');
      const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
      const sent: string[] = [];
      page.on('request', (request) => sent.push(request.postData() ?? ''));
      await go(addressOf(client, 'credentials'));
      await button('Add a key').click();
      const privateKey = await crypto.subtle.exportKey('jwk', pair.privateKey);
      await dialog().getByLabel('Public key').fill(JSON.stringify(privateKey));
      await dialog().getByRole('button', { name: 'Add' }).click();
      await dialog()
        .getByText(/This one is private; it was not sent/)
        .waitFor();
      expect(sent.join()).not.toContain(privateKey.d);
      const publicKey = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: '2026-11' };
      await dialog().getByLabel('Public key').fill(JSON.stringify(publicKey));
      await dialog().getByRole('button', { name: 'Add' }).click();
      await page.getByRole('row', { name: /Key 2026-11/ }).waitFor();
      expect((await read(client)).additional_auth_methods).toEqual(['private_key_jwt']);
      await button('Remove 2026-11').click();
      await dialog().getByRole('button', { name: 'Remove' }).click();
      await expect.poll(async () => (await read(client)).jwks, SOON).toBe(null);
    });

    test('has a chart of its requests by outcome, and a quota', async () => {
      const client = await withGrants('Busy');
      for (let count = 0; count < 3; count++) await token(client);
      await token(client, { scope: 'unknown' });
      await go(addressOf(client, 'usage'));
      await page.getByRole('row', { name: 'invalid_scope 1' }).waitFor();
      const chart = page.getByRole('table', { name: 'Token requests by hour' });
      expect((await chart.getByRole('cell').allTextContents()).map(Number).reduce((sum, count) => sum + count, 0)).toBe(
        4,
      );
      await page.getByText('3 issued, no limit').first().waitFor();
      await expectAccessible(page);
      await button('Change the quota').click();
      await dialog().getByLabel('Tokens a day').fill('10');
      await dialog().getByRole('button', { name: 'Save' }).click();
      await page.getByText('3 of 10 issued').waitFor();
      expect((await read(client)).quota).toEqual({ tokens_per_day: 10, tokens_per_month: null, action: 'warn' });
    });

    test('that is disabled says why it is refused, and is enabled there, by keyboard alone', async () => {
      const client = await withGrants('Refused');
      await open.request('PATCH', `/v1/clients/${client.client_id}`, { status: 'disabled' });
      await token(client);
      await go(addressOf(client));
      await page.getByText('An administrator disabled it.').waitFor();
      await page.getByRole('tab', { name: 'Summary' }).focus();
      for (let tab = 0; tab < 4; tab++) await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.getByText('The client is disabled.').waitFor();
      const focused = () =>
        page.evaluate<string>(
          'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
        );
      const tabTo = async (name: string) => {
        for (let presses = 0; presses < 20 && (await focused()) !== name; presses++) await page.keyboard.press('Tab');
        expect(await focused()).toBe(name);
      };
      await tabTo('Check again');
      await tabTo('Enable');
      await page.keyboard.press('Enter');
      await dialog().waitFor();
      await tabTo('Enable');
      await page.keyboard.press('Enter');
      await page.getByText('The client is enabled.').waitFor();
      await page.getByText('No problem found').waitFor();
      expect((await token(client)).status).toBe(200);
    });

    test('gives a test token, which is decoded, introspected and revoked', async () => {
      const client = await withGrants('Tried');
      await go(addressOf(client, 'test-token'));
      await page.getByLabel('Client secret').fill('wrong');
      await button('Get a token').click();
      await page.getByText(/Refused: invalid_client/).waitFor();
      await page.getByLabel('Client secret').fill(client.client_secret);
      await button('Get a token').click();
      const claims = page.getByRole('region', { name: 'Claims' });
      await claims.getByText(`"${ORDERS}"`).waitFor();
      await claims.getByText('"orders:read orders:write"').waitFor();
      expect(await page.content()).not.toContain(client.client_secret);
      await button('Introspect').click();
      await page.getByText('active: true').waitFor();
      await button('Revoke').click();
      await page.getByText('active: false').waitFor();
      await expectAccessible(page);
    });

    test('has all of its tokens revoked when its name is typed', async () => {
      const client = await withGrants('Leaky');
      const { access_token } = (await (await token(client)).json()) as { access_token: string };
      await go(addressOf(client));
      await button('More actions').click();
      await page.getByRole('menuitem', { name: 'Revoke all tokens' }).click();
      await dialog().getByText('Tokens issued since midnight (UTC)').waitFor();
      const confirm = dialog().getByRole('button', { name: 'Revoke all tokens' });
      expect(await confirm.isDisabled()).toBe(true);
      await dialog().getByLabel('Type Leaky to confirm').fill('Leaky');
      await confirm.click();
      await page.getByText('All tokens of the client are revoked.').waitFor();
      const introspection = await fetch(`${open.edgemint.issuer}/oauth2/introspect`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${open.edgemint.rootApiKey}` },
        body: new URLSearchParams({ token: access_token }),
      });
      expect(await introspection.json()).toEqual({ active: false });
    });

    test('is deleted when its name is typed, and its audit events say so before', async () => {
      const client = await withGrants('Doomed');
      await go(clients);
      await page.getByRole('link', { name: 'Doomed' }).click();
      await page.getByRole('tab', { name: 'Audit' }).click();
      await page.getByRole('row', { name: /client.created root/ }).waitFor();
      await expectAccessible(page);
      await button('More actions').click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await dialog().getByLabel('Type Doomed to confirm').fill('Doomed');
      await dialog().getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('heading', { name: 'Clients', level: 1 }).waitFor();
      await expect.poll(() => page.getByRole('link', { name: 'Doomed' }).count(), SOON).toBe(0);
      await go(addressOf(client));
      await page.getByRole('heading', { name: 'No such client' }).waitFor();
    });

    test('can be read at 375 pixels: nothing but tables is wider than the page', async () => {
      const client = await withGrants('A client with a long name that does not fit into a line of a phone');
      await page.setViewportSize({ width: 375, height: 700 });
      for (const tab of ['summary', 'access', 'credentials', 'usage', 'diagnosis', 'test-token', 'audit']) {
        await go(addressOf(client, tab));
        await page.getByRole('tabpanel').waitFor();
        await page.waitForLoadState('networkidle');
        expect([tab, await page.evaluate('document.documentElement.scrollWidth <= innerWidth')]).toEqual([tab, true]);
      }
      await go(clients);
      await page.getByRole('table').waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    });
  });

  test('a session that may only read is offered nothing that it may not do', async () => {
    const client = await withGrants('Looked at');
    const { api_key } = await open.request<{ api_key: string }>('POST', '/v1/api-keys', {
      organization_id: organizationId,
      name: 'reader',
      scopes: ['clients:read'],
    });
    const reader = await open.newPage();
    await signIn(reader, clients, api_key);
    await reader.getByRole('link', { name: 'Looked at' }).waitFor();
    expect(await reader.getByRole('checkbox').count()).toBe(0);
    expect(await reader.getByRole('link', { name: 'New client' }).count()).toBe(0);
    for (const tab of ['summary', 'access', 'credentials', 'usage', 'diagnosis']) {
      await reader.goto('about:blank');
      await reader.goto(addressOf(client, tab));
      await reader.getByRole('tabpanel').waitFor();
      await reader.waitForLoadState('networkidle');
      const forbidden = /edit|disable|enable|delete|remove|revoke|add|change|rotate|more actions/i;
      expect([tab, await reader.getByRole('main').getByRole('button', { name: forbidden }).count()]).toEqual([tab, 0]);
    }
    expect(await reader.getByRole('tab').allTextContents()).not.toContain('Audit');
    await reader.close();
  });

  test('nothing was complained about, and no other host was asked', () => {
    expect(open.complaints).toEqual([]);
  });
});

/** Adds clients to an organization, faster than the API could: copies of one that it made. */
async function seed(open: OpenConsole, organization_id: string, count: number): Promise<void> {
  const { client_id } = await open.request<Client>('POST', '/v1/clients', { organization_id, client_name: 'seed' });
  const db = await open.edgemint.database();
  const { results } = await db.prepare('SELECT * FROM clients WHERE client_id = ?').bind(client_id).all();
  const columns = Object.keys(results[0] ?? {});
  const values = columns.map((name) => {
    if (name === 'client_id') return "client_id || '-' || value";
    return name.endsWith('client_name') || name === 'folded_name' ? `printf('seed %05d', value)` : name;
  });
  await db
    .prepare(
      `WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < ?1)
       INSERT INTO clients (${columns.join(', ')}) SELECT ${values.join(', ')} FROM clients, numbers WHERE client_id = ?2`,
    )
    .bind(count, client_id)
    .run();
}

/** Lets clients look a week older than they are. */
async function age(open: OpenConsole, ids: readonly string[]): Promise<void> {
  const db = await open.edgemint.database();
  const week = 7 * 86_400_000;
  for (const id of ids) {
    await db
      .prepare('UPDATE clients SET created_at = created_at - ?1, updated_at = updated_at - ?1 WHERE client_id = ?2')
      .bind(week, id)
      .run();
  }
}
