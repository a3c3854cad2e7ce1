import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const RUN = new URL('run.ts', EXAMPLES).pathname;
const hasApache = existsSync('/usr/sbin/apache2') && existsSync('/usr/lib/apache2/modules/mod_auth_openidc.so');
if (!hasApache) {
  console.warn(
    'NOT TESTED: the example of Apache. Install it: apt-get install apache2-bin libapache2-mod-auth-openidc.',
  );
}

let edgemint: RunningEdgemint;
beforeAll(async () => {
  edgemint = await startEdgemint();
});
afterAll(() => edgemint?.stop());

async function run(name: string): Promise<string> {
  const env = { ...process.env, EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: edgemint.rootApiKey };
  const { stdout } = await promisify(execFile)(process.execPath, [RUN, name], { env });
  return stdout;
}

test('hono-api: the API answers the machine, and nobody without a token', async () => {
  const printed = await run('hono-api');
  expect(printed).toContain('Without a token: 401');
  expect(printed.match(/^200 \{"caller":\{"client_id":"emc_/gm)).toHaveLength(2);
  expect(await run('hono-api'), 'when it is run again').toContain('200 {"caller"');
});

test('mcp-server: the agent finds the issuer, gets a token and calls the tool', async () => {
  const printed = await run('mcp-server');
  expect(printed).toMatch(/^Without a token: 401 Bearer .*resource_metadata=/m);
  expect(printed).toMatch(/sales, for emc_/);
});

test('github-actions: the step of the workflow gets a token', async () => {
  expect(await run('github-actions')).toMatch(/^The job has a token for emc_\w+, with the scope deployments:write\.$/m);
});

test('kubernetes: the command of the pod gets a token', async () => {
  expect(await run('kubernetes')).toMatch(/^The pod has a token for emc_\w+, with the scope stock:read\.$/m);
});

test('apply-in-ci: the workflow shows the plan, applies it, and finds nothing left', async () => {
  const printed = await run('apply-in-ci');
  const steps = printed.split(/^── .*$/m);
  expect(steps).toHaveLength(5);
  expect(steps[1]).toMatch(/edgemint-\d+\.\d+\.\d+\.tgz[\s\S]*added 1 package/);
  expect(steps[2]).toContain('Invoice mailer');
});

test.skipIf(!hasApache)(
  'apache: the API behind it learns who calls, and only from a token with the scope',
  async () => {
    const printed = await run('apache');
    expect(printed).toContain('Without a token: 401');
    expect(printed).toContain('Without the scope: 401');
    expect(printed).toMatch(/^With a token: 200 Orders for emc_/m);
  },
);

test('envoy: the configuration names issuer, keys and audience as Edgemint does', async () => {
  const { static_resources } = parse(await readFile(new URL('envoy/envoy.yaml', EXAMPLES), 'utf8'));
  const [{ typed_config }] = static_resources.listeners[0].filter_chains[0].filters;
  const { providers } = typed_config.http_filters[0].typed_config;
  const metadata = await fetch(`${edgemint.issuer}/.well-known/oauth-authorization-server`);
  const { issuer, jwks_uri } = (await metadata.json()) as { issuer: string; jwks_uri: string };
  const here = (url: string) => url.replace('https://auth.example.com', edgemint.issuer);
  expect(here(providers.edgemint.issuer)).toBe(issuer);
  expect(here(providers.edgemint.remote_jwks.http_uri.uri)).toBe(jwks_uri);
});

test('the page lists every example, and without an Edgemint an example says what to do', async () => {
  const page = await readFile(new URL('README.md', EXAMPLES), 'utf8');
  const entries = await readdir(EXAMPLES, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const folder of folders) expect(page).toContain(`[${folder}](${folder})`);
  const env = { ...process.env, EDGEMINT_URL: 'http://127.0.0.1:1', EDGEMINT_API_KEY: 'x'.repeat(32) };
  const failed = promisify(execFile)(process.execPath, [RUN, 'hono-api'], { env });
  await expect(failed).rejects.toMatchObject({ stderr: expect.stringContaining('npm start') });
});
