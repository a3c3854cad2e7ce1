import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Download, Locator, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Person } from '../e2e/cli/person.ts';
import { startEdgemint } from '../harness/edgemint.ts';
import { expectAccessible, hasChromium, type OpenConsole, openConsole, signIn } from './harness.ts';

const OLD_KEY = 'b2xkLW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1vbGQ';
const NEW_KEY = 'bmV3LW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy1uZXc';
const PHONE = { width: 375, height: 740 };

describe.skipIf(!hasChromium)('the pages of organizations, keys, webhooks and the audit log', () => {
  let open: OpenConsole;
  let page: Page;
  let id: string;
  /** How the receiver of webhooks answers. */
  let answer = 204;

  const receive = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(answer).end();

  beforeAll(async () => {
    open = await openConsole({ network: receive });
    page = await open.newPage();
    if (process.env.SHOTS) page.setDefaultTimeout(12_000);
    await signIn(page, open.url, open.edgemint.rootApiKey);
  });

  afterAll(async () => {
    await open?.close();
    expect(open?.complaints).toEqual([]);
  });

  // A message at the edge of the window has the role of a dialog too.
  const dialog = () => page.getByRole('dialog').and(page.locator(':not([aria-modal="false"])'));
  const field = (name: string) => dialog().getByRole('textbox', { name, exact: true });
  const button = (name: string | RegExp, within: Page | Locator = page) => within.getByRole('button', { name });
  const heading = (name: string | RegExp) => page.getByRole('heading', { name, level: 1 });
  const go = (address: string) => page.goto(`${open.url}${address}`);
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });

  /** Returns the texts that describe an element to a screen reader. */
  const description = (of: Locator) =>
    of.evaluate((element) =>
      (element.getAttribute('aria-describedby') ?? '')
        .split(' ')
        .map((each) => element.ownerDocument.getElementById(each)?.textContent)
        .join(' '),
    );
  /** Returns the label of the control that has the focus. */
  const focused = () =>
    page
      .locator(':focus')
      .evaluate((element) => element.getAttribute('aria-label') ?? element.closest('label')?.textContent ?? '');

  /** Looks at the page as it is: with axe, and that nothing is cut off on a phone. With `SHOTS`, keeps pictures in that folder. */
  async function look(name: string, shown: Page = page): Promise<void> {
    await expectAccessible(shown);
    const size = shown.viewportSize();
    for (const colorScheme of process.env.SHOTS ? (['light', 'dark'] as const) : []) {
      await shown.emulateMedia({ colorScheme });
      await shown.screenshot({ path: join(process.env.SHOTS ?? '', `${name}-${colorScheme}.png`), fullPage: true });
    }
    await shown.setViewportSize(PHONE);
    const width = await shown.evaluate<number>('document.documentElement.scrollWidth');
    if (process.env.SHOTS) await shown.screenshot({ path: join(process.env.SHOTS, `${name}-phone.png`) });
    expect(width, `${name} is wider than a phone`).toBeLessThanOrEqual(PHONE.width);
    if (size) await shown.setViewportSize(size);
    await shown.emulateMedia({ colorScheme: null });
  }

  async function saved(run: () => Promise<void>): Promise<string> {
    const [download] = await Promise.all([page.waitForEvent('download') as Promise<Download>, run()]);
    return readFile(await download.path(), 'utf8');
  }

  test('an empty instance says what to do first, and a new organization is created and shown', async () => {
    await go('/organizations');
    await page.getByText('There is no organization yet').waitFor();
    await look('organizations-empty');
    await button('New organization').first().click();
    await field('Name').fill('  ');
    await button('Create organization', dialog()).click();
    await dialog().locator('[aria-invalid="true"]').waitFor();
    await field('Name').fill('Acme <b>');
    await look('organization-new');
    await dialog().getByText('Do this with curl or edgemint').click();
    await dialog()
      .getByText(/edgemint organizations create .*--name 'Acme <b>'/s)
      .waitFor();
    await button('Create organization', dialog()).click();
    await heading('Acme <b>').waitFor();
    id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    expect(id).toMatch(/^org_/);
  });

  test('settings are changed by a form, which sends only what changed', async () => {
    await button('Edit').click();
    await page.getByLabel('Quota per day').fill('5000');
    await page.getByLabel('Report unused clients after').fill('60');
    await button('Add a row').click();
    await page.getByLabel('Name 1 of Metadata').fill('team');
    await page.getByLabel('Value 1 of Metadata').fill('billing');
    await look('organization-edit');
    await button('Save changes').click();
    await page.getByText('5,000 tokens a day, any number a month').waitFor();
    await page.getByText('Reported after 60 days').waitFor();
    const stored = await open.request('GET', `/v1/organizations/${id}`);
    expect(stored).toMatchObject({
      name: 'Acme <b>',
      quota: { tokens_per_day: 5000, tokens_per_month: null },
      unused_clients: { report_after_days: 60, disable_after_days: null },
      metadata: { team: 'billing' },
    });
    await look('organization');
  });

  test('a problem is shown at its field, and the strict profile names the clients that stand in its way', async () => {
    await open.request('POST', '/v1/clients', { organization_id: id, client_name: 'Invoice worker' });
    await button('Edit').click();
    await page.getByLabel('Disable unused clients after').fill('30');
    await button('Save changes').click();
    await page.getByText('must not be less than').waitFor();
    await page.getByLabel('Disable unused clients after').fill('90');
    await page.getByRole('radio', { name: 'Strict' }).click();
    await button('Save changes').click();
    await page.getByText('Invoice worker').waitFor();
    await button('Cancel').click();
  });

  test('a refused group says why to a screen reader, and its control has the focus', async () => {
    await button('Edit').click();
    await page.getByLabel('Value 1 of Metadata').fill('x'.repeat(2000));
    await button('Save changes').click();
    const metadata = page.getByRole('group', { name: 'Metadata' });
    await expect.poll(() => description(metadata)).toMatch(/^Your own notes.*1000 characters$/);
    expect(await focused()).toBe('Name 1 of Metadata');
    expect(await page.getByLabel('Value 1 of Metadata').getAttribute('aria-invalid')).toBe('true');
    await look('organization-refused');

    // The API does not refuse a profile that is chosen from the list, so the answer is a made one.
    const detail = 'must be `standard`';
    const errors = [{ pointer: '/security_profile', detail }];
    const refusal = { status: 422, contentType: 'application/problem+json', body: JSON.stringify({ errors }) };
    await page.route('**/v1/organizations/*', (route) => route.fulfill(refusal), { times: 1 });
    await button('Save changes').click();
    const profile = page.getByRole('radiogroup', { name: 'Security profile' });
    await expect.poll(() => description(profile)).toContain(detail);
    expect(await profile.getAttribute('aria-invalid')).toBe('true');
    await expect.poll(focused).toMatch(/^Standard/);
    await expectAccessible(page);
    await button('Cancel').click();

    await button('Create a portal link…').click();
    await field('Return URL').fill('https://app.example.com/machines');
    for (let left = 4; left > 0; left--) await dialog().getByRole('checkbox', { checked: true }).first().uncheck();
    await button('Create portal link', dialog()).click();
    await expect.poll(() => description(dialog().getByRole('group', { name: 'Rights' }))).not.toBe('');
    await expect.poll(focused).toBe('organizations:read');
    await expectAccessible(page);
    await button('Cancel', dialog()).click();
  });

  test('a portal link is shown once, and opens the console with the chosen rights alone', async () => {
    await button('Create a portal link…').click();
    await field('Return URL').fill('nonsense');
    await button('Create portal link', dialog()).click();
    await dialog().locator('[data-field="/return_url"] .field-error').waitFor();
    await field('Return URL').fill('https://app.example.com/machines');
    await look('portal-link');
    await button('Create portal link', dialog()).click();
    await dialog().getByText('The portal link was created').waitFor();
    const link = (await dialog().locator('code').first().textContent()) ?? '';
    const customer = await open.newPage();
    await customer.goto(link);
    await customer.getByRole('button', { name: 'Continue' }).click();
    const navigation = customer.getByRole('navigation', { name: 'Main' });
    await navigation.getByRole('link', { name: 'Clients' }).waitFor();
    expect(await navigation.getByRole('link', { name: 'Audit log' }).count()).toBe(0);
    await customer.context().close();
    await button('Done', dialog()).click();
  });

  test('an API key is created from a preset, shown once, and used', async () => {
    await go(`/organizations/${id}/api-keys`);
    await page.getByText('There is no API key yet').waitFor();
    await button('New API key').first().click();
    await field('Name').fill('Dashboard');
    await dialog().getByText('See the audit log').waitFor();
    await look('api-key-new');
    await button('Create API key', dialog()).click();
    await dialog().getByText('The API key was created').waitFor();
    const value = (await dialog().locator('code').first().textContent()) ?? '';
    await look('api-key-created');
    const me = await fetch(`${open.edgemint.issuer}/v1/me`, { headers: { Authorization: `Bearer ${value}` } });
    expect(await me.json()).toMatchObject({ name: 'Dashboard', scopes: expect.arrayContaining(['audit:read']) });
    // A key that is pressed by habit must not lose the value.
    await page.keyboard.press('Escape');
    expect(await dialog().getByText(value).isVisible()).toBe(true);
    await button('Done', dialog()).click();
    await row('Dashboard').getByText('Read only').waitFor();
    expect(await page.content()).not.toContain(value);
  });

  test('a key near its end is marked; a key is rotated with grace, and deleted by its name', async () => {
    const soon = new Date(Date.now() + 5 * 86_400_000).toISOString();
    await open.request('POST', '/v1/api-keys', {
      organization_id: id,
      name: 'Pipeline',
      scopes: ['clients:read', 'clients:write'],
      expires_at: soon,
    });
    await page.reload();
    await row('Pipeline').getByText('in 5 days').waitFor();
    await button('Actions for Pipeline').click();
    await page.getByRole('menuitem', { name: 'Rotate…' }).click();
    await dialog().getByRole('radio', { name: 'For some time' }).click();
    await button('Rotate', dialog()).click();
    await dialog().getByText('The API key has a new value').waitFor();
    await button('Done', dialog()).click();
    await row('Pipeline').getByText('old:').waitFor();
    await look('api-keys');
    await button('Actions for Pipeline').click();
    await page.getByRole('menuitem', { name: 'Delete…' }).click();
    expect(await button('Delete', dialog()).isDisabled()).toBe(true);
    await dialog().getByLabel('Type Pipeline to confirm').fill('Pipeline');
    await look('api-key-delete');
    await button('Delete', dialog()).click();
    await row('Pipeline').waitFor({ state: 'detached' });
  });

  test('an answer that was lost is asked for again by the same button, and its secret is shown', async () => {
    let losses = 0;
    const lose = async (route: Route) => {
      if (route.request().method() !== 'POST' || losses > 0) return route.continue();
      losses += 1;
      await route.fetch();
      await route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Unavailable"}' });
    };
    await page.route('**/v1/api-keys', lose);
    await button('New API key').first().click();
    await field('Name').fill('Asked twice');
    // A time that is not given must not become a key without an end.
    await dialog().getByLabel('Expires').click();
    await page.getByRole('option', { name: 'A time of your choice' }).click();
    await button('Create API key', dialog()).click();
    await dialog().getByText('Choose a time.').waitFor();
    await dialog().getByLabel('Expires', { exact: true }).first().click();
    await page.getByRole('option', { name: '90 days' }).click();
    await button('Create API key', dialog()).click();
    await page.getByText('Unavailable').first().waitFor();
    expect(await button('Try again').count()).toBe(0);
    await button('Create API key', dialog()).click();
    await dialog().getByText('The API key was created').waitFor();
    expect(await dialog().locator('code').first().textContent()).toMatch(/^emk_/);
    await button('Done', dialog()).click();
    await page.unroute('**/v1/api-keys', lose);
    await row('Asked twice').waitFor();
    expect(await row('Asked twice').count()).toBe(1);
    // The browser reports the answer that this test made up.
    open.complaints.splice(0);
  });

  test('the own key that is rotated shows its new value, although the session ends with the old one', async () => {
    const { api_key } = await open.request<{ api_key: string }>('POST', '/v1/api-keys', {
      organization_id: id,
      name: 'Own',
      scopes: ['api-keys:read', 'api-keys:write'],
    });
    const own = await open.newPage();
    await signIn(own, `${open.url}/organizations/${id}/api-keys`, api_key);
    await button('Actions for Own', own).click();
    await own.getByRole('menuitem', { name: 'Rotate…' }).click();
    await own.getByRole('radio', { name: 'No longer' }).click();
    const listed = own.waitForResponse((response) => response.status() === 401);
    await button('Rotate', own.getByRole('dialog')).click();
    await listed;
    await own.getByRole('dialog').getByText('The API key has a new value').waitFor();
    const value = (await own.getByRole('dialog').locator('code').first().textContent()) ?? '';
    const me = await fetch(`${open.edgemint.issuer}/v1/me`, { headers: { Authorization: `Bearer ${value}` } });
    expect(await me.json()).toMatchObject({ name: 'Own' });
    await button('Done', own.getByRole('dialog')).click();
    await own.getByLabel('API key').waitFor();
    await own.context().close();
  });

  test('a webhook is created, tested, fails, and its event is sent again', async () => {
    await go(`/organizations/${id}/webhooks`);
    await page.getByText('There is no webhook yet').waitFor();
    await button('New webhook').first().click();
    await field('Name').fill('On call');
    await field('URL').fill('http://hooks.example.com/in');
    await button('Create webhook', dialog()).click();
    await dialog().locator('[data-field="/url"] .field-error').waitFor();
    await field('URL').fill('https://hooks.example.com/in');
    await dialog().getByRole('radio', { name: 'Choose' }).click();
    await dialog().getByText('A client’s secret ends within 7 days').waitFor();
    await look('webhook-new');
    await button('Create webhook', dialog()).click();
    await dialog().getByText('whsec_').waitFor();
    page.once('dialog', (question) => question.dismiss());
    await button('Show the webhook', dialog()).click();
    await dialog().getByText('whsec_').waitFor();
    page.once('dialog', (question) => question.accept());
    await button('Show the webhook', dialog()).click();
    await heading('On call').waitFor();
    answer = 500;
    await button('Send a test event').click();
    await row('webhook.tested').getByText('HTTP 500').waitFor();
    await page.getByText('Failing', { exact: true }).first().waitFor();
    await look('webhook-failing');
    answer = 204;
    await button('webhook.tested', row('webhook.tested')).click();
    await dialog().getByText('"webhook.tested"').first().waitFor();
    await look('webhook-delivery');
    await button('Send again', dialog()).click();
    await dialog().getByText('HTTP 204').waitFor();
    await page.keyboard.press('Escape');
    await row('webhook.tested').getByText('delivered').waitFor();
  });

  test('a webhook gets a new secret, is disabled and enabled, and its list says how it is', async () => {
    await button('More actions').click();
    await page.getByRole('menuitem', { name: 'Rotate the signing secret…' }).click();
    const grace = dialog().getByRole('spinbutton').first();
    const usual = await grace.inputValue();
    await grace.fill('');
    await button('Rotate', dialog()).click();
    await dialog().getByText('Say for how long.').waitFor();
    await grace.fill(usual);
    await button('Rotate', dialog()).click();
    await dialog().getByText('whsec_').waitFor();
    await button('Done', dialog()).click();
    await page.getByText('signs until').waitFor();
    await button('More actions').click();
    await page.getByRole('menuitem', { name: 'Disable…' }).click();
    await button('Disable', dialog()).click();
    await button('Enable').click();
    await button('Send a test event').waitFor();
    await go(`/organizations/${id}/webhooks`);
    await row('On call').getByText('Healthy').waitFor();
    await look('webhooks');
  });

  test('a form that is open does not take back what another person saves meanwhile', async () => {
    await row('On call').getByRole('link', { name: 'On call' }).click();
    const hook = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    await button('More actions').click();
    await page.getByRole('menuitem', { name: 'Edit…' }).click();
    const changed = page.waitForResponse(
      async (response) => response.url().endsWith(hook) && (await response.text()).includes('hooks.example.com/other'),
    );
    await open.request('PATCH', `/v1/webhooks/${hook}`, { url: 'https://hooks.example.com/other' });
    await changed;
    await field('Description (optional)').fill('At night');
    await button('Save changes', dialog()).click();
    await page.getByText('Someone else has changed this').waitFor();
    await button('Overwrite with mine').click();
    await page.getByText('The webhook was changed.').waitFor();
    const now = await open.request('GET', `/v1/webhooks/${hook}`);
    expect(now).toMatchObject({ url: 'https://hooks.example.com/other', description: 'At night' });
  });

  test('the audit log shows what a change had before and after, and its filters are in the address', async () => {
    await go(`/organizations/${id}/audit?action=organization.updated`);
    await row('organization.updated').first().waitFor();
    expect(await row('api_key.created').count()).toBe(0);
    await button('organization.updated').first().click();
    const quota = dialog().getByRole('row').filter({ hasText: 'quota.tokens_per_day' });
    await quota.getByText('none').waitFor();
    await quota.getByText('5000').waitFor();
    await look('audit-event');
    await dialog().getByRole('link', { name: 'All events about this target' }).click();
    await expect.poll(() => page.url()).toContain(`target=${id}`);
    await button('Clear').click();
    await row('api_key.created').first().waitFor();
    await look('audit');
    await page.getByLabel('Actor').fill('nobody');
    await page.getByLabel('Actor').press('Enter');
    await page.getByText('No event matches').waitFor();
    expect(page.url()).toContain('actor=nobody');
    await page.reload();
    await page.getByText('No event matches').waitFor();
    await button('Clear the filters').click();
    await row('organization.created').waitFor();
  });

  test('the audit log is saved as JSON lines once it is complete', async () => {
    await button('Export…').click();
    const lines = (await saved(() => button('Export', dialog()).click())).trimEnd().split('\n');
    await dialog().getByText(`The export is complete: ${lines.length} events.`).waitFor();
    await look('audit-export');
    const events = lines.map((line) => JSON.parse(line) as { action: string; organization_id: string });
    expect(events[0]).toMatchObject({ action: 'organization.created', organization_id: id });
    expect(events.map(({ action }) => action)).toContain('webhook.tested');
    await page.keyboard.press('Escape');
  });

  test('an export that cannot be completed saves nothing and says so', async () => {
    await page.route('**/v1/audit-events?*', (route, request) =>
      request.headers().accept === 'application/x-ndjson'
        ? route.fulfill({
            status: 200,
            contentType: 'application/x-ndjson',
            body: '{"at":"2026-01-01T00:00:00Z","id":"evt_1"}\n',
          })
        : route.continue(),
    );
    await button('Export…').click();
    await button('Export', dialog()).click();
    await dialog().getByText('The export is incomplete, so nothing was saved').waitFor();
    await page.unroute('**/v1/audit-events?*');
    await page.keyboard.press('Escape');
  });

  test('the exported file is what edgemint apply takes, with nothing to do, and the same as that of edgemint export', async () => {
    await open.request('POST', '/v1/resource-servers', {
      organization_id: id,
      identifier: 'https://api.example.com/orders',
      name: 'Orders: "all" of them',
      scopes: [{ name: 'orders:read', description: 'yes' }, { name: 'orders:write' }],
    });
    await open.request('POST', '/v1/roles', {
      organization_id: id,
      name: 'reader',
      grants: [{ resource_server: 'https://api.example.com/orders', scopes: ['orders:read'] }],
    });
    await open.request('POST', '/v1/clients', {
      organization_id: id,
      client_name: '# 1.0',
      roles: ['reader'],
      metadata: { note: 'two\nlines', empty: '', yes: 'null' },
      claims: { tier: { level: 3, names: ['a: b', '- c'] } },
    });
    await go(`/organizations/${id}/export`);
    const text = await saved(() => button('Download edgemint.yaml').click());
    await look('export');
    const person = await Person.arrive({
      EDGEMINT_URL: open.edgemint.issuer,
      EDGEMINT_API_KEY: open.edgemint.rootApiKey,
      EDGEMINT_ORGANIZATION: id,
    });
    await writeFile(person.file('edgemint.yaml'), text);
    const plan = await person.run([
      'apply',
      '--file',
      person.file('edgemint.yaml'),
      '--prune',
      '--dry-run',
      '--exit-code',
    ]);
    expect([plan.code, plan.stdout.trim()]).toEqual([0, 'There is nothing to do.']);
    expect((await person.run(['export'])).stdout.trimEnd()).toBe(text.trimEnd());
    await person.leave();
  });

  test('signing keys are a timeline, a rotation waits for the next key, and an emergency says what follows', async () => {
    await go('/signing-keys');
    await page.getByRole('heading', { name: 'ES256' }).waitFor();
    await page.getByRole('img', { name: /The ES256 keys over time/ }).waitFor();
    await look('signing-keys');
    await button('Rotate now…').click();
    await button('Rotate', dialog()).click();
    await dialog().waitFor({ state: 'detached' });
    await page.getByText('Retiring').first().waitFor();
    // The focus comes back to the button that opened the dialog.
    await expect.poll(() => page.evaluate('document.activeElement?.textContent')).toBe('Rotate now…');
    await button('Rotate now…').click();
    await dialog()
      .getByText(/It can sign in \d+ min/)
      .waitFor();
    expect(await button('Rotate', dialog()).isDisabled()).toBe(true);
    await look('signing-keys-rotate');
    await page.keyboard.press('Escape');
    const { data } = await open.request<{ data: { kid: string; alg: string; status: string }[] }>(
      'GET',
      '/v1/signing-keys',
    );
    const active = data.find(({ alg, status }) => alg === 'RS256' && status === 'active')?.kid ?? '';
    await button(`The key ${active} is compromised`).click();
    await dialog()
      .getByText(/requests for RS256 tokens are answered 503/)
      .waitFor();
    await dialog().getByText('at most 3 min more').waitFor();
    await look('signing-keys-emergency');
    await dialog().getByLabel(`Type ${active} to confirm`).fill(active);
    await button('Remove the key', dialog()).click();
    await page.getByText(/Some isolates may still use it, for at most/).waitFor();
    await button(`The key ${active} is compromised`).waitFor({ state: 'detached' });
    await look('signing-keys-settling');
  });

  test('master keys say what is sealed and what to do next', async () => {
    await go('/master-keys');
    await page.getByText('There is nothing to do').waitFor();
    await row('current').waitFor();
    await look('master-keys');
  });

  test('the webhooks of the instance and its audit log are pages of their own', async () => {
    await go('/webhooks');
    await page.getByText('There is no webhook yet').waitFor();
    await go('/audit');
    await row('signing_keys.revoked').waitFor();
    await button('signing_keys.revoked').click();
    await dialog().getByText('Signing keys were revoked in an emergency').waitFor();
    await page.keyboard.press('Escape');
  });

  test('an administrator of an organization with few rights sees only what is his, and no action that he may not do', async () => {
    const { api_key } = await open.request<{ api_key: string }>('POST', '/v1/api-keys', {
      organization_id: id,
      name: 'Reader',
      scopes: ['organizations:read', 'api-keys:read', 'webhooks:read', 'audit:read'],
    });
    const other = await open.request<{ id: string }>('POST', '/v1/organizations', { name: 'Other' });
    const reader = await open.newPage();
    await signIn(reader, `${open.url}/organizations/${id}`, api_key);
    await reader.getByRole('heading', { name: 'Acme <b>', level: 1 }).waitFor();
    for (const name of ['Edit', 'Disable…', 'Delete…', 'Revoke all tokens…']) {
      expect(await button(name, reader).count(), name).toBe(0);
    }
    await look('organization-reader', reader);
    await reader.goto(`${open.url}/organizations/${id}/api-keys`);
    await reader.getByRole('row').filter({ hasText: 'Reader' }).getByText('This session').waitFor();
    expect(await button('New API key', reader).count()).toBe(0);
    await reader.getByRole('row').filter({ hasText: 'Reader' }).waitFor();
    expect(await button(/^Actions for/, reader).count()).toBe(0);
    await reader.goto(`${open.url}/organizations/${id}/webhooks`);
    await reader.getByRole('link', { name: 'On call' }).click();
    await reader.getByRole('heading', { name: 'On call', level: 1 }).waitFor();
    expect(await button('Send a test event', reader).count()).toBe(0);
    await reader.goto(`${open.url}/organizations/${id}/export`);
    await reader
      .getByText(/requires|may not/i)
      .first()
      .waitFor();
    await reader.goto(`${open.url}/organizations/${other.id}`);
    await reader
      .getByText(/not found/i)
      .first()
      .waitFor();
    expect(await reader.content()).not.toContain('Other');
    await reader.context().close();
  });

  test('all tokens are revoked, the organization is disabled, and deleted with what it owns, each after its name', async () => {
    await go(`/organizations/${id}`);
    await button('Revoke all tokens…').click();
    const typed = () => dialog().getByLabel('Type Acme <b> to confirm');
    await dialog().getByText('Tokens issued in the last 24 hours').waitFor();
    await typed().fill('Acme');
    expect(await button('Revoke all tokens', dialog()).isDisabled()).toBe(true);
    await typed().fill('Acme <b>');
    await look('organization-revoke');
    await button('Revoke all tokens', dialog()).click();
    await dialog().waitFor({ state: 'detached' });
    // The organization has a new version, which the page reads.
    await page.waitForLoadState('networkidle');
    await button('Disable…').click();
    await typed().fill('Acme <b>');
    await button('Disable', dialog()).click();
    await page.getByText('Its clients get no tokens.', { exact: false }).first().waitFor();
    await button('Delete…').click();
    await dialog().getByText('Invoice worker').waitFor();
    const clients = dialog()
      .locator('div')
      .filter({ has: page.getByText('Clients, with their secrets', { exact: true }) })
      .last();
    await clients.getByText('2', { exact: true }).waitFor();
    await look('organization-delete');
    await typed().fill('Acme <b>');
    await button('Delete everything', dialog()).click();
    await heading('Organizations').waitFor();
    await page.getByRole('link', { name: 'Other' }).waitFor();
    expect(await page.getByRole('link', { name: 'Acme <b>' }).count()).toBe(0);
  });
});

