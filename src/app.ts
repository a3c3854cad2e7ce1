import { Hono } from 'hono';
import { toRoutePattern } from './http/request-log.ts';
import { noteRoute } from './log/trace.ts';
import type { ManagementApp } from './management/http/context.ts';
import { authorize } from './oauth/authorize.ts';
import { health } from './oauth/health.ts';
import { introspect } from './oauth/introspect.ts';
import { jwks } from './oauth/jwks.ts';
import { metadata, openIdMetadata } from './oauth/metadata.ts';
import { forAnyOrigin } from './oauth/response/any-origin.ts';
import { errorResponse } from './oauth/response/error-response.ts';
import { noSuchEndpoint, OAuthError } from './oauth/response/oauth-error.ts';
import { revocations } from './oauth/revocations.ts';
import { revoke } from './oauth/revoke.ts';
import { rotateSecret } from './oauth/rotate-secret.ts';
import { token } from './oauth/token.ts';
import type { Services } from './services.ts';

type Methods = 'GET' | 'POST' | 'GET or POST or DELETE' | 'GET or POST' | 'GET or OPTIONS';
type Endpoint = (services: Services, request: Request) => Promise<Response>;

/** Creates the Hono app: every route, mounted below the issuer's path. */
export function createApp(services: Services) {
  const app = new Hono();
  const { issuerPath: path, logSuccessShare: sampled } = services.config;

  // One handler per route for all methods: if two handlers match, Hono chains them. Every success is logged, or the given share.
  const serve = (method: Methods, route: string, endpoint: Endpoint, successShare = 1) => {
    const allowed = method.split(' or ').flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one]));
    const pattern = toRoutePattern(route);
    app.all(route, ({ req: { raw } }) => {
      noteRoute(pattern, successShare);
      if (!allowed.includes(raw.method)) throw methodNotAllowed(allowed);
      return endpoint(services, raw);
    });
  };

  const publish = (route: string, endpoint: Endpoint) =>
    serve('GET or OPTIONS', route, forAnyOrigin(endpoint), sampled);

  serve('POST', `${path}/oauth2/token`, token, sampled);
  serve('POST', `${path}/oauth2/introspect`, introspect, sampled);
  serve('POST', `${path}/oauth2/revoke`, revoke);
  serve('POST', `${path}/oauth2/rotate-secret`, rotateSecret);
  serve('GET or POST', `${path}/oauth2/authorize`, authorize);
  publish(`${path}/oauth2/revocations`, revocations);
  publish(`${path}/.well-known/jwks.json`, jwks);
  // RFC 8414 section 3.1 puts the well-known segment before the issuer's path, OpenID Connect Discovery after it.
  publish(`/.well-known/oauth-authorization-server${path}`, metadata);
  publish(`/.well-known/openid-configuration${path}`, openIdMetadata);
  if (path !== '') publish(`${path}/.well-known/openid-configuration`, openIdMetadata);
  serve('GET', `${path}/healthz`, health, sampled);
  // Loaded with the first request for it, like the management API.
  const documentation = () => import('./documentation/index.ts');
  publish(`${path}/openapi.json`, async (...call) => (await documentation()).openApi(...call));
  serve('GET', `${path}/docs`, async () => (await documentation()).page(), sampled);
  serve('GET', `${path}/docs/:file`, async (...call) => (await documentation()).pageFile(...call), sampled);
  const console = () => import('./sessions/index.ts');
  for (const route of path === '' ? ['/'] : [path, `${path}/`])
    serve('GET', route, async (...call) => (await console()).entrance(...call), sampled);
  if (services.config.hasConsole) {
    serve('GET or POST or DELETE', `${path}/console/session`, async (...call) =>
      (await console()).consoleSession(...call),
    );
    serve('GET', `${path}/console/assets/:file`, async (...call) => (await console()).consoleAsset(...call), sampled);
    serve('GET', `${path}/console`, async (...call) => (await console()).consolePage(...call), sampled);
    serve('GET', `${path}/console/*`, async (...call) => (await console()).consolePage(...call), sampled);
  }
  // Loaded with the first management request. Most isolates never get one, and its schemas would make up most of their start-up time.
  let managementApp: ManagementApp | undefined;
  app.all(`${path}/v1/*`, async (context) => {
    managementApp ??= (await import('./management/index.ts')).management(services);
    return managementApp.fetch(context.req.raw);
  });

  app.notFound(() => errorResponse(noSuchEndpoint()));
  app.onError((error) => errorResponse(error));
  return app;
}

function methodNotAllowed(allowed: readonly string[]): OAuthError {
  const headers = { Allow: allowed.join(', ') };
  const useful = allowed.filter((method) => method !== 'OPTIONS');
  return new OAuthError('invalid_request', { status: 405, description: `Use ${useful.join(' or ')}.`, headers });
}
