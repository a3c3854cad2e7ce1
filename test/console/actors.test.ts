import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, type OpenConsole, openConsole, signIn } from './harness.ts';

// Every page, seen by each kind of session. What /v1 itself allows each of them is tested in test/sessions/actors.test.ts.

const AUDIENCE = 'a'.repeat(64);
const TEAM = 'acme.cloudflareaccess.com';
const ACCESS = {
  ACCESS_TEAM_DOMAIN: TEAM,
  ACCESS_AUD: AUDIENCE,
  ACCESS_RULES: '[{"email":"ada@example.com","admin":true}]',
};
/** The name of everything that belongs to another organization. */
const FOREIGN = 'Zebra-of-others';
/** A name with HTML, and with a character that cannot be seen. */
const HOSTILE = '<img src=x onerror="window.hacked=1">\u200b!';
const SHOWN = '<img src=x onerror="window.hacked=1">[U+200B]!';
const WRITING = /^(new|create|edit|add|delete|remove|revoke|rotate|disable|enable|save|make|reseal|send)\b/i;

const source = readFileSync(new URL('../../src/console/routes.ts', import.meta.url), 'utf8');
const PATHS = [...source.matchAll(/^ {2}route\(\s*(?:`\$\{IN\}([^`]*)`|(IN)|'([^']*)'),/gm)].map(
  ([, below, own, instance]) => instance ?? `/organizations/:organizationId${own ? '' : below}`,
);

interface Owned {
  readonly id: string;
  readonly client_id: string;
}

describe.skipIf(!hasChromium)('every page of the console', () => {
  let open: OpenConsole;
  let organizationId: string;
  let addresses: readonly string[];
  /** The same pages, of the other organization. */
  let foreignAddresses: readonly string[];
  let assertion: string;

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }] });
    assertion = await new SignJWT({ email: 'ada@example.com', type: 'app' })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(`https://${TEAM}`)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('1 hour')
      .sign(privateKey);
    open = await openConsole({
      variables: ACCESS,
      network: (_, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(keys),
    });
    const foreign = await fill(FOREIGN, 'https://foreign.example');
    const own = await fill(HOSTILE, 'https://own.example');
    organizationId = own.organizationId;
    addresses = addressesOf(own);
    foreignAddresses = addressesOf(foreign).filter((address) => address.includes(foreign.organizationId));
  });

  afterAll(() => open?.close());

  /** Makes an organization in which everything has the same name. */
  async function fill(name: string, identifier: string) {
    const create = (path: string, body: object) => open.request<Owned>('POST', `/v1/${path}`, body);
    const { id: organization_id } = await create('organizations', { name });
    const scopes = [{ name: 'orders:read' }];
    const server = await create('resource-servers', { organization_id, identifier, name, scopes });
    const grants = [{ resource_server: identifier, scopes: ['orders:read'] }];
    const roleName = name === FOREIGN ? FOREIGN : 'order-reader';
    const role = await create('roles', { organization_id, name: roleName, description: name, grants });
    const client = await create('clients', { organization_id, client_name: name, owner: name, grants });
    await create('api-keys', { organization_id, name, scopes: ['clients:read'] });
    const events = ['client.updated'];
    const webhook = await create('webhooks', { organization_id, name, url: 'https://hooks.example.com/', events });
    const ids = { server: server.id, role: role.id, client: client.client_id, webhook: webhook.id };
    return { organizationId: organization_id, ...ids };
  }

  function addressesOf(filled: Awaited<ReturnType<typeof fill>>): string[] {
    return PATHS.map((path) =>
      path
        .replace(':organizationId', filled.organizationId)
        .replace(':clientId', filled.client)
        .replace('resource-servers/:id', `resource-servers/${filled.server}`)
        .replace('roles/:id', `roles/${filled.role}`)
        .replace('webhooks/:id', `webhooks/${filled.webhook}`),
    );
  }

  async function keyOf(...scopes: string[]): Promise<string> {
    const body = { organization_id: organizationId, name: scopes.join(' '), scopes };
    return (await open.request<{ api_key: string }>('POST', '/v1/api-keys', body)).api_key;
  }

  /** Opens every page and returns what is wrong with any of them. */
  async function faultsOf(
    page: Page,
    look: (address: string) => Promise<string[]>,
    walked = addresses,
  ): Promise<string[]> {
    const faults: string[] = [];
    const reads: Promise<void>[] = [];
    const [read, unread] = [new Set<string>(), new Set<string>()];
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      const status = response.status();
      if (status === 403 || status >= 500) faults.push(`${pathname}: ${status}`);
      if (pathname.includes('/assets/')) return;
      reads.push(
        response.text().then(
          (text) => {
            read.add(pathname);
            if (text.includes(FOREIGN)) bodies.push(pathname);
          },
          // A page that is left ends what it has asked for, and such a body cannot be read.
          () => void unread.add(pathname),
        ),
      );
    });
    const bodies: string[] = [];
    for (const address of walked) {
      await page.goto(`${open.url}${address}`);
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      await page.waitForLoadState('networkidle');
      if ((await page.evaluate('window.hacked')) !== undefined) faults.push(`${address}: a name was run`);
      const shown = await page.evaluate<string>('document.title + document.body.textContent');
      if (shown.includes('\u200b')) faults.push(`${address}: a character of a name cannot be seen`);
      faults.push(...(await look(address)).map((fault) => `${address}: ${fault}`));
    }
    await Promise.all(reads);
    faults.push(...[...unread.difference(read)].map((pathname) => `${pathname}: its body was not read`));
    foreignBodies = bodies;
    return faults;
  }
  let foreignBodies: readonly string[] = [];

  const signedIn = async (key: string, options?: BrowserContextOptions) => {
    const page = await open.newPage(options);
    await signIn(page, open.url, key);
    return page;
  };
  const nothing = async () => [];

  /** Returns the buttons and links by which a page offers to change something. */
  async function offersOf(page: Page): Promise<string[]> {
    const main = page.getByRole('main');
    const [buttons, links] = await Promise.all(
      (['button', 'link'] as const).map((role) => main.getByRole(role).allTextContents()),
    );
    return [...(buttons ?? []), ...(links ?? [])]
      .filter((text) => WRITING.test(text.trim()))
      .map((text) => `"${text}"`);
  }

  test('is in the list', () => {
    expect(PATHS).toHaveLength(source.match(/^ {2}route\(/gm)?.length ?? 0);
    expect(PATHS.length).toBeGreaterThan(20);
  });

  test('opens for the root key, and shows hostile names as text', async () => {
    const page = await signedIn(open.edgemint.rootApiKey);
    const seen = new Set<string>();
    const look = async (address: string) => {
      if ((await page.getByText(SHOWN).count()) > 0) seen.add(address);
      return [];
    };
    expect(await faultsOf(page, look)).toEqual([]);
    const named = [
      '/organizations',
      ...['', '/clients', '/resource-servers', '/api-keys', '/webhooks'].map(ownAddress),
    ];
    expect([...seen]).toEqual(expect.arrayContaining(named));
    await page.context().close();
  });

  const ownAddress = (rest: string) => `/organizations/${organizationId}${rest}`;

  test('opens for a person whom Cloudflare Access names as an administrator', async () => {
    const page = await open.newPage({ extraHTTPHeaders: { 'Cf-Access-Jwt-Assertion': assertion } });
    await page.goto(open.url);
    await page.getByRole('button', { name: 'Continue with Cloudflare Access' }).click();
    await page.getByText('ada@example.com').first().waitFor();
    expect(await faultsOf(page, nothing)).toEqual([]);
    await page.context().close();
  });

  test('offers an administrator with few scopes nothing to change, and shows nothing of others', async () => {
    const page = await signedIn(await keyOf('clients:read'));
    expect(await faultsOf(page, () => offersOf(page))).toEqual([]);
    expect(foreignBodies).toEqual([]);
    await page.context().close();
  });

  test('shows an administrator nothing of another organization at its addresses', async () => {
    const page = await signedIn(await keyOf('clients:read', 'roles:read', 'resource-servers:read', 'webhooks:read'));
    const look = async () => {
      const heading = page.getByRole('main').getByRole('heading', { level: 1 });
      return (await heading.getByText(SHOWN).count()) > 0 ? ['has the heading of the own organization'] : [];
    };
    expect(await faultsOf(page, look, foreignAddresses)).toEqual([]);
    expect(foreignBodies).toEqual([]);
    await page.context().close();
  });

  test('offers the user of a portal link what the link gives, and the way back', async () => {
    const { url } = await open.request<{ url: string }>('POST', '/v1/portal-links', {
      organization_id: organizationId,
      scopes: ['clients:read', 'resource-servers:read', 'roles:read'],
      return_url: 'https://app.example.com/machines',
      name: 'Ada Lovelace',
    });
    const page = await open.newPage();
    await page.goto(url);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('navigation', { name: 'Main' }).waitFor({ state: 'attached' });
    expect(await faultsOf(page, () => offersOf(page))).toEqual([]);
    expect(foreignBodies).toEqual([]);
    await page.getByText('Ada Lovelace').first().waitFor();
    await page.getByRole('button', { name: 'Sign out and go back' }).waitFor();
    await page.context().close();
  });

  test('leads to the sign-in once the session has ended, and shows nothing any more', async () => {
    const body = { organization_id: organizationId, name: 'Ends soon', scopes: ['clients:read'] };
    const key = await open.request<{ id: string; api_key: string }>('POST', '/v1/api-keys', body);
    const page = await signedIn(key.api_key);
    await page.goto(`${open.url}${ownAddress('/clients')}`);
    await page.getByText(SHOWN).first().waitFor();
    await page.waitForLoadState('networkidle');
    await open.request('DELETE', `/v1/api-keys/${key.id}`);
    // First the page that is open goes on, then each is opened anew.
    await page.getByRole('main').getByRole('link', { name: SHOWN }).first().click();
    await page.getByLabel('API key').waitFor();
    expect(await page.getByText(SHOWN).count()).toBe(0);
    for (const address of addresses) {
      await page.goto(`${open.url}${address}`);
      await page.getByLabel('API key').waitFor();
      expect(await page.getByText(SHOWN).count()).toBe(0);
    }
    await page.context().close();
  });

  test('made no complaint, and asked no other host', () => {
    expect(open.complaints).toEqual([]);
  });
});
