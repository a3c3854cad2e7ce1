import { AUDIT_ACTIONS } from './audit-actions.ts';

/**
 * The types of notices: events for webhooks about which there is no audit event, because nobody changed anything. To add one, name it here,
 * insert its rows by `insertNotices`, and add a line in docs/webhooks.md.
 */
export const NOTICE_TYPES = [
  'api_key.expiring',
  'client.expiring',
  'client.unused',
  'quota.warning',
  'secret.expiring',
  'secret.unused_secondary',
  'signing_key.rotated',
] as const;

export type NoticeType = (typeof NOTICE_TYPES)[number];

/** The types of the events that a webhook can receive. */
export const WEBHOOK_EVENTS = [...AUDIT_ACTIONS, ...NOTICE_TYPES].sort();