test.skipIf(!hasChromium)(
  'what an older master key seals is resealed by a button, and then the page says to wait',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'edgemint-'));
    const network = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(204).end();
    const older = await startEdgemint({ directory, network, masterKey: OLD_KEY });
    // The first request makes the signing keys.
    expect((await fetch(`${older.issuer}/.well-known/jwks.json`)).status).toBe(200);
    for (const name of ['One', 'Two']) {
      const answer = await fetch(`${older.issuer}/v1/webhooks`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${older.rootApiKey}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ name, url: 'https://hooks.example.com/in' }),
      });
      expect(answer.status).toBe(201);
    }
    await older.stop();
    const open = await openConsole({ directory, network, masterKey: `${NEW_KEY},${OLD_KEY}` });
    try {
      const page = await open.newPage();
      await signIn(page, `${open.url}/master-keys`, open.edgemint.rootApiKey);
      // Six signing keys and two webhooks.
      await page.getByText('8 of 8 values are sealed under an older key.').waitFor();
      expect(await page.getByRole('progressbar').getAttribute('value')).toBe('0');
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Reseal', exact: true }).click();
      await page.getByRole('heading', { name: 'Next step: wait' }).waitFor();
      await page.getByRole('dialog').filter({ hasText: 'Everything is sealed under the current key' }).waitFor();
      expect(await page.getByRole('button', { name: 'Reseal', exact: true }).count()).toBe(0);
      await expectAccessible(page);
      const { data } = await open.request<{ data: { status: string }[] }>('GET', '/v1/master-keys');
      expect(data).toMatchObject([
        { status: 'current', webhooks: 2 },
        { status: 'previous', signing_keys: 0, webhooks: 0 },
      ]);
      expect(open.complaints).toEqual([]);
    } finally {
      await open.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
);
