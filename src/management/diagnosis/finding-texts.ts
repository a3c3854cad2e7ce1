import type { Explanation } from './explanations.ts';

interface FindingText extends Explanation {
  /** An `error` stops the client's requests, a `warning` stops some of them, or will. */
  readonly severity: 'error' | 'warning';
}

/**
 * The problems that can be found, in the order in which they are shown. docs/troubleshooting.md has the same table, which a test compares.
 */
export const FINDINGS = {
  organization_disabled: {
    severity: 'error',
    meaning: 'The organization is disabled, and with it all of its clients.',
    next_step: 'Set the `status` of the organization to `active`.',
  },
  client_disabled: {
    severity: 'error',
    meaning: 'The client is disabled.',
    next_step: 'Set its `status` to `active`.',
  },
  client_expired: {
    severity: 'error',
    meaning: 'The client has expired.',
    next_step: 'Set its `expires_at` to a later time, or to null.',
  },
  client_expires_soon: {
    severity: 'warning',
    meaning: 'The client expires within 7 days.',
    next_step: 'Set its `expires_at` to a later time if it is still needed.',
  },
  no_permitted_method: {
    severity: 'error',
    meaning: 'The strict profile permits none of the client’s authentication methods.',
    next_step: 'Register `private_key_jwt` or a certificate, or set the `security_profile` back.',
  },
  method_not_permitted: {
    severity: 'warning',
    meaning: 'The strict profile does not permit one of the client’s authentication methods.',
    next_step: 'Remove the method from the client, or set the `security_profile` back.',
  },
  secret_leaked: {
    severity: 'warning',
    meaning: 'A secret was reported as leaked, and is refused since then.',
    next_step: 'Rotate the secret, and find out how the old one leaked.',
  },
  no_live_secret: {
    severity: 'error',
    meaning: 'The client has no secret that is accepted: all have expired, or were reported as leaked.',
    next_step: 'Rotate the secret, and give the machine the new one.',
  },
  secret_expired: {
    severity: 'warning',
    meaning: 'One of the client’s secrets has expired.',
    next_step: 'Check that every machine has the other one, and delete it.',
  },
  secret_expires_soon: {
    severity: 'warning',
    meaning: 'A secret of the client expires within 7 days.',
    next_step: 'Give every machine the primary secret before that.',
  },
  no_key: {
    severity: 'error',
    meaning: 'The client is to authenticate with a key, and none is registered.',
    next_step: 'Register `jwks` or `jwks_uri`.',
  },
  no_certificate: {
    severity: 'error',
    meaning: 'The client is to authenticate with a certificate, and none is registered.',
    next_step: 'Register a key with the certificate in `x5c`, or a `tls_client_auth_*` field.',
  },
  no_identity: {
    severity: 'error',
    meaning: 'The client is to authenticate with the token of a workload, and trusts none.',
    next_step: 'Register `federated_identities`.',
  },
  no_grants: {
    severity: 'error',
    meaning: 'The client is granted nothing at any resource server, so it gets no tokens.',
    next_step: 'Add a grant or a role that grants something.',
  },
  resource_must_be_named: {
    severity: 'warning',
    meaning:
      'The client is granted several resource servers and has no default one, so each token request must name one.',
    next_step: 'Send `resource`, or set `default_resource`.',
  },
  default_resource_not_granted: {
    severity: 'warning',
    meaning: 'The client’s default resource server is not granted to it.',
    next_step: 'Grant it, or change `default_resource`.',
  },
  signing_alg_not_permitted: {
    severity: 'warning',
    meaning: 'The strict profile does not permit the signature of the tokens for one of the client’s resource servers.',
    next_step: 'Set the `signing_alg` of the resource server to `ES256` or `EdDSA`.',
  },
  resource_unknown: {
    severity: 'warning',
    meaning: 'A request named a resource server that does not exist.',
    next_step: 'Compare the `resource` that the machine sends with the identifiers of the resource servers.',
  },
  resource_not_granted: {
    severity: 'warning',
    meaning: 'A request named a resource server that exists and is not granted to the client.',
    next_step: 'Grant it to the client, or change the `resource` that the machine sends.',
  },
  scope_unknown: {
    severity: 'warning',
    meaning: 'A request named a scope that does not exist at its resource server.',
    next_step: 'Compare the `scope` that the machine sends with the scopes of the resource server.',
  },
  scope_not_granted: {
    severity: 'warning',
    meaning: 'A request named a scope that exists and is not granted to the client.',
    next_step: 'Grant it to the client, or leave it out of the request.',
  },
  quota_used_up: {
    severity: 'error',
    meaning: 'The client was issued its quota of tokens of the day or month (UTC).',
    next_step:
      'Keep tokens until shortly before they expire; if that is done, raise `quota`. It resets when the period ends.',
  },
  rate_limit_used_up: {
    severity: 'error',
    meaning: 'The client has used up its rate limit.',
    next_step: 'Keep tokens until shortly before they expire; if that is done, raise `rate_limit`.',
  },
} as const satisfies Readonly<Record<string, FindingText>>;

export type FindingName = keyof typeof FINDINGS;
