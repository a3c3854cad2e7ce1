import { z } from '@hono/zod-openapi';
import type { Activity, GateDiagnosis, NotedRefusal } from '../../gates/protocol.ts';
import { readRecords } from '../../store/client-records.ts';
import { type DescribedClient, findClient } from '../../store/clients.ts';
import { findEffectiveGrants } from '../../store/effective-scopes.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { findOrganization } from '../../store/organizations.ts';
import { grantableResourceServers } from '../../store/resource-servers.ts';
import { listSecrets } from '../../store/secrets.ts';
import { type LiveCredential, liveCredentials } from '../diagnosis/credentials.ts';
import { FINDINGS, type FindingName } from '../diagnosis/finding-texts.ts';
import { findProblems } from '../diagnosis/findings.ts';
import { findUngranted, resourcesToFind } from '../diagnosis/requested.ts';
import { type ReasonSummary, summarize } from '../diagnosis/summary.ts';
import { CREDENTIAL_KINDS } from '../fields/registered-credentials.ts';
import { ClientIdParams, OrganizationId, StatusName, Time, time, timeOrNull } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { reportRouteFor } from '../http/routes.ts';
import type { ManagementServices } from '../services.ts';
import { EffectiveScopes, toEffectiveScopes } from './effective-scopes.ts';

const Meaning = z.string().openapi({ description: 'What it means, in a sentence for people.' });
const NextStep = z.string().openapi({ description: 'What to do next, in a sentence for people.' });

const Finding = z.object({
  finding: z
    .enum(Object.keys(FINDINGS) as [FindingName, ...FindingName[]])
    .openapi({ description: 'The problem, for programs.' }),
  severity: z.enum(['error', 'warning']).openapi({
    description: '`error`: it stops the client’s requests. `warning`: it stops some of them, or will.',
  }),
  meaning: Meaning,
  next_step: NextStep,
  names: z
    .array(z.string())
    .readonly()
    .openapi({ description: 'The resource servers or scopes that it is about, if any.' }),
});

const Summary = z.object({
  reason: z.string().openapi({ description: 'The reason of the refusals, as in the log.', example: 'expired_secret' }),
  count: z.int().openapi({ description: 'How often the refusals below had this reason.' }),
  last_at: Time.openapi({ description: 'When that last happened.' }),
  meaning: Meaning,
  next_step: NextStep,
});

const Credential = z.object({
  kind: z.enum(CREDENTIAL_KINDS),
  name: z.string().openapi({
    description:
      'The id of the secret, the thumbprint of the key or certificate, the `jwks_uri`, the subject of certificates, or the issuer and subject of the workload.',
  }),
  expires_at: Time.nullable().openapi({ description: 'When it stops being accepted. Null if it has no end.' }),
  last_used_at: Time.nullable().openapi({
    description: 'When it was last used, accurate to the hour. Null if never, or if that is not known.',
  }),
});

const Refusal = z.object({
  at: Time.openapi({ description: 'When the last such request was refused.' }),
  first_at: Time.openapi({ description: 'When the first one was.' }),
  count: z.int().openapi({ description: 'How many requests were refused like this.' }),
  reason: z.string().openapi({ description: 'The reason, as in the log.', example: 'invalid_scope' }),
  endpoint: z.string().openapi({ description: 'The last part of the endpoint’s path.', example: 'token' }),
  status: z.int().openapi({ description: 'The status of the answer.', example: 400 }),
  error: z.string().nullable().openapi({ description: 'The error code of the answer. Null if it was no error.' }),
  description: z.string().nullable().openapi({ description: 'What the answer said besides. Null if nothing.' }),
  request_id: z.string().openapi({ description: 'The `X-Request-Id` of the last answer, by which the log has it.' }),
  address: z.string().nullable().openapi({
    description: 'The address that it came from; of IPv6 the /64. Null if it is not known.',
  }),
  authenticated: z.boolean().openapi({
    description: 'Whether the request proved that it is the client’s. If not, anybody may have sent it.',
  }),
  resource: z.string().nullable().openapi({
    description: 'The resource server that it named. Null if none, or if it was not authenticated.',
  }),
  scopes: z.array(z.string()).nullable().openapi({
    description: 'The first scopes that it named. Null if none, or if it was not authenticated.',
  }),
});

const Diagnosis = z
  .object({
    client_id: z.string().openapi({ description: 'The id of the client.' }),
    organization_id: OrganizationId,
    checked_at: Time.openapi({ description: 'When this was found out.' }),
    status: StatusName.openapi({ description: 'The status of the client.' }),
    organization_status: StatusName.openapi({ description: 'The status of its organization.' }),
    expires_at: Time.nullable().openapi({
      description: 'When the client expires, or has expired. Null if it has no end.',
    }),
    last_used_at: Time.nullable().openapi({
      description: 'When the client last authenticated, accurate to the hour. Null if never.',
    }),
    findings: z.array(Finding).openapi({ description: 'The problems that the client has now.' }),
    summary: z.array(Summary).nullable().openapi({
      description:
        'The reasons of the refusals, each once, the latest first. Null if the client’s gate did not answer.',
    }),
    credentials: z.array(Credential).openapi({ description: 'The credentials that are accepted now.' }),
    effective_scopes: z.array(EffectiveScopes).openapi({
      description: 'The scopes that the client can get at each resource server, and what grants them.',
    }),
    rate_limit: z.object({
      per_minute: z.int(),
      burst: z.int(),
      remaining: z.int().nullable().openapi({
        description: 'Token requests left now. Null if the client’s gate did not answer.',
      }),
      reset_seconds: z.int().nullable().openapi({ description: 'Seconds until there is one more.' }),
    }),
    refusals: z.array(Refusal).nullable().openapi({
      description:
        'The last 50 kinds of refusals within 7 days, the latest first; requests that differ only in their time are counted as one. Null if the client’s gate did not answer, or is of an older version.',
    }),
  })
  .openapi('Diagnosis');

