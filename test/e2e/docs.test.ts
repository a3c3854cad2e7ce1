import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const isThere = existsSync(CHROMIUM);
if (!isThere) {
  console.warn(`NOT TESTED: the page at /docs. There is no Chromium at ${CHROMIUM}: install it, or set CHROMIUM_PATH.`);
}

const DEADLINE_MS = 30_000;

let browser: Browser;

beforeAll(async () => {
  if (isThere) browser = await chromium.launch({ executablePath: CHROMIUM });
});

afterAll(() => browser?.close());

describe.skipIf(!isThere).each(['', '/tenant/a'])('the page at %s/docs, in Chromium', (path) => {
  let edgemint: RunningEdgemint;
  let page: Page;
  const requested: URL[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    const issuer = `http://127.0.0.1:${await freePort()}${path}`;
    [edgemint, page] = await Promise.all([startEdgemint({ issuer }), browser.newPage()]);
    page.setDefaultTimeout(DEADLINE_MS);
    page.on('request', (request) => requested.push(new URL(request.url())));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
    });
  });

  afterAll(async () => {
    await page?.close();
    await edgemint?.stop();
  });

  test('shows what can be called', async () => {
    await page.goto(`${edgemint.issuer}/docs`);
    await page.getByText('Get an access token').waitFor();
    await page.getByText('Create an organization').waitFor();
  });

  test('makes calls with the key that was filled in, and shows the answers', async () => {
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.auth-container', { hasText: 'apiKey' });
    await dialog.locator('input').fill(edgemint.rootApiKey);
    await dialog.getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).first().click();

    const created = await tryOut('createOrganization');
    expect(created).toContain('201');
    expect(created).toContain('"name": "Acme"');
    const listed = await tryOut('listOrganizations');
    expect(listed).toContain('200');
    expect(listed).toContain('"name": "Acme"');
  });

  /** Makes a call with the values that the page has filled in, and returns the answer that the page then shows. */
  async function tryOut(operationId: string): Promise<string | null> {
    const operation = page.locator(`[id$="-${operationId}"]`);
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    return operation.locator('.live-responses-table .response').textContent();
  }

  test('shows a request that was tried as code in four languages, without the key', async () => {
    const operation = page.locator('[id$="-createOrganization"]');
    for (const [title, sign] of [
      ['curl', 'curl -X POST'],
      ['JavaScript', 'await fetch('],
      ['Go', 'http.NewRequest("POST"'],
      ['Python', 'requests.request('],
    ] as const) {
      await operation.locator('.curl-command').getByText(title, { exact: true }).click();
      const code = (await operation.locator('.request-snippets, .curl-command').first().textContent()) ?? '';
      expect(code).toContain(sign);
      expect(code).toContain('API_KEY');
    }
    expect(await page.content()).not.toContain(edgemint.rootApiKey);
  });

  test('makes a first token request with the fields as they are filled in', async () => {
    const { client_id, client_secret } = await createClient();
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.auth-container', { hasText: 'client_secret_basic' });
    await dialog.locator('input[name="username"]').fill(client_id);
    await dialog.locator('input[name="password"]').fill(client_secret);
    await dialog.getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).first().click();
    const issued = await tryOut('requestToken');
    expect(issued).toContain('200');
    expect(issued).toContain('"access_token"');
  });

  async function createClient(): Promise<{ client_id: string; client_secret: string }> {
    const post = async (path: string, body: object) => {
      const headers = { Authorization: `Bearer ${edgemint.rootApiKey}`, 'Content-Type': 'application/json' };
      const answer = await fetch(`${edgemint.issuer}/v1/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return answer.json();
    };
    const { id: organization_id } = await post('organizations', { name: 'Shop' });
    const identifier = 'https://orders.example.com';
    const scopes = [{ name: 'orders:read' }];
    await post('resource-servers', { organization_id, identifier, name: 'Orders', scopes });
    const grants = [{ resource_server: identifier, scopes: ['orders:read'] }];
    return post('clients', { organization_id, client_name: 'Worker', grants });
  }

  test('has the operations in sight, hides what was typed as a key, and is dark if the system is', async () => {
    await page.reload();
    const first = page.getByText('Get an access token');
    await first.waitFor();
    expect((await first.boundingBox())?.y).toBeLessThan(page.viewportSize()?.height ?? 0);
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.auth-container', { hasText: 'apiKey' });
    expect(await dialog.locator('input').getAttribute('type')).toBe('password');
    await page.getByRole('button', { name: 'Close' }).first().click();
    const isDark = () => page.evaluate('document.documentElement.classList.contains("dark-mode")');
    expect(await isDark()).toBe(false);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(isDark).toBe(true);
    expect(await page.locator('.operation-filter-input').count()).toBe(1);
  });

  test('asks no other host for anything, and finds nothing to complain of', () => {
    const { host } = new URL(edgemint.issuer);
    const overTheNetwork = requested.filter(({ protocol }) => protocol !== 'data:' && protocol !== 'blob:');
    expect(new Set(overTheNetwork.map((url) => url.host))).toEqual(new Set([host]));
    expect(complaints).toEqual([]);
  });
});
