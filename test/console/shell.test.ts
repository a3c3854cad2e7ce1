import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectAccessible, hasChromium, type OpenConsole, openConsole, signIn } from './harness.ts';

const ACCESS = {
  ACCESS_TEAM_DOMAIN: 'acme.cloudflareaccess.com',
  ACCESS_AUD: 'a'.repeat(64),
  ACCESS_RULES: '[{"email_domain":"example.com","admin":true}]',
};

// The issuer has a path, which is the harder case. The tests of the pages have none.
describe.skipIf(!hasChromium)('the frame of the console', () => {
  let open: OpenConsole;
  let page: Page;

  beforeAll(async () => {
    open = await openConsole({ path: '/tenant/a', variables: ACCESS });
    page = await open.newPage();
  });

  afterAll(() => open?.close());

  const navigation = () => page.getByRole('navigation', { name: 'Main' });

  test('asks for a key, says when it is wrong, and comes back to the address that was asked for', async () => {
    await page.goto(`${open.url}/signing-keys`);
    await page.getByLabel('API key').fill('not-a-key');
    await page.keyboard.press('Enter');
    await page.getByText('No API key has this value, or it no longer works.').waitFor();
    expect(await page.getByLabel('API key').getAttribute('aria-invalid')).toBe('true');
    await expectAccessible(page);
    await page.getByLabel('API key').fill(open.edgemint.rootApiKey);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Signing keys', level: 1 }).waitFor();
    expect(page.url()).toBe(`${open.url}/signing-keys`);
  });

  test('keeps no key where a script can read it', async () => {
    const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])');
    expect(kept).toBe('[{},{},""]');
    expect(await page.content()).not.toContain(open.edgemint.rootApiKey);
  });

  test('marks a session of the root key, with the time that is left', async () => {
    await page.getByText(/signed in with the root key.*ends in 15 minutes/).waitFor();
  });

  test('leads to every page, and marks the one that is shown', async () => {
    const { id } = await open.request<{ id: string }>('POST', '/v1/organizations', { name: 'Acme' });
    await page.goto(`${open.url}/organizations/${id}`);
    await page.getByRole('button', { name: 'Organization: Acme' }).waitFor();
    const names = await navigation().getByRole('link').allTextContents();
    expect(names).toEqual([
      'Edgemint',
      ...['Overview', 'Clients', 'Resource servers', 'Roles', 'API keys', 'Webhooks', 'Audit log', 'Export'],
      ...['Overview', 'Organizations', 'Audit log', 'Webhooks', 'Signing keys', 'Master keys'],
    ]);
    await navigation().getByRole('link', { name: 'Resource servers' }).click();
    await page.getByRole('heading', { name: 'Resource servers', level: 1 }).waitFor();
    expect(page.url()).toBe(`${open.url}/organizations/${id}/resource-servers`);
    const current = navigation().locator('[aria-current="page"]');
    expect(await current.allTextContents()).toEqual(['Resource servers']);
    await expect.poll(() => page.title()).toBe('Resource servers · Edgemint');
  });

  test('puts the focus on a new page, so that the keyboard goes on there', async () => {
    await navigation().getByRole('link', { name: 'Signing keys' }).click();
    await page.getByRole('heading', { name: 'Signing keys', level: 1 }).waitFor();
    await expect.poll(() => page.evaluate('document.activeElement?.tagName')).toBe('MAIN');
    await page.reload();
    await page.getByRole('heading', { name: 'Signing keys', level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement?.tagName')).toBe('MAIN');
  });

  test('chooses another organization by keyboard', async () => {
    await open.request('POST', '/v1/organizations', { name: 'Beta' });
    await page.goto(open.url);
    await page.getByRole('button', { name: /^Organization:/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Beta' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('b');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Organization: Beta' }).waitFor();
  });

  test('signs in by a link, once, and only if the reader agrees', async () => {
    const makeLink = async () => (await open.request<{ url: string }>('POST', '/v1/console-links')).url;
    const [first, second] = [await makeLink(), await makeLink()];
    const guest = await open.newPage();
    await guest.goto(first);
    await guest.getByText('Continue only if you asked for the link').waitFor();
    await guest.getByRole('button', { name: 'Continue' }).click();
    await guest.getByText(/signed in with the root key/).waitFor();
    expect(new URL(guest.url()).hash).toBe('');

    await guest.goto(second);
    await guest.getByRole('heading', { name: 'Sign in with the link?' }).waitFor();
    await expectAccessible(guest);
    expect(new URL(guest.url()).hash).toBe('');
    await guest.getByRole('link', { name: 'Stay signed in' }).click();
    await guest.getByRole('navigation', { name: 'Main' }).waitFor();
    await guest.goto(second);
    await guest.getByRole('button', { name: 'Continue' }).click();
    await guest.getByRole('navigation', { name: 'Main' }).waitFor();

    // The server is asked again when the page is looked at, and another session is not taken for the same.
    const other = await guest.context().newPage();
    await other.goto(`${open.url}/link#${(await makeLink()).split('#')[1]}`);
    await other.getByRole('button', { name: 'Continue' }).click();
    await other.getByRole('navigation', { name: 'Main' }).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await other.getByLabel('API key').waitFor();
    await guest.evaluate('dispatchEvent(new PageTransitionEvent("pageshow"))');
    await guest.getByLabel('API key').waitFor();

    const late = await open.newPage();
    await late.goto(second);
    await late.getByRole('button', { name: 'Continue' }).click();
    await late.getByText('The link was used before, and works once.').waitFor();
    await Promise.all([guest.context().close(), late.context().close()]);
  });

  test('offers Cloudflare Access to a person who came through it', async () => {
    const person = await open.newPage({ extraHTTPHeaders: { 'Cf-Access-Jwt-Assertion': 'not.an.assertion' } });
    await person.goto(open.url);
    await person.getByRole('button', { name: 'Continue with Cloudflare Access' }).click();
    await person.getByText('The assertion of Cloudflare Access is not valid for this service.').waitFor();
    await person.context().close();
  });

  test('says so at an address that it does not have', async () => {
    await page.goto(`${open.url}/nothing/here`);
    await page.getByRole('heading', { name: 'No such page' }).waitFor();
    await expectAccessible(page);
  });

  test('folds the navigation on a phone', async () => {
    await page.setViewportSize({ width: 375, height: 700 });
    await page.goto(`${open.url}/master-keys`);
    await page.getByRole('heading', { name: 'Master keys', level: 1 }).waitFor();
    expect(await navigation().isVisible()).toBe(false);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.getByRole('button', { name: 'Navigation' }).click();
    await expectAccessible(page);
    await navigation().getByRole('link', { name: 'Signing keys' }).click();
    await page.getByRole('heading', { name: 'Signing keys', level: 1 }).waitFor();
    expect(await navigation().isVisible()).toBe(false);
    await page.setViewportSize({ width: 1280, height: 720 });
  });

  test('shows an organization’s administrator only what the key may see', async () => {
    const { id } = await open.request<{ id: string }>('POST', '/v1/organizations', { name: '<b>evil\u200b</b>' });
    const { api_key } = await open.request<{ api_key: string }>('POST', '/v1/api-keys', {
      organization_id: id,
      name: 'Auditor',
      scopes: ['audit:read'],
    });
    const own = await open.newPage();
    await signIn(own, open.url, api_key);
    const links = own.getByRole('navigation', { name: 'Main' }).getByRole('link');
    await expect.poll(() => links.allTextContents()).toEqual(['Edgemint', 'Overview', 'Audit log']);
    await own.getByText('<b>evil[U+200B]</b>').first().waitFor();
    await own.goto(`${open.url}/organizations/${id}/clients`);
    await own.getByText('Your session may not see this page').waitFor();
    await own.context().close();
  });

  test('signs out, and no longer shows what it showed', async () => {
    await page.goto(`${open.url}/organizations`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    await page.goto(`${open.url}/organizations`);
    await page.getByLabel('API key').waitFor();
    expect(page.url()).toContain('/sign-in?return=%2Forganizations');
  });

  test('ends the session when the server does, whatever the clock of the machine says', async () => {
    const own = await open.newPage();
    await own.clock.install({ time: Date.now() + 86_400_000 });
    await signIn(own, `${open.url}/organizations`, open.edgemint.rootApiKey);
    await own.getByRole('heading', { name: 'Organizations', level: 1 }).waitFor();
    const asked = own.waitForResponse((response) => response.url().endsWith('/console/session'));
    await own.clock.fastForward(11_000);
    expect((await asked).status()).toBe(200);
    expect(await own.getByRole('navigation', { name: 'Main' }).isVisible()).toBe(true);
    await own.context().clearCookies();
    await own.clock.fastForward(11_000);
    await own.getByLabel('API key').waitFor();
    await own.context().close();
    // The browser reports each 401.
    open.complaints.splice(0);
  });

  test('returns to no other site after signing in', async () => {
    for (const elsewhere of ['https://evil.example/', '//evil.example/', '/\\evil.example']) {
      const own = await open.newPage();
      await signIn(own, `${open.url}/sign-in?return=${encodeURIComponent(elsewhere)}`, open.edgemint.rootApiKey);
      expect(new URL(own.url()).origin).toBe(new URL(open.url).origin);
      await own.context().close();
    }
  });

  test('removes the token of a link from the address, and says that the link does not work', async () => {
    await page.goto(`${open.url}/link#%`);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'The link does not work' }).waitFor();
    expect(page.url()).toBe(`${open.url}/link`);
    await expectAccessible(page);
  });

  test('asks no other host for anything, and the browser finds nothing to complain of', () => {
    expect(open.complaints).toEqual([]);
  });
});
