import type { Field } from '../field.ts';
import { quotaLimit } from '../parse.ts';

/** Returns the options of the field `quota`. @param whose whose tokens it counts */
export function quotaFields(whose: string, actions: readonly string[]): Field[] {
  const name = 'quota';
  return [
    {
      name,
      member: 'tokens_per_day',
      flags: '--quota-day <tokens>',
      description: `how many tokens ${whose} may be issued in a day (UTC), or none for any number`,
      parse: quotaLimit,
    },
    {
      name,
      member: 'tokens_per_month',
      flags: '--quota-month <tokens>',
      description: 'the same for a month',
      parse: quotaLimit,
    },
    {
      name,
      member: 'action',
      flags: '--quota-action <action>',
      description: 'warn: webhooks are told at 80 % and 100 %. enforce: further tokens are refused as well',
      choices: actions,
    },
  ];
}
