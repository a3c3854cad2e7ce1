import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { openApiDocument } from '../../src/documentation/document.ts';
import { management } from '../../src/management/index.ts';
import { createServices } from '../../src/services.ts';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

type Services = ReturnType<typeof createServices>;
type Document = Awaited<ReturnType<typeof openApiDocument>>;

const servicesOf = (issuer: string) => createServices({ ...env, ISSUER: issuer });

/** Returns `METHOD /path` of every operation of the document, from the root of its server. */
function described({ paths, servers }: Document): Set<string> {
  const operations = Object.entries(paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const [server] = operation.servers ?? servers ?? [];
      return `${method.toUpperCase()} ${new URL(server?.url ?? '').pathname.replace(/\/$/, '')}${path}`;
    }),
  );
  return new Set(operations);
}

/** Returns `METHOD /path` of every mounted route. */
async function mounted(services: Services, api = management(services)): Promise<Set<string>> {
  const app = createApp(services);
  const apiPath = `${services.config.issuerPath}/v1/*`;
  const found = new Set<string>();
  for (const { path } of app.routes) {
    // The URL of the issuer is described once, with a slash at its end.
    if (path === apiPath || path === services.config.issuerPath) continue;
    // These routes accept every method, and answer a wrong one with the list of right ones.
    const allow = (await app.request(path, { method: 'PUT' })).headers.get('Allow') ?? 'none';
    const isOperation = (name: string) => name !== 'HEAD' && name !== 'OPTIONS';
    for (const method of allow.split(', ').filter(isOperation)) found.add(`${method} ${template(path)}`);
  }
  for (const { method, path } of api.routes) {
    const isMiddleware = method === 'ALL' && path === apiPath;
    if (!isMiddleware) found.add(`${method} ${template(path)}`);
  }
  return found;
}

const template = (path: string) => path.replace(/:(\w+)/g, '{$1}').replace('/*', '/{page}');
const difference = (one: Set<string>, other: Set<string>) => [...one].filter((operation) => !other.has(operation));

describe.each(['https://auth.example.com', 'https://auth.example.com/tenant/a'])('for the issuer %s', (issuer) => {
  const services = servicesOf(issuer);

  test('every route that is mounted is in the document, and every operation of the document is mounted', async () => {
    const routes = await mounted(services);
    const operations = described(await openApiDocument(services));
    expect(routes.size).toBeGreaterThan(10);
    expect({ undescribed: difference(routes, operations), unmounted: difference(operations, routes) }).toEqual({
      undescribed: [],
      unmounted: [],
    });
  });

  test('a route that nobody described is found, and an operation that nobody mounted', async () => {
    const api = management(services);
    api.get('/undescribed/:id', (context) => context.text('here'));
    const document = await openApiDocument(services);
    const { path, unmounted } = { path: '/v1/unmounted', unmounted: { get: { responses: {} } } };
    const more = { ...document, paths: { ...document.paths, [path]: unmounted } };
    const { issuerPath } = services.config;
    expect(difference(await mounted(services, api), described(document))).toContain(
      `GET ${issuerPath}/v1/undescribed/{id}`,
    );
    expect(difference(described(more), await mounted(services))).toContain(`GET ${issuerPath}${path}`);
  });
});
