import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expectAccessible, type OpenConsole, openConsole, signIn } from '../harness.ts';
import { createDemo, type Demo } from './demo.ts';

// `npm run pictures`: takes a picture of each page of the console with demo data, light and dark.

const FOLDER = join(import.meta.dirname, '../../../docs/images');
const SIZE = { width: 1200, height: 780 };
/** The charts and lists of a page are there by then. */
const SETTLED_MS = 700;

/** The pages by the name of their picture. */
function pagesOf({
  organizationId,
  clientId,
  resourceServerId,
  roleId,
  webhookId,
}: Demo): Readonly<Record<string, string>> {
  const organization = `/organizations/${organizationId}`;
  const client = `${organization}/clients/${clientId}`;
  return {
    overview: '/',
    organizations: '/organizations',
    organization,
    clients: `${organization}/clients`,
    'new-client': `${organization}/clients/new`,
    client,
    'client-access': `${client}#access`,
    'client-credentials': `${client}#credentials`,
    'client-usage': `${client}#usage`,
    'client-diagnosis': `${client}#diagnosis`,
    'client-test-token': `${client}#test-token`,
    rotation: `${client}/rotate`,
    'resource-servers': `${organization}/resource-servers`,
    'new-resource-server': `${organization}/resource-servers/new`,
    'resource-server': `${organization}/resource-servers/${resourceServerId}`,
    roles: `${organization}/roles`,
    'new-role': `${organization}/roles/new`,
    role: `${organization}/roles/${roleId}`,
    'api-keys': `${organization}/api-keys`,
    webhooks: `${organization}/webhooks`,
    webhook: `${organization}/webhooks/${webhookId}`,
    audit: `${organization}/audit`,
    export: `${organization}/export`,
    'signing-keys': '/signing-keys',
    'master-keys': '/master-keys',
  };
}

async function takePictures(open: OpenConsole, folder: string, isChecked: boolean): Promise<void> {
  const pages = pagesOf(await createDemo(open));
  await open.edgemint.runScheduled();
  const page = await open.newPage({ viewport: SIZE, reducedMotion: 'reduce' });
  await page.goto(open.url);
  await page.getByLabel('API key').waitFor();
  const shoot = async (name: string) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(SETTLED_MS / 4);
      await page.screenshot({ path: join(folder, `console-${name}-${colorScheme}.png`) });
    }
    if (isChecked)
      await expectAccessible(page).catch((error: unknown) => console.log(name, String(error).slice(0, 1500)));
  };
  await shoot('sign-in');
  await signIn(page, open.url, open.edgemint.rootApiKey);
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(`${open.url}${address}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(SETTLED_MS);
    await shoot(name);
  }
}

const [folder = FOLDER, check] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const open = await openConsole();
try {
  await takePictures(open, folder, check === '--check');
  for (const complaint of open.complaints) console.log(complaint);
} finally {
  await open.close();
}
