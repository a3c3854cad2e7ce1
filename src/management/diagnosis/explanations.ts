import type { ClientReason } from '../../log/reasons.ts';

/** What a reason means, and what to do next: a sentence each. */
export interface Explanation {
  readonly meaning: string;
  readonly next_step: string;
}

/** The explanation of each reason for which a client is refused. docs/troubleshooting.md has the same table, which a test compares. */
export const EXPLANATIONS: Readonly<Record<ClientReason, Explanation>> = {
  // Credentials in general.
  no_credentials: {
    meaning: 'The request has no credential that the service can read.',
    next_step:
      'Send `client_id` and `client_secret`, an assertion, or a client certificate, as the client is registered.',
  },
  malformed_credentials: {
    meaning: 'The `Authorization` header or the parameters of the credential cannot be read.',
    next_step: 'Use HTTP Basic with the form-encoded id and secret, or send both in the body.',
  },
  more_than_one_method: {
    meaning: 'The request authenticates in two ways at once.',
    next_step: 'Send the credential in the header or in the body, not in both.',
  },
  two_client_ids: {
    meaning: 'The body names another client than the credential.',
    next_step: 'Leave `client_id` out of the body, or send the same one.',
  },
  unknown_client: {
    meaning: 'There is no client with this id, or there was none yet.',
    next_step: 'Compare the id that the machine sends with `client_id`.',
  },
  method_not_registered: {
    meaning:
      'The client authenticates in a way that is not registered for it, or that its security profile does not permit.',
    next_step: 'Change what the machine sends, or `token_endpoint_auth_method` and `additional_auth_methods`.',
  },
  disabled_client: {
    meaning: 'The credential is right, and the client or its organization is disabled.',
    next_step: 'Set the `status` of the client, or of its organization, to `active`.',
  },
  expired_client: {
    meaning: 'The credential is right, and the client has expired.',
    next_step: 'Set `expires_at` of the client to a later time, or to null.',
  },
  refused_by_gate: {
    meaning: 'The credential was right a moment ago, but the client was changed or disabled since.',
    next_step: 'Look at the last changes of the client in the audit log.',
  },
  too_many_attempts: {
    meaning:
      'Too many attempts to authenticate failed, from this address or for this client, so this one was not checked.',
    next_step: 'Correct the credential that keeps failing, and wait a minute.',
  },
  invalid_client: {
    meaning: 'The credential is not accepted any more.',
    next_step: 'Give the machine the current credential.',
  },
  // Secrets.
  mistyped_secret: {
    meaning:
      'The secret does not have the form of one of our secrets: it was cut off, changed, or is of another service.',
    next_step: 'Copy the whole secret again, with nothing before and after it.',
  },
  wrong_secret: {
    meaning: 'The secret is not one of this client’s: it was deleted or replaced, or is the secret of another client.',
    next_step: 'Compare its last four characters with the `hint` of the live secrets, or rotate the secret.',
  },
  expired_secret: {
    meaning: 'The secret was one of this client’s, and has expired.',
    next_step: 'Give the machine the primary secret, or rotate it.',
  },
  // Assertions.
  malformed_assertion: {
    meaning: 'The assertion is not a signed JWT, or lacks `exp`, `jti` or `sub`.',
    next_step: 'Compare it with the rules for assertions.',
  },
  wrong_type: {
    meaning: 'The `typ` of the assertion is that of another kind of JWT.',
    next_step: 'Leave `typ` out, or use `JWT`.',
  },
  wrong_algorithm: {
    meaning: 'The assertion is signed with an algorithm that is not accepted, or not under the strict profile.',
    next_step: 'Sign with ES256, or another permitted algorithm.',
  },
  wrong_subject: {
    meaning: 'The `iss` or the `sub` of the assertion is not the id of the client.',
    next_step: 'Set both to the `client_id`.',
  },
  wrong_audience: {
    meaning: 'The `aud` of the assertion is not the issuer of this service.',
    next_step: 'Set `aud` to the issuer, or set `assertion_audience` of the client.',
  },
  assertion_expired: {
    meaning: 'The `exp` of the assertion is in the past.',
    next_step: 'Sign a new assertion for each request, and check the clock of the machine.',
  },
  assertion_not_yet_valid: {
    meaning: 'The `iat` or `nbf` of the assertion is in the future.',
    next_step: 'Check the clock of the machine.',
  },
  assertion_lives_too_long: {
    meaning: 'The assertion lives longer than it may, or lacks the `iat` that its lifetime is measured from.',
    next_step: 'Sign assertions that live for a minute, or set `assertion_lifetime_max` of the client.',
  },
  no_such_key: {
    meaning: 'No registered key made the signature, or its `kid` names none of them.',
    next_step: 'Compare the machine’s key and `kid` with `jwks`, or with what `jwks_uri` publishes.',
  },
  no_such_identity: {
    meaning: 'The token of the workload matches none of the identities that the client trusts.',
    next_step: 'Compare its `iss`, `aud`, `sub` and other claims with `federated_identities`.',
  },
  ambiguous_identity: {
    meaning: 'Several clients trust the token of the workload.',
    next_step: 'Send the `client_id` with the request, or make the conditions of the clients narrower.',
  },
  replayed: {
    meaning: 'The assertion was used before, and each may be used once.',
    next_step: 'Sign a new assertion, with a new `jti`, for each request and each retry.',
  },
  use_unknown: {
    meaning: 'After a restart, the service cannot tell whether the assertion or proof was used before.',
    next_step: 'Nothing: a new one is accepted some seconds later.',
  },
  remote_keys_unavailable: {
    meaning: 'The keys of the client’s `jwks_uri`, or of its workload’s issuer, could not be fetched.',
    next_step: 'Check that the URL answers publicly over HTTPS with a JWK set; the description names the fault.',
  },
  // Certificates.
  certificate_not_verified: {
    meaning: 'The certificate has expired, or Cloudflare does not trust its chain.',
    next_step: 'Renew the certificate, or upload its authority to Cloudflare.',
  },
  certificate_revoked: {
    meaning: 'The certificate was revoked.',
    next_step: 'Give the machine a new certificate.',
  },
  no_such_certificate: {
    meaning: 'The certificate is not one that is registered for the client, or has another subject.',
    next_step: 'Compare it with `jwks`, or with the `tls_client_auth_*` field of the client.',
  },
  // Possession.
  dpop_required: {
    meaning: 'The client’s tokens must be bound to a key, and the request has no DPoP proof.',
    next_step: 'Send a DPoP proof, or unset `dpop_bound_access_tokens`.',
  },
  certificate_required: {
    meaning: 'The client’s tokens must be bound to a certificate, and the connection has none.',
    next_step: 'Present a client certificate, or unset `tls_client_certificate_bound_access_tokens`.',
  },
  binding_required: {
    meaning: 'The strict profile requires bound tokens, and the request proves no possession.',
    next_step: 'Send a DPoP proof, or present a client certificate.',
  },
  use_dpop_nonce: {
    meaning: 'The DPoP proof lacks the current nonce of this service.',
    next_step: 'Repeat the request with the nonce of the `DPoP-Nonce` header, as libraries for DPoP do.',
  },
  proof_malformed: {
    meaning: 'The DPoP header is not one proof, or the proof lacks a claim.',
    next_step: 'Send exactly one proof, with `jti`, `htm`, `htu` and `iat`.',
  },
  proof_wrong_type: {
    meaning: 'The `typ` of the DPoP proof is not `dpop+jwt`.',
    next_step: 'Set `typ` to `dpop+jwt`.',
  },
  proof_wrong_algorithm: {
    meaning: 'The DPoP proof is signed with an algorithm that is not accepted, or not under the strict profile.',
    next_step: 'Sign with ES256, or another permitted algorithm.',
  },
  proof_wrong_key: {
    meaning: 'The `jwk` of the DPoP proof is missing, or does not fit its algorithm.',
    next_step: 'Put the public key into the header of the proof.',
  },
  proof_wrong_signature: {
    meaning: 'The signature of the DPoP proof is not that of the key in its header.',
    next_step: 'Sign the proof with the private half of that key.',
  },
  proof_wrong_method: {
    meaning: 'The `htm` of the DPoP proof is not `POST`.',
    next_step: 'Set `htm` to `POST`.',
  },
  proof_wrong_uri: {
    meaning: 'The `htu` of the DPoP proof is not the URL of the token endpoint.',
    next_step: 'Set `htu` to the `token_endpoint` of the metadata.',
  },
  proof_too_old: {
    meaning: 'The DPoP proof is too old.',
    next_step: 'Make a proof for each request, and check the clock of the machine.',
  },
  proof_from_the_future: {
    meaning: 'The `iat` of the DPoP proof is in the future.',
    next_step: 'Check the clock of the machine.',
  },
  proof_replayed: {
    meaning: 'The DPoP proof was used before.',
    next_step: 'Make a proof for each request and each retry.',
  },
  // What is requested.
  unauthorized_client: {
    meaning: 'The client may not do that: it has no grant at any resource server, or may not rotate its secret.',
    next_step: 'Add a grant or a role to the client, or set `may_rotate_secret`.',
  },
  invalid_scope: {
    meaning: 'A requested scope is not granted to the client at that resource server, or is malformed.',
    next_step: 'Compare the requested scopes with `effective_scopes`, and grant what is missing.',
  },
  invalid_target: {
    meaning: 'The requested resource server is not granted to the client, or the request must name one and does not.',
    next_step: 'Compare `resource` with `effective_scopes`, or set `default_resource`.',
  },
  claims_not_requestable: {
    meaning: 'The request asks for claims that the client may not set.',
    next_step: 'Add their names to `requestable_claims`; reserved ones must be accepted by the resource server.',
  },
  unsupported_grant_type: {
    meaning: 'The `grant_type` is one that this service does not have, such as a user flow.',
    next_step: 'Use `client_credentials`, or the jwt-bearer grant.',
  },
  invalid_request: {
    meaning: 'A parameter is missing, repeated or malformed, or the body is not a form.',
    next_step: 'Read the description, which names the fault.',
  },
  slow_down: {
    meaning: 'The client has used up its rate limit.',
    next_step: 'Keep tokens until shortly before they expire; if that is done, raise `rate_limit`.',
  },
  quota_exceeded: {
    meaning: 'The client was issued its quota of tokens of the day or month (UTC).',
    next_step:
      'Keep tokens until shortly before they expire; if that is done, raise `quota`. It resets when the period ends.',
  },
  not_theirs: {
    meaning:
      'The client introspected a token of a resource server for which it does not introspect; the answer was `active: false`.',
    next_step: 'Add the resource server to `introspects`, or introspect with the client of that resource server.',
  },
};

/** The explanation of a reason that a newer version noted. */
const UNKNOWN: Explanation = {
  meaning: 'The request was refused for a reason that this version does not know.',
  next_step: 'Search the log for the request id.',
};

/** Returns the explanation of a reason. */
export function explanationOf(reason: string): Explanation {
  return Object.hasOwn(EXPLANATIONS, reason) ? EXPLANATIONS[reason as ClientReason] : UNKNOWN;
}
