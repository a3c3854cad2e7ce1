import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { type RunningEdgemint, type StartOptions, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** Whether the tests can run. Use it with `describe.skipIf(!hasChromium)`. */
export const hasChromium = existsSync(CHROMIUM);
if (!hasChromium) {
  console.warn(`NOT TESTED: the console. There is no Chromium at ${CHROMIUM}: install it, or set CHROMIUM_PATH.`);
}

/** How long a page may take, on a machine that does four things at once. */
const DEADLINE_MS = 30_000;

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface OpenConsole {
  readonly edgemint: RunningEdgemint;
  /** The URL of the console, without a final slash. */
  readonly url: string;
  /** Opens a page in a context of its own, without a session. */
  newPage(options?: BrowserContextOptions): Promise<Page>;
  /** Calls the API with the root key. @throws unless it succeeds */
  request<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** Errors and warnings of the browser's console, exceptions, failed requests, and requests to other hosts, of all pages. */
  readonly complaints: string[];
  close(): Promise<void>;
}

interface OpenOptions extends Omit<StartOptions, 'issuer'> {
  /** The path of the issuer, such as `/tenant/a`. */
  readonly path?: string;
}

/** Starts Edgemint and a browser. */
export async function openConsole({ path = '', ...options }: OpenOptions = {}): Promise<OpenConsole> {
  // The cookie of the session has `Secure`, which a browser takes from this host without TLS.
  const issuer = `http://localhost:${await freePort()}${path}`;
  const [edgemint, browser] = await Promise.all([startEdgemint({ ...options, issuer }), launch()]);
  const complaints: string[] = [];
  const { host } = new URL(issuer);
  return {
    edgemint,
    url: `${issuer}/console`,
    complaints,
    newPage: (contextOptions) => newPage(browser, host, complaints, contextOptions),
    request: (method, requested, body) => request(edgemint, method, requested, body),
    close: async () => {
      await browser.close();
      await edgemint.stop();
    },
  };
}

function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM });
}

async function newPage(
  browser: Browser,
  host: string,
  complaints: string[],
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on('request', (asked) => {
    const url = new URL(asked.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.host !== host) complaints.push(`foreign: ${url}`);
  });
  page.on('requestfailed', (failed) => {
    // A page that is left ends what it has asked for.
    const reason = failed.failure()?.errorText ?? '';
    if (reason !== 'net::ERR_ABORTED') complaints.push(`failed: ${failed.url()} ${reason}`);
  });
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // The browser reports each answer of 400 and more, also those that a page expects, such as 401 without a session.
    if (text.startsWith('Failed to load resource: the server responded with a status of 4')) return;
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${text}`);
  });
  return page;
}

async function request<T>(edgemint: RunningEdgemint, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${edgemint.issuer}${path}`, {
    method,
    headers: { Authorization: `Bearer ${edgemint.rootApiKey}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Signs in as a person does: pastes an API key. @param url the URL of the console, or of the page to come back to */
export async function signIn(page: Page, url: string, apiKey: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('API key').fill(apiKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  // On a phone it is folded, so that it has no role.
  await page.locator('nav#navigation').waitFor({ state: 'attached' });
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Fails if axe-core finds something serious on the page as it is, in light or in dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // The browser's debugger runs it, which the Content Security Policy of the page does not concern.
    await page.evaluate(AXE);
    const violations = await page.evaluate<readonly Violation[]>(
      'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
    );
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const found = serious.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${colorScheme} ${id}: ${html}\n${failureSummary}`),
    );
    expect(found).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}
