import { z } from '@hono/zod-openapi';
import { addressFault } from '../../outbound/address.ts';
import { OUTBOUND_URL_LENGTH_MAX } from '../../outbound/constants.ts';
import { WEBHOOK_EVENTS } from '../../store/webhook-events.ts';
import { distinct } from './collections.ts';
import { Description, Name, Status } from './schemas.ts';

const Url = z
  .string()
  .max(OUTBOUND_URL_LENGTH_MAX)
  .superRefine((url, { addIssue }) => {
    const fault = addressFault(url);
    if (fault !== undefined) addIssue(fault);
  })
  .openapi({ format: 'uri', pattern: '^https://' });

/** The fields of a webhook that a create and an update take. */
export const WebhookFields = z.strictObject({
  name: Name.openapi({
    description: 'A name for people. It is unique in the organization, or among the webhooks of the instance.',
    example: 'Audit trail',
  }),
  description: Description,
  url: Url.openapi({
    description: 'The https URL that events are sent to. Its host must have a public name.',
    example: 'https://hooks.example.com/edgemint',
  }),
  events: distinct(z.enum(WEBHOOK_EVENTS), WEBHOOK_EVENTS.length, 'must name each event once')
    .min(1)
    .nullable()
    .default(null)
    .openapi({
      description:
        'The types of the events that are sent. Default: null, which means all, including types that are added later.',
      example: ['client.updated', 'secret.expiring'],
    }),
  status: Status.openapi({
    description:
      'A `disabled` webhook is sent nothing, and no events are kept for it. Events that were pending before are sent when it becomes `active`. Default: `active`.',
  }),
});
