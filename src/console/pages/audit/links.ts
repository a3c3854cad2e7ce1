/** Returns the address of the page about an event's target. Undefined if there is none, as for what was deleted. */
export function targetAddress(event: {
  readonly action: string;
  readonly target: string;
  readonly organization_id: string | null;
}): string | undefined {
  const { action, target, organization_id: owner } = event;
  const [kind] = action.split('.');
  if (action === `${kind}.deleted`) return undefined;
  const id = encodeURIComponent(target);
  if (kind === 'signing_keys') return '/signing-keys';
  if (kind === 'master_key') return '/master-keys';
  if (kind === 'organization') return `/organizations/${id}`;
  if (kind === 'webhook' && owner === null) return `/webhooks/${id}`;
  if (owner === null) return undefined;
  const below = `/organizations/${encodeURIComponent(owner)}`;
  // The target of the revocation of one token is its client.
  if (kind === 'client' || kind === 'token') return `${below}/clients/${id}`;
  if (kind === 'api_key') return `${below}/api-keys`;
  if (kind === 'role') return `${below}/roles/${id}`;
  if (kind === 'resource_server') return `${below}/resource-servers/${id}`;
  if (kind === 'webhook') return `${below}/webhooks/${id}`;
  return undefined;
}

/** Returns the address of the page about an event's actor. Undefined if there is none. */
export function actorAddress({
  actor,
  organization_id: owner,
}: {
  readonly actor: string;
  readonly organization_id: string | null;
}) {
  if (owner === null) return undefined;
  const below = `/organizations/${encodeURIComponent(owner)}`;
  if (actor.startsWith('key_')) return `${below}/api-keys`;
  if (actor.startsWith('emc_')) return `${below}/clients/${encodeURIComponent(actor)}`;
  return undefined;
}

const SERVICE_ACTORS: Readonly<Record<string, string>> = {
  root: 'Root key',
  'leak-report': 'Report of a leaked secret',
  'attempt-filter': 'Edgemint, because of failed attempts',
  'service:schedule': 'Edgemint, on schedule',
};

/** Returns the name of an actor for people: its id, unless it is one that all instances have. */
export function actorName(actor: string): string {
  return SERVICE_ACTORS[actor] ?? actor;
}
