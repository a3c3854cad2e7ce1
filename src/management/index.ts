import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { matchedRoutes } from 'hono/route';
import { bearerToken } from '../http/bearer-token.ts';
import { toRoutePattern } from '../http/request-log.ts';
import { sessionCookies } from '../http/session-cookie.ts';
import { addLogDetails } from '../log/trace.ts';
import { MANAGEMENT_BODY_LIMIT_BYTES } from './constants.ts';
import type { ManagementApp, ManagementEnv } from './http/context.ts';
import { fieldErrors, invalidIn, ProblemError, problemResponse, tooLarge } from './http/problem.ts';
import { apiKeys } from './resources/api-keys.ts';
import { auditEvents } from './resources/audit-events.ts';
import { changes } from './resources/changes.ts';
import { clientCredentials } from './resources/client-credentials.ts';
import { clients } from './resources/clients.ts';
import { consoleLinks } from './resources/console-links.ts';
import { diagnosis } from './resources/diagnosis.ts';
import { effectiveScopes } from './resources/effective-scopes.ts';
import { leakedSecrets } from './resources/leaked-secrets.ts';
import { leastPrivilege } from './resources/least-privilege.ts';
import { masterKeys } from './resources/master-keys.ts';
import { me } from './resources/me.ts';
import { organizations } from './resources/organizations.ts';
import { quota } from './resources/quota.ts';
import { resourceServers } from './resources/resource-servers.ts';
import { roles } from './resources/roles.ts';
import { secretList } from './resources/secret-list.ts';
import { secrets } from './resources/secrets.ts';
import { signingKeys } from './resources/signing-keys.ts';
import { tokens } from './resources/tokens.ts';
import { usage } from './resources/usage.ts';
import { usageReports } from './resources/usage-reports.ts';
import { webhooks } from './resources/webhooks.ts';
import type { ManagementServices } from './services.ts';
import { idempotent } from './write/idempotency.ts';

/** Builds the management API, mounted at `/v1` below the issuer's path. */
export function management(services: ManagementServices): ManagementApp {
  const root = new OpenAPIHono<ManagementEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const at = result.target === 'json' ? 'body' : 'parameter';
      throw invalidIn(fieldErrors(result.error.issues, at));
    },
  });
  const app = root.basePath(`${services.config.issuerPath}/v1`);
  app.onError((error) => problemResponse(error instanceof HTTPException ? unreadableBody(error) : error));
  app.notFound(({ req }) => problemResponse(noSuchRoute(app, req.path)));

  app.use(
    noteRoute,
    noStore,
    provide(services),
    bodyLimit({ maxSize: MANAGEMENT_BODY_LIMIT_BYTES, onError: tooLarge }),
  );
  leakedSecrets(app);
  // All routes below require an API key.
  app.use(authenticate, idempotent);
  me(app);
  organizations(app);
  apiKeys(app);
  resourceServers(app);
  roles(app);
  clients(app);
  diagnosis(app);
  secrets(app);
  secretList(app);
  clientCredentials(app);
  effectiveScopes(app);
  leastPrivilege(app);
  usage(app);
  usageReports(app);
  quota(app);
  tokens(app);
  signingKeys(app);
  masterKeys(app);
  auditEvents(app);
  webhooks(app);
  changes(app);
  consoleLinks(app);
  return app;
}

function provide(services: ManagementServices) {
  return createMiddleware<ManagementEnv>(async (context, next) => {
    context.set('services', services);
    await next();
  });
}

const authenticate = createMiddleware<ManagementEnv>(async (context, next) => {
  const { raw } = context.req;
  const { apiKeys, authenticateSession } = context.var.services;
  const key = bearerToken(raw);
  // A header that is there decides, even if it is not valid: a page must not add the rights of a session to those of a key.
  if (!raw.headers.has('Authorization') && sessionCookies(raw).length > 0) {
    context.set('administrator', await authenticateSession(raw, Date.now()));
    return next();
  }
  const administrator = key === undefined ? undefined : await apiKeys.authenticate(key, Date.now());
  if (!administrator) {
    const error = key === undefined ? '' : ', error="invalid_token"';
    throw new ProblemError('unauthorized', { headers: { 'WWW-Authenticate': `Bearer realm="edgemint"${error}` } });
  }
  context.set('administrator', administrator);
  await next();
});

const noteRoute = createMiddleware(async (context, next) => {
  const matched = matchedRoutes(context).find(({ method }) => method !== 'ALL');
  if (matched) addLogDetails({ route: toRoutePattern(matched.path) });
  await next();
});

const noStore = createMiddleware(async (context, next) => {
  await next();
  // `no-transform`: Cloudflare would compress an answer and make its ETag weak.
  context.header('Cache-Control', 'no-store, no-transform');
});

/** Returns a 404 for an unknown path, or a 405 if only the method is wrong. */
function noSuchRoute(app: ManagementApp, path: string): ProblemError {
  const allowed = app.routes.filter(({ method, path: pattern }) => method !== 'ALL' && matches(pattern, path));
  const [first] = allowed;
  if (!first) return new ProblemError('not_found', { detail: 'No such endpoint.' });
  addLogDetails({ route: toRoutePattern(first.path) });
  const methods = [...new Set(allowed.map(({ method }) => method))].sort().join(', ');
  return new ProblemError('method_not_allowed', { detail: `Use ${methods}.`, headers: { Allow: methods } });
}

function matches(pattern: string, path: string): boolean {
  const [expected, actual] = [pattern.split('/'), path.split('/')];
  return (
    expected.length === actual.length && expected.every((part, index) => part.startsWith(':') || part === actual[index])
  );
}

function unreadableBody({ status }: HTTPException): ProblemError {
  if (status === 415) return new ProblemError('unsupported_media_type');
  return new ProblemError('malformed', { detail: 'The body is not JSON.' });
}
