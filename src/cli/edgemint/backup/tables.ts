import type { Purpose } from '../../../keys/sealing.ts';

// Which tables a backup holds. test/cli/backup.unit.test.ts compares these lists with the schema.

/** What administrators manage, with the keys. */
export const RECORD_TABLES = [
  'organizations',
  'api_keys',
  'resource_servers',
  'reserved_identifiers',
  'scopes',
  'roles',
  'role_grants',
  'role_grant_scopes',
  'clients',
  'client_workloads',
  'client_grants',
  'client_grant_scopes',
  'client_roles',
  'client_introspects',
  'client_secrets',
  'signing_keys',
  'retired_master_keys',
  'webhooks',
  'live_revocations',
] as const;

/** What was done and counted. */
export const HISTORY_TABLES = ['audit_events', 'client_usage', 'client_usage_days', 'usage_days'] as const;

/** Read for a backup, and restored in a way of their own. */
export const STATE_TABLES = ['version_sequence', 'gates', 'd1_migrations'] as const;

/** What a restored instance makes anew, and what is only about this moment of the old one. */
export const LEFT_OUT_TABLES = [
  'revoked_signing_keys',
  'background_tasks',
  'gate_pushes',
  'changes',
  'idempotency_keys',
  'console_sessions',
  'console_links',
  'webhook_deliveries',
  'webhook_notices',
] as const;

/** Those of which an instance must hold no row before it can be restored to. */
export const EMPTY_TABLES = ['organizations', 'resource_servers', 'roles', 'clients', 'webhooks'] as const;

/** Columns with values that are sealed under a master key. A backup holds them open: the passphrase seals all of it. */
export const SEALED_COLUMNS: Readonly<Record<string, { readonly column: string; readonly purpose: Purpose }>> = {
  signing_keys: { column: 'sealed_private_jwk', purpose: 'signing-key' },
  retired_master_keys: { column: 'sealed_keys', purpose: 'retired-master-key' },
  webhooks: { column: 'sealed_secrets', purpose: 'webhook-secrets' },
};

/** Columns with hashes, which begin with the id of a master key. */
export const HASH_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  client_secrets: ['hash'],
  api_keys: ['hash', 'secondary_hash'],
};
