import { createRoute, z } from '@hono/zod-openapi';
import { AUDIT_AGE } from '../../constants.ts';
import { ATTEMPT_FILTER, LEAK_REPORT, ROOT } from '../../store/actors.ts';
import { type AuditFilter, listAuditEvents, type StoredAuditEvent } from '../../store/audit-events.ts';
import { AUDIT_FILTER_LENGTH_MAX, PAGE_MAX, STREAMED_PAGES_MAX } from '../constants.ts';
import { OrganizationQuery, QueryTime, Time, time } from '../fields/schemas.ts';
import { text } from '../fields/text.ts';
import { asTyped } from '../http/answer.ts';
import { QUERY_FIELD, targetOrganization } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { NDJSON, streamPages, wantsNdjson } from '../http/ndjson.ts';
import { BY_TIME_AND_ID, page, readCursor } from '../http/paging.ts';
import { invalid } from '../http/problem.ts';
import { listRouteFor, None } from '../http/routes.ts';

const ACTOR = `\`${ROOT}\`, the id of an API key, a client_id, \`${LEAK_REPORT}\` (the reporter of a leaked secret), or \`${ATTEMPT_FILTER}\` (the service itself, when it throttled failed attempts). In a session of the console also \`person:\` and a mail address, or \`portal:\` and the id of a link.`;

const AuditEvent = z
  .object({
    id: z.string().openapi({ description: 'The id of the event.', example: 'evt_7n42DGM5Tflk9n8mt7Fhc7' }),
    at: Time.openapi({ description: 'When it happened.' }),
    organization_id: z
      .string()
      .nullable()
      .openapi({ description: 'The organization of the target. Null if all organizations share it.' }),
    actor: z.string().openapi({ description: `The actor: ${ACTOR}`, example: ROOT }),
    action: z.string().openapi({ description: 'The action.', example: 'client.updated' }),
    target: z.string().openapi({ description: 'The id of the changed resource.' }),
    address: z
      .string()
      .nullable()
      .openapi({ description: 'The IP address of the request. Null if there was none.', example: '192.0.2.7' }),
    changes: z.record(z.string(), z.unknown()).openapi({
      type: 'object',
      description: 'The fields that changed, with their new values. Secret values are left out.',
    }),
    request_id: z.string().nullable().openapi({
      description:
        'The id of the request in the log, which its answer had in `X-Request-Id`. Null if no request caused it, and for events of older versions.',
      example: 'd5a609e0-453c-449b-ae31-94a1cb743ca0',
    }),
  })
  .openapi('AuditEvent');

const Filter = text({ max: AUDIT_FILTER_LENGTH_MAX }).optional();

const jsonRoute = listRouteFor(
  {
    path: '/audit-events',
    requires: 'audit:read',
    tag: 'Audit',
    summary: 'List audit events',
    description: `Newest first. Events are kept for ${AUDIT_AGE / 86_400} days. With \`Accept: ${NDJSON}\`, the whole range is streamed as JSON lines, oldest first. The last line is \`{"complete": true, "count": 2, "next_cursor": null}\`. A stream without it broke. If \`complete\` is false, the next request with \`cursor\` continues.`,
  },
  None,
  {
    ...OrganizationQuery,
    actor: Filter.openapi({ description: `Only events of this actor: ${ACTOR}` }),
    target: Filter.openapi({ description: 'Only events about the resource with this id.' }),
    action: Filter.openapi({ description: 'Only events of this action, such as `client.updated`.' }),
    request_id: Filter.openapi({ description: 'Only events of the request with this id, as in the log.' }),
    from: QueryTime.optional().openapi({ description: 'Only events at or after this time.' }),
    to: QueryTime.optional().openapi({ description: 'Only events at or before this time. Default: now.' }),
  },
  AuditEvent,
);
const { 200: ok, ...errors } = jsonRoute.responses;
const Lines = z.string().openapi({
  description: 'A line with an `AuditEvent` for each event, and a last line that says whether these are all.',
});
const listAuditEventsRoute = createRoute({
  ...jsonRoute,
  responses: { 200: { ...ok, content: { ...ok.content, [NDJSON]: { schema: Lines } } }, ...errors },
});

/** Mounts `/audit-events` below `/v1`. */
export function auditEvents(app: ManagementApp): void {
  app.openapi(listAuditEventsRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id, request_id, from, to, ...filter } = context.req.valid('query');
    const organizationId = await targetOrganization(services, administrator, organization_id, QUERY_FIELD);
    const wanted: AuditFilter = {
      ...filter,
      organizationId: organizationId ?? undefined,
      requestId: request_id,
      from: from === undefined ? undefined : Date.parse(from),
      to: to === undefined ? Date.now() : Date.parse(to),
    };
    const read = async (position: string | undefined, size: number, order: 'newest' | 'oldest') => {
      const [at, id] = readCursor(position, BY_TIME_AND_ID) ?? [];
      const after = at === undefined || id === undefined ? undefined : { at, id };
      const found = await listAuditEvents(services.db, wanted, { after, limit: size + 1, order });
      const { data, next_cursor } = page(found, size, (event) => [event.at, event.id]);
      return { data: data.map(toResponse), next_cursor };
    };
    if (!wantsNdjson(context.req.header('Accept'))) return context.json(await read(cursor, limit, 'newest'), 200);
    if (context.req.query('limit') !== undefined) {
      throw invalid({ parameter: 'limit', detail: 'A stream has no `limit`: it ends where the range ends.' });
    }
    const next = async (position: string | undefined) => {
      const { data, next_cursor } = await read(position, PAGE_MAX, 'oldest');
      return { items: data, next: next_cursor };
    };
    const body = streamPages(await next(cursor), next, STREAMED_PAGES_MAX);
    return asTyped(context.newResponse(body, 200, { 'Content-Type': NDJSON }));
  });
}

function toResponse({ at, organizationId, version: _, requestId, ...event }: StoredAuditEvent) {
  return { ...event, at: time(at), organization_id: organizationId, request_id: requestId };
}
