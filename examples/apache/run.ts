import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Local, localPort, output, servingCommand } from '../local.ts';

const AUDIENCE = 'https://orders.demo.example/apache';
const APACHE = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';
const LOADED = [
  'mpm_event',
  'authn_core',
  'authz_core',
  'authz_user',
  'auth_openidc',
  'headers',
  'proxy',
  'proxy_http',
] as const;

/** Serves an API behind Apache, and calls it with a token, without one, and with one that lacks the scope. */
export async function run(local: Local): Promise<void> {
  if (!existsSync(APACHE) || !existsSync(join(MODULES, 'mod_auth_openidc.so'))) {
    throw new Error('Install Apache first: apt-get install apache2-bin libapache2-mod-auth-openidc openssl');
  }
  const { 'Machine behind Apache': machine } = await local.apply('apache/edgemint.yaml');
  const home = await mkdtemp(join(tmpdir(), 'edgemint-apache-'));
  // Apache serves it as another user.
  await chmod(home, 0o755);
  const [api, keys] = [serveApi(), await serveKeys(local.url, home)];
  try {
    const [port, apiPort, keysPort] = [await localPort(), await listen(api), await listen(keys)];
    const configuration = [
      ...LOADED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
      `ServerRoot ${home}`,
      'ServerName 127.0.0.1',
      `Listen 127.0.0.1:${port}`,
      `PidFile ${home}/apache.pid`,
      `ErrorLog ${home}/apache.log`,
      ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
      // The certificate of this run is nobody's. In production leave this line out.
      'OIDCOAuthSSLValidateServer Off',
      `Define ISSUER ${local.url}`,
      `Define KEYS https://127.0.0.1:${keysPort}/.well-known/jwks.json`,
      `Define AUDIENCE ${AUDIENCE}`,
      `Define API http://127.0.0.1:${apiPort}`,
      `Include ${fileURLToPath(new URL('httpd.conf', import.meta.url))}`,
    ];
    const file = join(home, 'run.conf');
    await writeFile(file, `${configuration.join('\n')}\n`);
    const url = `http://127.0.0.1:${port}/orders`;
    await servingCommand(APACHE, ['-f', file, '-DFOREGROUND'], url, async () => {
      const call = async (token?: string) => {
        const answer = await fetch(url, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });
        return answer.ok ? `${answer.status} ${await answer.text()}` : answer.status;
      };
      const { client_id = '', client_secret = '' } = machine ?? {};
      const token = (scope: string) => getToken(local.url, client_id, client_secret, scope);
      console.log('Without a token:', await call());
      console.log('Without the scope:', await call(await token('orders:write')));
      console.log('With a token:', await call(await token('orders:read')));
    });
  } finally {
    api.close();
    keys.close();
    await rm(home, { recursive: true });
  }
}

/** The API behind Apache. It answers with the header that Apache sets. */
function serveApi(): Server {
  return createServer((request, response) => {
    response.end(`Orders for ${request.headers['x-client-id']}`);
  });
}

/** Serves the public keys over TLS, because the local service has none. */
async function serveKeys(issuer: string, home: string) {
  const [key, cert] = [join(home, 'tls.key'), join(home, 'tls.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert];
  await output('openssl', ['req', '-x509', '-subj', '/CN=127.0.0.1', ...curve], {});
  return createSecureServer({ key: await readFile(key), cert: await readFile(cert) }, async (request, response) => {
    const answer = await fetch(`${issuer}${request.url}`);
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
  });
}

async function listen(server: Pick<Server, 'listen'>): Promise<number> {
  const port = await localPort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return port;
}

async function getToken(issuer: string, id: string, secret: string, scope: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope, resource: AUDIENCE });
  const headers = { Authorization: `Basic ${btoa(`${id}:${secret}`)}` };
  const answer = await fetch(`${issuer}/oauth2/token`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`No token: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { access_token: string }).access_token;
}
