import { readFile } from 'node:fs/promises';
import { type Local, localPort, serving, shown } from '../local.ts';

const FILE = 'mcp-server/edgemint.yaml';

/** Serves the MCP server, and lets the agent call its tool. The server has another address at each run, and so another identifier. */
export async function run(local: Local): Promise<void> {
  const port = await localPort();
  const resource = `http://127.0.0.1:${port}/mcp`;
  const declaration = await readFile(new URL('edgemint.yaml', import.meta.url), 'utf8');
  const here = declaration.replaceAll('https://mcp.example.com/mcp', resource);
  const { 'Nightly agent': agent } = await local.apply(FILE, here);
  const env = { ISSUER: local.url, RESOURCE: resource, PORT: String(port) };
  await serving('mcp-server/server.ts', env, 'The MCP server serves', async () => {
    const refused = await fetch(resource, { method: 'POST' });
    console.log('Without a token:', refused.status, refused.headers.get('WWW-Authenticate'));
    const { client_id = '', client_secret = '' } = agent ?? {};
    await shown('mcp-server/agent.ts', {
      ...env,
      MCP_URL: resource,
      CLIENT_ID: client_id,
      CLIENT_SECRET: client_secret,
    });
  });
}
