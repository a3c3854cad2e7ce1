import { z } from '@hono/zod-openapi';
import { QUOTA_MAX } from '../constants.ts';

const NOT_WHOLE = `must be a whole number from 1 to ${QUOTA_MAX}, or null for any number`;
const NO_QUOTA = 'must be at least 1. Without tokens there is nothing to count: set `status` to `disabled`';
const TOO_MANY = `must be at most ${QUOTA_MAX}. For any number, leave it out`;

const limit = (period: string) =>
  z
    .int({ error: NOT_WHOLE })
    .min(1, NO_QUOTA)
    .max(QUOTA_MAX, TOO_MANY)
    .nullable()
    .default(null)
    .openapi({ description: `Tokens per ${period}, by UTC. Default: null, which means any number.`, example: 100_000 });

/** Tokens per day and month, with one of these actions. */
function quotaOf<Action extends z.ZodType>(action: Action) {
  return z
    .strictObject({ tokens_per_day: limit('day'), tokens_per_month: limit('month'), action })
    .refine(({ tokens_per_day, tokens_per_month }) => (tokens_per_day ?? tokens_per_month) !== null, {
      error: 'must have `tokens_per_day`, `tokens_per_month`, or both. For no quota, set it to null',
    });
}

/** The quota of a client. */
export const ClientQuota = quotaOf(
  z
    .enum(['warn', 'enforce'])
    .default('warn')
    .openapi({
      description:
        'What happens at the quota. Both send the event `quota.warning` at 80 % and at 100 %, once in each period. `enforce` also refuses ' +
        'further tokens with 429 until the period ends. Default: `warn`.',
    }),
);

/** The quota of an organization: of all of its clients together. */
export const OrganizationQuota = quotaOf(
  z.enum(['warn']).default('warn').openapi({
    description:
      'What happens at the quota: the event `quota.warning` is sent at 80 % and at 100 %, once in each period. Default: `warn`.',
  }),
);
