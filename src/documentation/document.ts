import { OpenAPIHono } from '@hono/zod-openapi';
import { license, version } from '../../package.json';
import { management } from '../management/index.ts';
import type { ManagementServices } from '../management/services.ts';
import { consoleRoutes } from './console.ts';
import { INTRODUCTION } from './introduction.ts';
import { REPRESENTATIONS } from './management-examples.ts';
import { authorizationRoutes } from './oauth/authorization.ts';
import { jwks, metadataRoutes } from './oauth/discovery.ts';
import { introspection } from './oauth/introspection.ts';
import { revocation } from './oauth/revocation.ts';
import { revocationFeed } from './oauth/revocation-feed.ts';
import { secretRotation } from './oauth/secret-rotation.ts';
import { token } from './oauth/token.ts';
import {
  addPathExamples,
  addRequestExample,
  addRequestIdHeader,
  emptyOptionalFields,
  REQUEST_ID,
  removeOptionalExamples,
} from './operation.ts';
import { operationId } from './operation-id.ts';
import { completeProblems } from './problems.ts';
import { health, openApi, page, pageFile } from './service.ts';

/** The tags with their descriptions, in display order. */
const TAGS = {
  OAuth: 'Endpoints for machines and resource servers.',
  Discovery: 'The public keys and the server metadata.',
  Organizations: 'The owners of clients. An organization cannot see another one.',
  'API keys': 'The credentials of an organization’s administrators.',
  'Resource servers': 'The APIs that tokens are issued for, and their scopes.',
  Roles: 'Named sets of scopes that many clients can share.',
  Clients: 'The machines that get tokens.',
  Secrets: 'The secrets of clients. A client has at most two, so that one can be replaced while the other works.',
  Usage: 'How many token requests of all clients of an organization, or of the instance, ended in which way.',
  Tokens: 'The revocation of tokens.',
  'Signing keys': 'The keys that sign tokens.',
  'Master keys': 'The keys that seal and hash all secret values.',
  Audit: 'The audit log: each change with its actor, time, target and address.',
  Webhooks: 'Events that are sent to a URL as they happen, signed as Standard Webhooks says.',
  Changes: 'The progress of changes that continue after their answer.',
  Console: 'The sessions and pages of the console.',
  Service: 'The health and the documentation of the service.',
} as const;

const SECURITY_SCHEMES = {
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'The root key, or the API key of an organization.',
  },
  client_secret_basic: {
    type: 'http',
    scheme: 'basic',
    description:
      'The `client_id` and `client_secret` of a client. Form-encode each of them first if it has characters other than letters, digits and `-._~`. They can be sent as form fields instead.',
  },
  mutual_tls: {
    type: 'mutualTLS',
    description:
      'The client certificate of the TLS connection, together with the form field `client_id`, for `tls_client_auth` and `self_signed_tls_client_auth`. A client of `private_key_jwt` or `federated_jwt` needs neither a certificate nor a header: it sends its assertion as a form field.',
  },
} as const;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Generates the OpenAPI document of every endpoint of the issuer, including the OAuth endpoints. */
export async function openApiDocument(services: ManagementServices) {
  const document = everyRoute(services).getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Edgemint',
      version,
      description: INTRODUCTION,
      contact: { name: 'Edgemint', url: `${services.config.issuer}/docs` },
      license: { name: license, url: `https://spdx.org/licenses/${license}.html` },
    },
    servers: [{ url: services.config.baseUrl }],
  });
  const used = new Set<string>();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      operation.operationId ??= operationId(method, path, item.get !== undefined);
      if (path.startsWith('/v1/') || path === '/console/session') await completeProblems(operation);
      addRequestExample(operation);
      addPathExamples(path, operation);
      addRequestIdHeader(operation);
      removeOptionalExamples(operation);
      emptyOptionalFields(operation, document.components?.schemas ?? {});
      for (const tag of operation.tags ?? []) used.add(tag);
    }
  }
  for (const [name, example] of Object.entries(REPRESENTATIONS)) {
    const schema = document.components?.schemas?.[name];
    if (schema) Object.assign(schema, { example });
  }
  const tags = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  return { ...document, tags: tags.filter(({ name }) => used.has(name)) };
}

/** Collects the descriptions of all routes, in display order. */
function everyRoute(services: ManagementServices): OpenAPIHono {
  const { issuer, issuerPath } = services.config;
  const app = new OpenAPIHono();
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  }
  app.openAPIRegistry.registerComponent('headers', 'RequestId', REQUEST_ID);
  const oauthRoutes = [token, introspection, revocation, revocationFeed, secretRotation, ...authorizationRoutes];
  for (const route of [...oauthRoutes, jwks, ...metadataRoutes(issuer, issuerPath)]) {
    app.openAPIRegistry.registerPath(route);
  }
  // The paths of the document are relative to its server URL, which already contains the issuer's path.
  app.route('/', management({ ...services, config: { ...services.config, issuerPath: '' } }));
  for (const route of consoleRoutes) app.openAPIRegistry.registerPath(route);
  for (const route of [health, openApi, page, pageFile]) app.openAPIRegistry.registerPath(route);
  return app;
}
