import { type Local, localPort, serving, shown } from '../local.ts';

const AUDIENCE = 'https://orders.demo.example/hono-api';

/** Serves the API, and lets the machine call it twice. A call without a token is refused. */
export async function run(local: Local): Promise<void> {
  const { 'Machine of the Hono API': machine } = await local.apply('hono-api/edgemint.yaml');
  const port = await localPort();
  const env = { ISSUER: local.url, AUDIENCE, PORT: String(port), HOST: '127.0.0.1' };
  const url = `http://127.0.0.1:${port}/orders`;
  await serving('hono-api/api.ts', env, 'The API serves', async () => {
    console.log('Without a token:', (await fetch(url)).status);
    const credentials = `${machine?.client_id}:${machine?.client_secret}`;
    await shown('hono-api/machine.ts', { ...env, API: url, CREDENTIALS: credentials, CALLS: '2' });
  });
}
