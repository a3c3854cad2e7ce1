import { z } from '@hono/zod-openapi';
import { CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { EXCEPTIONS_MAX, UNUSED_DAYS_MAX } from '../constants.ts';
import { distinct } from './collections.ts';
import { text } from './text.ts';

const Days = z.int().min(1).max(UNUSED_DAYS_MAX).nullable().default(null);

/** The policy of an organization for clients that are not used. */
export const UnusedClients = z
  .strictObject({
    report_after_days: Days.openapi({
      description:
        'After how many days without use the event `client.unused` is sent. Default: null, which means never.',
      example: 60,
    }),
    disable_after_days: Days.openapi({
      description:
        'After how many days without use a client is disabled. Not less than `report_after_days`. Default: null, which means never.',
      example: 90,
    }),
    except: distinct(text({ min: 1, max: CLIENT_ID_LENGTH_MAX }), EXCEPTIONS_MAX, 'must name each client once')
      .default([])
      .openapi({
        description:
          'The ids of clients of the organization that are left alone. A client that is deleted leaves the list.',
        example: [],
      }),
  })
  .refine(({ report_after_days, disable_after_days }) => report_after_days !== null || disable_after_days !== null, {
    error: 'must set `report_after_days` or `disable_after_days`',
  })
  .refine(
    ({ report_after_days, disable_after_days }) =>
      report_after_days === null || disable_after_days === null || disable_after_days >= report_after_days,
    { path: ['disable_after_days'], error: 'must not be less than `report_after_days`' },
  )
  .openapi('UnusedClients');

/** A policy as the API shows it. */
export type UnusedClientsBody = z.infer<typeof UnusedClients>;
