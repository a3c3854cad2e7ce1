import { z } from '@hono/zod-openapi';
import { isInstanceAdministrator } from '../../credentials/administrator.ts';
import { API_KEY_SCOPES } from '../../credentials/api-key-scopes.ts';
import { generateToken } from '../../credentials/console-token.ts';
import { hashSecret } from '../../credentials/secret-hash.ts';
import { portalActor } from '../../store/actors.ts';
import { insertLink, type SignIn } from '../../store/console-sessions.ts';
import { generateId } from '../../store/id.ts';
import {
  CONSOLE_LINK_TTL,
  PORTAL_LINK_TTL_DEFAULT,
  PORTAL_LINK_TTL_MAX,
  PORTAL_LINK_TTL_MIN,
  RETURN_URL_LENGTH_MAX,
} from '../constants.ts';
import { RETURN_URL, returnUrlFault } from '../fields/return-url.ts';
import { Name, OwnerId, Time, time } from '../fields/schemas.ts';
import { actorOf, requiredOrganization } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { invalidIn, ProblemError, pointer } from '../http/problem.ts';
import { createRouteFor, None } from '../http/routes.ts';
import { type Commit, commit } from '../write/commit.ts';
import { credentialOf } from '../write/request-credential.ts';

/** The scopes that a portal link can give. Its users can make neither links nor API keys: their access would have no end. */
const PORTAL_SCOPES = API_KEY_SCOPES.filter((scope) => scope !== 'portal-links:write' && scope !== 'api-keys:write');

const Link = z
  .object({
    id: z.string().openapi({ description: 'The id of the link, as audit events name it.' }),
    url: z.url().openapi({
      format: 'uri',
      description:
        'The link. It works once. The token is in its fragment, which browsers send to no server; treat the link like a password until it is used.',
    }),
    expires_at: Time.openapi({ description: 'When the link stops working.' }),
  })
  .openapi('ConsoleLink');

const NewPortalLink = z
  .strictObject({
    organization_id: OwnerId,
    scopes: z
      .array(z.enum(PORTAL_SCOPES))
      .min(1)
      .max(PORTAL_SCOPES.length)
      .openapi({ description: 'What the user may do in the organization: scopes of the key that makes the link.' }),
    return_url: z
      .string()
      .max(RETURN_URL_LENGTH_MAX)
      .superRefine((url, { addIssue }) => {
        const fault = returnUrlFault(url);
        if (fault !== undefined) addIssue(fault);
      })
      .openapi({
        pattern: RETURN_URL,
        description:
          'The page of your product that the console leads back to. An https URL; http is for localhost only.',
        example: 'https://app.example.com/settings/machines',
      }),
    name: Name.nullable().default(null).openapi({
      description: 'The name of the user, for the console and the audit log. Default: null.',
      example: 'Ada Lovelace',
    }),
    expires_in: z
      .int()
      .min(PORTAL_LINK_TTL_MIN)
      .max(PORTAL_LINK_TTL_MAX)
      .default(PORTAL_LINK_TTL_DEFAULT)
      .openapi({ description: `How long the link can be used, in seconds. Default: ${PORTAL_LINK_TTL_DEFAULT}.` }),
  })
  .openapi('NewPortalLink');

const tag = 'Console';

const createConsoleLinkRoute = createRouteFor(
  {
    path: '/console-links',
    requires: 'any',
    tag,
    summary: 'Create a link to the console',
    description:
      'The link opens one session with the rights of the key of this request: 8 hours, or 15 minutes with the root key. It works once, within 5 minutes. A session of the console cannot create one.',
  },
  None,
  None,
  Link,
);

const createPortalLinkRoute = createRouteFor(
  {
    path: '/portal-links',
    requires: 'portal-links:write',
    tag,
    summary: 'Create a link to the console for a user of an organization',
    description:
      'For products that show their customers their own machines. The link opens one session of at most 8 hours, with these scopes and no more. It ends earlier with the key that made the link.',
  },
  None,
  NewPortalLink,
  Link,
);

/** Mounts `/console-links` and `/portal-links` below `/v1`. */
export function consoleLinks(app: ManagementApp): void {
  app.openapi(createConsoleLinkRoute, async (context) => {
    const { administrator } = context.var;
    // Otherwise a session could go on without end.
    if (administrator.session || (administrator.kind !== 'root' && administrator.kind !== 'api_key')) {
      throw new ProblemError('forbidden', {
        detail: 'This requires a key. A session of the console cannot create a link.',
      });
    }
    const actor = actorOf(administrator);
    const organizationId = administrator.kind === 'root' ? null : administrator.organizationId;
    const signIn: SignIn = {
      kind: administrator.kind,
      actor,
      organizationId,
      name: null,
      scopes: null,
      returnUrl: null,
      ...(await credentialOf(context)),
    };
    return createLink(context, generateId('clk'), signIn, CONSOLE_LINK_TTL, 'console_link.created', {});
  });

  app.openapi(createPortalLinkRoute, async (context) => {
    const { services, administrator } = context.var;
    const { organization_id, scopes, return_url, name, expires_in } = context.req.valid('json');
    if (!isInstanceAdministrator(administrator)) {
      const errors = scopes.flatMap((scope, index) => {
        const detail = `This API key cannot grant \`${scope}\`, because it does not have that scope itself.`;
        return administrator.scopes.includes(scope) ? [] : [{ pointer: pointer('scopes', index), detail }];
      });
      if (errors.length > 0) throw invalidIn(errors);
    }
    const organizationId = await requiredOrganization(services, administrator, organization_id);
    const id = generateId('plk');
    const signIn: SignIn = {
      kind: 'portal',
      actor: portalActor(id),
      organizationId,
      name,
      scopes,
      returnUrl: return_url,
      ...(await credentialOf(context)),
    };
    return createLink(context, id, signIn, expires_in, 'portal_link.created', { name, scopes, return_url });
  });
}

/** @param ttl how long the link can be used, in seconds */
async function createLink(
  context: ManagementContext,
  id: string,
  signIn: SignIn,
  ttl: number,
  action: Commit<unknown, 201>['event']['action'],
  changes: Record<string, unknown>,
) {
  const { config, db, masterKeys } = context.var.services;
  if (!config.hasConsole) throw new ProblemError('conflict', { detail: 'The console is switched off.' });
  const now = Date.now();
  const keys = await masterKeys();
  const token = await generateToken('eml_', keys);
  const expiresAt = now + ttl * 1000;
  const hash = await hashSecret(token, keys);
  const { organizationId } = signIn;
  return commit(context, {
    event: { at: now, organizationId, action, target: id, changes: { ...changes, expires_at: time(expiresAt) } },
    statements: [insertLink(db, { ...signIn, id, hash, createdAt: now, expiresAt })],
    status: 201,
    body: { id, url: `${config.baseUrl}/console/link#${token.reveal()}`, expires_at: time(expiresAt) },
  });
}
