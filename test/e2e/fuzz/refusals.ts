/** One error of an answer that refuses a request. */
export interface Refusal {
  readonly operation: string;
  readonly status: number;
  /** The code of the problem, or the `error` of an OAuth answer. */
  readonly code: string;
  /** The field or parameter, with `*` in place of indexes. */
  readonly at: string;
  readonly detail: string;
}

/** Reads the errors of an answer. */
export function refusalsOf(operation: string, status: number, answer: Readonly<Record<string, unknown>>): Refusal[] {
  if (typeof answer.error === 'string')
    return [{ operation, status, code: answer.error, at: '', detail: String(answer.error_description) }];
  const code = String(answer.type).replace('urn:edgemint:problem:', '');
  const errors = (answer.errors ?? [{ detail: answer.detail ?? '' }]) as Record<string, string>[];
  return errors.map(({ pointer, parameter, detail = '' }) => {
    const at = pointer?.replace(/\/\d+(?=\/|$)/g, '/*') ?? parameter ?? '';
    return { operation, status, code, at, detail };
  });
}

/** The reasons for which the server may refuse a request that is valid by the schema. */
interface Kind {
  readonly reason: string;
  readonly status: number;
  readonly code?: string;
  readonly at?: RegExp;
  readonly detail?: RegExp;
}

const KINDS: readonly Kind[] = [
  // Unknown references
  { reason: 'the path names nothing that exists', status: 404, at: /^$/ },
  { reason: 'the organization does not exist', status: 404, at: /organization_id$/ },
  { reason: 'the client does not exist', status: 404, at: /^\/client_id$/ },
  { reason: 'a reference is unknown', status: 422, detail: /^Unknown (client|resource server|role|scope)/ },
  { reason: 'the cursor is of no list', status: 422, at: /^cursor$/ },
  { reason: 'the token is unknown or of another issuer', status: 422, at: /^\/token$/ },
  { reason: 'the signing key is unknown', status: 422, at: /^\/kid$/, detail: /no key with this id/ },
  { reason: 'the version of `If-Match` is not the current one', status: 412 },
  { reason: 'a header of spaces is none', status: 422, at: /^If-Match$/, detail: /is required/ },

  // Rules between a request and what is there
  { reason: 'the key of another request', status: 422, at: /^Idempotency-Key$/, detail: /different request/ },
  { reason: 'a name or id is taken, or a state forbids it', status: 409 },
  {
    reason: 'a field that cannot be changed has another value',
    status: 422,
    at: /^\/(id|client_id|organization_id|identifier|(created|updated|last_used)_at|disabled_reason|failing_since|signing_secrets\/.*)$/,
  },
  { reason: 'a time must be in the future, or not too far', status: 422, at: /^\/expires_at$/ },
  { reason: 'an identifier with a scheme is a URI, without user information', status: 422, at: /^\/identifier$/ },
  { reason: 'a claim that verifiers obey', status: 422, at: /^\/(claims|requestable_claims)\// },
  {
    reason: 'only http to localhost',
    status: 422,
    at: /^\/return_url$/,
    detail: /must be an https URL|user information/,
  },
  { reason: 'only pages of this service use a session', status: 403, detail: /session cookie was not accepted/ },
  { reason: 'there is no user flow', status: 400, code: 'unsupported_response_type' },
  { reason: 'the identifier is this issuer', status: 422, at: /^\/identifier$/, detail: /must not be this issuer/ },

  // Rules between fields
  { reason: 'the root key must name an organization', status: 422, at: /organization_id$/, detail: /is required/ },
  {
    reason: 'a method requires other fields',
    status: 422,
    detail: /is required for|must have .* for `|exactly one of/,
  },
  {
    reason: 'the days of a policy',
    status: 422,
    at: /^\/unused_clients/,
    detail: /must set `report_after_days`|must not be less than/,
  },
  { reason: 'a range of usage', status: 422, at: /^from$/, detail: /is later than `to`|is too long/ },
  { reason: 'each method once', status: 422, at: /^\/additional_auth_methods$/, detail: /each method once/ },
  { reason: 'fields exclude each other', status: 422, detail: /must not be set together|must be absent if|requires `/ },
  { reason: 'a quota has a limit', status: 422, at: /^\/quota$/, detail: /must have `tokens_per_day`/ },
  { reason: 'the strict profile', status: 422, detail: /under the strict profile/ },
  { reason: 'each scope once, by its name', status: 422, at: /^\/scopes$/, detail: /each scope once/ },
  {
    reason: 'a long lifetime of assertions limits the rate',
    status: 422,
    at: /^\/rate_limit/,
    detail: /if `assertion_lifetime_max` is/,
  },
  { reason: 'a secret for a client without', status: 422, at: /^\/client_secret$/, detail: /does not authenticate/ },
  { reason: 'the size of all members', status: 422, detail: /must be at most \d+ KiB of JSON/ },

  // Rules that no keyword can say
  { reason: 'a time in UTC has the years 0000 to 9999', status: 422, detail: /must be a date-time of RFC 3339/ },
  { reason: 'a guessable secret', status: 422, at: /^\/client_secret$/, detail: /too easy to guess/ },
  { reason: 'the members of a key must fit', status: 422, at: /^\/jwks/, detail: /must be a signature key|x5c/ },
  { reason: 'the keys of an issuer', status: 422, at: /\/jwks$/, detail: /must have a key that this service/ },
  { reason: 'an address that may not be fetched', status: 422, at: /jwks_uri$|issuer$|^\/url$/ },
  { reason: 'an IP address in its own form', status: 422, at: /tls_client_auth_san_ip$/ },
  { reason: 'an identity that others meet as well', status: 422, at: /^\/federated_identities\/\*\/(subject|claims)/ },

  {
    reason: 'a patch that only removes grants',
    status: 422,
    at: /^\/patch\/grants/,
    detail: /^(adds|removes nothing)/,
  },
  { reason: 'a time that is long enough ago', status: 422, at: /^\/unused_since$/, detail: /at least a day ago/ },

  // The OAuth endpoints
  { reason: 'unknown credentials', status: 401 },
  { reason: 'an assertion that nobody signed', status: 400, code: 'invalid_grant' },
  { reason: 'an unknown scope', status: 400, code: 'invalid_scope' },
  { reason: 'an unknown resource', status: 400, code: 'invalid_target' },
  {
    reason: 'one way to authenticate, with all its fields',
    status: 400,
    code: 'invalid_request',
    detail: /authenticat|assertion|client_id/,
  },
  { reason: 'claims that may be requested, as JSON', status: 400, code: 'invalid_request', detail: /^claims: / },
  { reason: 'a proof that does not verify', status: 400, code: 'invalid_dpop_proof' },
  { reason: 'the client may not do this', status: 400, code: 'unauthorized_client' },
];

/** Whether a refusal of a request that is valid by the schema is one of the kinds that a schema cannot say. */
export function isExpected({ status, code, at, detail }: Refusal): boolean {
  return KINDS.some(
    (kind) =>
      kind.status === status &&
      (kind.code === undefined || kind.code === code) &&
      (kind.at?.test(at) ?? true) &&
      (kind.detail?.test(detail) ?? true),
  );
}
