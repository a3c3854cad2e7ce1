/** Where a problem of a client is solved. Each has one place in the console. */
export type Solution =
  | { readonly kind: 'enable' }
  | { readonly kind: 'edit'; readonly field: string }
  | { readonly kind: 'tab'; readonly tab: 'access' | 'credentials' | 'usage' }
  | { readonly kind: 'rotate' }
  | { readonly kind: 'organization' }
  | { readonly kind: 'resource-servers' };

interface LabelledSolution {
  readonly label: string;
  readonly solution: Solution;
  /** The scope that it requires. */
  readonly requires: 'clients:write' | 'resource-servers:read' | 'root' | 'clients:read';
}

const edit = (label: string, field: string): LabelledSolution => ({
  label,
  solution: { kind: 'edit', field },
  requires: 'clients:write',
});
const credentials = (label: string): LabelledSolution => ({
  label,
  solution: { kind: 'tab', tab: 'credentials' },
  requires: 'clients:write',
});
const rotate: LabelledSolution = {
  label: 'Rotate the secret',
  solution: { kind: 'rotate' },
  requires: 'clients:write',
};
const grant: LabelledSolution = {
  label: 'Change what it is granted',
  solution: { kind: 'tab', tab: 'access' },
  requires: 'clients:write',
};
const compare: LabelledSolution = {
  label: 'Compare with the resource servers',
  solution: { kind: 'resource-servers' },
  requires: 'resource-servers:read',
};

/** The action that solves each finding of a diagnosis. A finding of a newer server has none. */
const SOLUTIONS: Readonly<Record<string, LabelledSolution>> = {
  organization_disabled: { label: 'Open the organization', solution: { kind: 'organization' }, requires: 'root' },
  client_disabled: { label: 'Enable', solution: { kind: 'enable' }, requires: 'clients:write' },
  client_expired: edit('Change the expiry', '/expires_at'),
  client_expires_soon: edit('Change the expiry', '/expires_at'),
  no_permitted_method: edit('Change the method', '/token_endpoint_auth_method'),
  method_not_permitted: edit('Change the method', '/token_endpoint_auth_method'),
  secret_leaked: rotate,
  no_live_secret: rotate,
  secret_expired: credentials('Delete the expired secret'),
  secret_expires_soon: rotate,
  no_key: credentials('Add a key'),
  no_certificate: credentials('Add a certificate'),
  no_identity: credentials('Add a workload'),
  no_grants: grant,
  resource_must_be_named: edit('Choose a default', '/default_resource'),
  default_resource_not_granted: edit('Change the default', '/default_resource'),
  signing_alg_not_permitted: compare,
  resource_unknown: compare,
  resource_not_granted: grant,
  scope_unknown: compare,
  scope_not_granted: grant,
  quota_used_up: { label: 'Change the quota', solution: { kind: 'tab', tab: 'usage' }, requires: 'clients:write' },
  rate_limit_used_up: edit('Change the rate limit', '/rate_limit/per_minute'),
};

/** Returns the action that solves a finding, if the console has one. */
export function solutionOf(finding: string): LabelledSolution | undefined {
  return Object.hasOwn(SOLUTIONS, finding) ? SOLUTIONS[finding] : undefined;
}