const diagnoseRoute = reportRouteFor(
  {
    path: '/clients/{client_id}/diagnosis',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'Find out why a client is refused',
    description:
      'Why a machine gets 401, 400 or 429: the problems that its client has now, the last refusals with their reasons, and what to do about each. A refusal shows after a second or two. Nothing in the answer is a credential.',
  },
  ClientIdParams,
  Diagnosis,
);

/** Mounts `/clients/{client_id}/diagnosis` below `/v1`. */
export function diagnosis(app: ManagementApp): void {
  app.openapi(diagnoseRoute, async (context) => {
    const { services, administrator } = context.var;
    const client = visible(administrator, await findClient(services.db, context.req.valid('param').client_id));
    const { clientId, organizationId } = client;
    const [organization, secrets, { records }, grants, told] = await Promise.all([
      findOrganization(services.db, organizationId),
      listSecrets(services.db, clientId),
      readRecords(services.db, [clientId]),
      findEffectiveGrants(services.db, clientId),
      askGate(services, client),
    ]);
    const record = records.get(clientId);
    // Deleted since the client was read.
    if (!organization || !record) throw new ProblemError('not_found');
    const now = Date.now();
    const { rate = null } = told.diagnosis ?? {};
    const { issued } = told.activity ?? {};
    const organizationStatus = organization.status;
    const uses = [...(told.activity?.secrets ?? []), ...(told.activity?.credentials ?? [])];
    const lastUses = new Map(uses.map(({ id, last_used_at }) => [id, last_used_at]));
    const refusals = told.diagnosis?.refusals;
    const named = resourcesToFind(refusals ?? [], record);
    const servers = await grantableResourceServers(services.db, organizationId, named);
    const ungranted = findUngranted(refusals ?? [], record, servers);
    const findings = findProblems({ client, organizationStatus, secrets, record, rate, issued, ungranted, now });
    const answer = {
      client_id: clientId,
      organization_id: organizationId,
      checked_at: time(now),
      status: client.status,
      organization_status: organizationStatus,
      expires_at: timeOrNull(client.expiresAt),
      last_used_at: timeOrNull(Math.max(told.activity?.last_used_at ?? 0, client.lastUsedAt ?? 0) || null),
      findings,
      summary: refusals ? summarize(refusals).map(toReason) : null,
      credentials: liveCredentials(secrets, record, lastUses, now).map(toCredential),
      effective_scopes: grants.map(toEffectiveScopes),
      rate_limit: { ...record.rate_limit, remaining: rate?.remaining ?? null, reset_seconds: rate?.reset ?? null },
      refusals: refusals?.map(toRefusal) ?? null,
    };
    return context.json(answer, 200);
  });
}

/** What a client's gate said. A member is undefined if it did not answer, or is older. */
interface Told {
  readonly activity: Activity | undefined;
  readonly diagnosis: GateDiagnosis | undefined;
}

/** Asks the client's gate. A client that never requested anything has none: nothing was refused and nothing is used up. */
async function askGate(
  { gates }: Pick<ManagementServices, 'gates'>,
  { clientId: client_id, hasGate, rateLimitPerMinute, rateLimitBurst }: DescribedClient,
): Promise<Told> {
  if (!hasGate) {
    const limit = { per_minute: rateLimitPerMinute, burst: rateLimitBurst };
    const rate = { limit, remaining: rateLimitBurst, reset: 0 };
    return { activity: undefined, diagnosis: { outcome: 'diagnosis', refusals: [], rate } };
  }
  const [activity, diagnosis] = await Promise.all([
    gates.activity({ client_id }).catch(orNothing),
    gates.diagnose({ client_id }).catch(orNothing),
  ]);
  return { activity, diagnosis };
}

function orNothing(error: unknown): undefined {
  if (error instanceof StoreUnavailableError) return undefined;
  throw error;
}

function toReason({ lastAt, ...rest }: ReasonSummary): z.infer<typeof Summary> {
  return { ...rest, last_at: time(lastAt) };
}

function toCredential({ kind, name, expiresAt, lastUsedAt }: LiveCredential): z.infer<typeof Credential> {
  return { kind, name, expires_at: timeOrNull(expiresAt), last_used_at: timeOrNull(lastUsedAt) };
}

function toRefusal(refusal: NotedRefusal): z.infer<typeof Refusal> {
  const { last_at, first_at, count, reason, endpoint, status, error, request_id, address, is_proven } = refusal;
  return {
    at: time(last_at),
    first_at: time(first_at),
    count,
    reason,
    endpoint,
    status,
    error,
    description: refusal.description ?? null,
    request_id,
    address,
    authenticated: is_proven,
    resource: refusal.resource ?? null,
    scopes: refusal.scopes ? [...refusal.scopes] : null,
  };
}
