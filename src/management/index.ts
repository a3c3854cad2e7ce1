import { OpenAPIHono, type z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { MANAGEMENT_BODY_LIMIT_BYTES } from '../constants.ts';
import { bearerToken } from '../request.ts';
import type { Services } from '../services.ts';
import { apiKeys } from './api-keys.ts';
import { clients } from './clients.ts';
import type { ManagementEnv } from './create.ts';
import { organizations } from './organizations.ts';
import { type FieldError, invalid, ProblemError, pointer, problemResponse } from './problem.ts';
import { resourceServers } from './resource-servers.ts';
import { roles } from './roles.ts';

/** The management API: `/v1` below the issuer's path. */
export function management(services: Services): OpenAPIHono<ManagementEnv> {
  const root = new OpenAPIHono<ManagementEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      throw invalid(...result.error.issues.flatMap(fieldErrors));
    },
  });
  const app = root.basePath(`${services.config.issuerPath}/v1`);
  app.onError((error) => problemResponse(error instanceof HTTPException ? malformed() : error));
  app.notFound(() => new ProblemError('not_found').toResponse());

  app.use(
    authenticate(services),
    jsonOnly,
    bodyLimit({ maxSize: MANAGEMENT_BODY_LIMIT_BYTES, onError: tooLarge }),
    noStore,
  );
  organizations(app);
  apiKeys(app);
  resourceServers(app);
  roles(app);
  clients(app);
  return app;
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointer(...issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointer(...issue.path, key), detail: 'There is no such field.' }));
}

function authenticate(services: Services) {
  return createMiddleware<ManagementEnv>(async (context, next) => {
    const key = bearerToken(context.req.raw);
    const administrator = key === undefined ? undefined : await services.apiKeys.authenticate(key, Date.now());
    if (!administrator) {
      const error = key === undefined ? '' : ', error="invalid_token"';
      throw new ProblemError('unauthorized', { headers: { 'WWW-Authenticate': `Bearer realm="edgemint"${error}` } });
    }
    context.set('services', services);
    context.set('administrator', administrator);
    await next();
  });
}

const jsonOnly = createMiddleware(async (context, next) => {
  const type = context.req.header('Content-Type') ?? '';
  if (context.req.method === 'POST' && !/^application\/([a-z0-9.-]+\+)?json[ \t]*(;[^,]*)?$/i.test(type)) {
    throw new ProblemError('unsupported_media_type');
  }
  await next();
});

const noStore = createMiddleware(async (context, next) => {
  await next();
  context.header('Cache-Control', 'no-store');
});

function tooLarge(): never {
  throw new ProblemError('too_large', { detail: `The limit is ${MANAGEMENT_BODY_LIMIT_BYTES / 1024} KiB.` });
}

function malformed(): ProblemError {
  return new ProblemError('malformed', { detail: 'The body is not JSON.' });
}
