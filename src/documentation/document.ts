import { OpenAPIHono } from '@hono/zod-openapi';
import { license, version } from '../../package.json';
import { management } from '../management/index.ts';
import type { ManagementServices } from '../management/services.ts';
import { INTRODUCTION } from './introduction.ts';
import { REPRESENTATIONS } from './management-examples.ts';
import { jwks, metadataRoutes } from './oauth/discovery.ts';
import { introspection } from './oauth/introspection.ts';
import { revocation } from './oauth/revocation.ts';
import { secretRotation } from './oauth/secret-rotation.ts';
import { token } from './oauth/token.ts';
import { leaveOptionalsEmpty, REQUEST_ID, showRequest, showRequestId } from './operation.ts';
import { operationId } from './operation-id.ts';
import { completeProblems } from './problems.ts';
import { health, openApi, page, pageFile } from './service.ts';

/** The tags, in the order in which they are shown. */
const TAGS = {
  OAuth: 'For machines and resource servers.',
  Discovery: 'What verifies tokens, and where everything is.',
  Organizations: 'Who owns clients. Organizations see nothing of one another.',
  'API keys': 'What an organization’s administrators authenticate with.',
  'Resource servers': 'The APIs that tokens are for, and their scopes.',
  Roles: 'Scopes under a name, to be given to many clients.',
  Clients: 'The machines that get tokens.',
  Secrets: 'At most two for each client, so that one can be replaced while the other works.',
  Tokens: 'Revoking what was issued.',
  'Signing keys': 'What tokens are signed with.',
  'Master keys': 'What everything secret is sealed and hashed with.',
  Audit: 'Who did what, when, to what, and from where.',
  Changes: 'The progress of writes that go on after their answer.',
  Service: 'The service itself, and its documentation.',
} as const;

const SECURITY_SCHEMES = {
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'The root key, or an API key of an organization.',
  },
  client_secret_basic: {
    type: 'http',
    scheme: 'basic',
    description:
      'The `client_id` and `client_secret` of a client, each form-encoded first where it has other characters than letters, digits and `-._~`. They may be the fields of the form instead.',
  },
  mutual_tls: {
    type: 'mutualTLS',
    description:
      'The certificate of the connection, and the `client_id` as a field of the form: of a client that authenticates with `tls_client_auth` or `self_signed_tls_client_auth`. A client that authenticates with `private_key_jwt` or `federated_jwt` needs neither this nor a header: its assertion is a field of the form.',
  },
} as const;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** The OpenAPI document of all that is served for the issuer, the OAuth endpoints included. */
export async function openApiDocument(services: ManagementServices) {
  const document = everyRoute(services).getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Edgemint',
      version,
      description: INTRODUCTION,
      license: { name: license, url: `https://spdx.org/licenses/${license}.html` },
    },
    servers: [{ url: services.config.issuer }],
  });
  const used = new Set<string>();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      operation.operationId ??= operationId(method, path, item.get !== undefined);
      if (path.startsWith('/v1/')) await completeProblems(operation);
      showRequest(operation);
      showRequestId(operation);
      leaveOptionalsEmpty(operation);
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

/** What is described of every route, in the order in which it is shown. */
function everyRoute(services: ManagementServices): OpenAPIHono {
  const { issuer, issuerPath } = services.config;
  const app = new OpenAPIHono();
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  }
  app.openAPIRegistry.registerComponent('headers', 'RequestId', REQUEST_ID);
  for (const route of [token, introspection, revocation, secretRotation, jwks, ...metadataRoutes(issuer, issuerPath)]) {
    app.openAPIRegistry.registerPath(route);
  }
  // The document's paths are below its server's URL, which has the issuer's path already.
  app.route('/', management({ ...services, config: { ...services.config, issuerPath: '' } }));
  for (const route of [health, openApi, page, pageFile]) app.openAPIRegistry.registerPath(route);
  return app;
}
