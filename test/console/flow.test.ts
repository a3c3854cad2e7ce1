import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, type OpenConsole, openConsole } from './harness.ts';

// A machine's life in the console, from an empty service to the audit log, by what is visible: once with the mouse, once with the keyboard.

/** Lets the clock of the Worker and its gates go ahead, so that days pass in which nobody uses a secret or a scope. */
const CLOCK = `
import worker from './index.js';
export { ClientGate } from './index.js';
const Real = Date;
let ahead = 0;
globalThis.Date = class extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now() + ahead);
    else super(...parts);
  }
  static now() {
    return Real.now() + ahead;
  }
};
export default {
  ...worker,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/test-clock') return worker.fetch(request, env, ctx);
    ahead += Number(searchParams.get('ms'));
    return new Response(null, { status: 204 });
  },
};
`;
const FOUR_DAYS_MS = 4 * 86_400_000;

/** Uses a page as a person does, in one of two ways. */
interface Hand {
  /** Presses a button, follows a link, or ticks a box. */
  press(target: Locator): Promise<void>;
  write(field: Locator, text: string): Promise<void>;
  /** Chooses an option of a combobox or select. */
  choose(field: Locator, option: string): Promise<void>;
  openTab(name: string): Promise<void>;
  chooseInMenu(menu: string, item: string): Promise<void>;
}

function mouse(page: Page): Hand {
  return {
    press: (target) => target.click(),
    write: (field, text) => field.fill(text),
    choose: async (field, option) => {
      await field.click();
      await page.getByRole('option', { name: option }).first().click();
      // A list of several choices stays open until something else is pressed.
      if (await page.getByRole('listbox').isVisible()) await page.locator('h1').click();
    },
    openTab: (name) => page.getByRole('tab', { name, exact: true }).click(),
    chooseInMenu: async (menu, item) => {
      await page.getByRole('button', { name: menu }).click();
      await page.getByRole('menuitem', { name: item }).click();
    },
  };
}

/** Uses nothing but the keys. */
function keyboard(page: Page): Hand {
  const isFocused = (target: Locator) => target.evaluate((element) => element === element.ownerDocument.activeElement);
  /** Goes through the page with Tab until the focus is on the target. */
  const reach = async (target: Locator) => {
    await target.waitFor();
    for (let presses = 0; presses < 250; presses++) {
      if (await isFocused(target)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`The keyboard does not reach ${target}.`);
  };
  /** Goes down, then up with the arrow keys until an option has the mark that the component gives to the highlighted one. */
  const highlight = async (option: Locator) => {
    await option.waitFor();
    for (let presses = 0; presses < 45; presses++) {
      if ((await option.getAttribute('data-highlighted')) !== null) return;
      // A list begins at what is chosen, and ends at its last option.
      await page.keyboard.press(presses < 15 ? 'ArrowDown' : 'ArrowUp');
      await page.waitForTimeout(30);
    }
    throw new Error(`The arrow keys do not reach ${option}.`);
  };
  return {
    press: async (target) => {
      await reach(target);
      // Enter on a checkbox sends its form.
      const isCheckbox = await target.evaluate((element) => element.getAttribute('type') === 'checkbox');
      await page.keyboard.press(isCheckbox ? 'Space' : 'Enter');
    },
    write: async (field, text) => {
      await reach(field);
      await page.keyboard.press('Control+a');
      await page.keyboard.type(text);
    },
    choose: async (field, option) => {
      await reach(field);
      await page.keyboard.press('ArrowDown');
      await highlight(page.getByRole('option', { name: option }).first());
      await page.keyboard.press('Enter');
      // A list of several choices stays open.
      if (await page.getByRole('option').first().isVisible()) await page.keyboard.press('Escape');
    },
    openTab: async (name) => {
      const tab = page.getByRole('tab', { name, exact: true });
      await reach(page.getByRole('tab', { selected: true }).first());
      for (let presses = 0; presses < 12 && !(await isFocused(tab)); presses++) await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
    },
    chooseInMenu: async (menu, item) => {
      await reach(page.getByRole('button', { name: menu }));
      await page.keyboard.press('Enter');
      await highlight(page.getByRole('menuitem', { name: item }));
      await page.keyboard.press('Enter');
    },
  };
}

describe.skipIf(!hasChromium).each([
  ['the mouse', mouse],
  ['the keyboard alone', keyboard],
] as const)('with %s', (_, handOf) => {
  let opened: OpenConsole;
  let page: Page;
  let hand: Hand;

  beforeAll(async () => {
    opened = await openConsole({ entry: CLOCK });
    page = await opened.newPage();
    hand = handOf(page);
  });

  afterAll(() => opened?.close());

  const link = (name: string) => page.getByRole('link', { name, exact: true }).first();
  const button = (name: string) => page.getByRole('button', { name, exact: true }).first();
  const field = (name: string) => page.getByRole('textbox', { name, exact: true });
  const inDialog = (name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true });
  const seen = (text: string | RegExp) => page.getByText(text).first().waitFor();

  /** Presses a button that copies something, and returns what the clipboard has then. */
  async function copied(name: string): Promise<string> {
    await hand.press(button(name));
    await expect.poll(() => page.evaluate<string>('navigator.clipboard.readText()')).not.toBe('');
    return page.evaluate<string>('navigator.clipboard.readText()');
  }

  async function run(command: string, secret: string): Promise<Record<string, unknown>> {
    const env = { ...process.env, CLIENT_SECRET: secret };
    return JSON.parse((await promisify(execFile)('sh', ['-c', command], { env })).stdout);
  }

  test('a machine is set up, used, rotated, diagnosed, restricted and stopped', async () => {
    await page.goto(opened.url);
    await hand.write(page.getByLabel('API key'), opened.edgemint.rootApiKey);
    await hand.press(button('Sign in'));

    await hand.press(link('Organizations'));
    await hand.press(button('New organization'));
    await hand.write(field('Name'), 'Acme');
    await hand.press(inDialog('Create organization'));
    await page.getByRole('heading', { name: 'Acme', level: 1 }).waitFor();

    await hand.press(link('Resource servers'));
    await hand.press(link('New resource server'));
    await hand.write(field('Identifier'), 'https://api.example.com/orders');
    await hand.write(field('Name'), 'Orders API');
    await hand.write(field('Scope 1'), 'orders:read');
    await hand.press(button('Add a scope'));
    await hand.write(field('Scope 2'), 'orders:write');
    await hand.press(button('Create the resource server'));
    await page.getByRole('heading', { name: 'Orders API', level: 1 }).waitFor();

    await hand.press(link('Roles'));
    await hand.press(link('New role'));
    await hand.write(field('Name'), 'order-reader');
    await hand.choose(page.getByRole('combobox', { name: 'Add a resource server' }), 'https://api.example.com/orders');
    await hand.press(page.getByRole('checkbox', { name: 'orders:read' }));
    await hand.press(button('Create the role'));
    await page.getByRole('heading', { name: 'order-reader', level: 1 }).waitFor();

    await hand.press(link('Clients'));
    await hand.press(link('New client'));
    await hand.write(field('Name'), 'Invoice worker');
    await hand.choose(page.getByRole('combobox', { name: /^Roles/ }), 'order-reader');
    await hand.choose(page.getByRole('combobox', { name: 'Add a resource server' }), 'https://api.example.com/orders');
    await hand.press(page.getByRole('checkbox', { name: 'orders:write' }));
    await hand.press(button('Create the client'));

    await seen('Waiting for the first token');
    const secret = await copied('Copy Client secret');
    expect(secret).toMatch(/^ems_/);
    const command = await copied('Copy the curl sample');
    expect(await run(command, secret)).toMatchObject({ scope: 'orders:read orders:write' });
    await seen('First token seen');

    await hand.press(link('Open the client'));
    await hand.chooseInMenu('More actions', 'Rotate the secret');
    await hand.press(button('Create the new secret'));
    await seen('Deploy the new secret');
    const newSecret = await copied('Copy New client secret');
    expect(newSecret).not.toBe(secret);
    expect(await run(command, newSecret)).toHaveProperty('access_token');
    await seen('The new secret is in use');
    await seen(/it is safe to delete from/);

    // Four days later nothing has used the old secret, and the session has ended.
    await fetch(`${opened.edgemint.issuer}/test-clock?ms=${FOUR_DAYS_MS}`);
    await page.getByLabel('API key').waitFor();
    await hand.write(page.getByLabel('API key'), opened.edgemint.rootApiKey);
    await hand.press(button('Sign in'));
    await seen('Nothing uses the old secret any more');
    await hand.press(button('Delete the old secret'));
    await hand.press(inDialog('Delete the secret'));
    await seen('The rotation is finished');
    expect(await run(command, secret)).toMatchObject({ error: 'invalid_client' });

    await page.getByRole('heading', { name: 'Invoice worker', level: 1 }).waitFor();
    await hand.press(button('Disable'));
    await hand.press(inDialog('Disable'));
    await seen('The client is disabled');
    expect(await run(command, newSecret)).toMatchObject({ error: 'invalid_client' });
    await hand.openTab('Diagnosis');
    const problems = page.getByRole('region', { name: 'Why is it refused?' });
    await problems
      .getByText(/disabled/i)
      .first()
      .waitFor();
    const reason = page
      .getByRole('region', { name: 'Refused requests by reason' })
      .getByText('disabled_client', { exact: true });
    await expect.poll(() => pressUntil(button('Check again'), reason), { timeout: 20_000 }).toBe(true);
    await hand.press(problems.getByRole('button', { name: 'Enable' }));
    await hand.press(inDialog('Enable'));
    await seen('The client is enabled');

    await hand.openTab('Access');
    await hand.choose(page.getByRole('combobox', { name: 'Not used for' }), 'Not used for a day');
    await hand.press(button('Remove 1 unused scope'));
    await page.getByRole('list', { name: 'Scopes to remove' }).getByText('orders:write').waitFor();
    await hand.press(inDialog('Remove'));
    await seen('The unused scopes are removed');
    expect(await run(command, newSecret)).toMatchObject({ error: 'invalid_scope' });

    await hand.chooseInMenu('More actions', 'Revoke all tokens');
    await hand.write(page.getByRole('textbox', { name: /to confirm/ }), 'Invoice worker');
    await hand.press(inDialog('Revoke all tokens'));
    await seen('All tokens of the client are revoked');

    await hand.press(link('Audit log'));
    const events = page.getByRole('table');
    for (const action of [
      'organization.created',
      'resource_server.created',
      'role.created',
      'client.created',
      'client.secret_rotated',
      'client.secret_deleted',
      'client.updated',
      'client.tokens_revoked',
    ]) {
      await events.getByText(action).first().waitFor();
    }
    await hand.press(events.getByRole('button', { name: 'client.tokens_revoked' }));
    await page.getByRole('dialog', { name: 'client.tokens_revoked' }).getByText(/^emc_/).first().waitFor();

    expect(opened.complaints).toEqual([]);
  });

  /** A refusal shows after a second or two. */
  async function pressUntil(again: Locator, appears: Locator): Promise<boolean> {
    if (await appears.isVisible()) return true;
    await hand.press(again);
    await page.waitForTimeout(500);
    return appears.isVisible();
  }
});
