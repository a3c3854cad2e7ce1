import { IDEMPOTENCY_AGE, PUSHES_PER_REQUEST } from '../constants.ts';
import { IDEMPOTENCY_KEY_LENGTH_MAX, PAGE_DEFAULT, PAGE_MAX } from '../management/constants.ts';

/** The introduction of the OpenAPI document, in Markdown. */
export const INTRODUCTION = `
Edgemint is an OAuth 2.0 authorization server for machines. A **client** gets short-lived access tokens with the client credentials grant. A
**resource server** (an API) verifies them with the public keys or by introspection. An **administrator** manages both with the endpoints
below \`/v1\`.

### Authentication

- **Clients** authenticate at \`/oauth2/…\` in exactly one of these ways:
  - with a secret, by HTTP Basic (\`client_secret_basic\`) or as the form fields \`client_id\` and \`client_secret\` (\`client_secret_post\`);
  - with a JWT that they sign with their own key, as \`client_assertion\` (\`private_key_jwt\`);
  - with the client certificate of the TLS connection (\`tls_client_auth\`, \`self_signed_tls_client_auth\`);
  - with a token from their platform, as \`client_assertion\` (\`federated_jwt\`), or as \`assertion\` of the jwt-bearer grant.
- **Administrators** send an API key: \`Authorization: Bearer <API key>\`. The root key manages everything. An organization's key manages that
  organization, within the scopes of the key; resources of other organizations are 404. With the root key, set \`organization_id\` to create
  or list resources of an organization.

### Lists

Lists take \`?limit=\` (1 to ${PAGE_MAX}, default ${PAGE_DEFAULT}) and \`?cursor=\`. The answer is \`{"data": […], "next_cursor": "…"}\`. Send
\`next_cursor\` as \`cursor\` to get the next page; it is \`null\` on the last page. Resources that are added or deleted in the meantime neither
repeat nor hide others.

### Retries and concurrent changes

- Every \`POST\` that requires an API key takes an **\`Idempotency-Key\`**: 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters of your choice. For
  ${IDEMPOTENCY_AGE / 3600} hours, the same key with the same body gets the first answer again, including a secret; with another body it gets 422. So a
  request whose answer was lost can be sent again safely.
- A single resource that is read, created or updated comes with an **\`ETag\`**. Send it as **\`If-Match\`** with a \`PATCH\` or \`DELETE\`: the
  request then fails with 412 if the resource has changed in the meantime.
- \`PATCH\` takes a JSON merge patch (RFC 7396): the fields to change, and \`null\` to reset a field to its default.

### When changes take effect

Once a write is acknowledged, the next token request and the next introspection see it, everywhere. A write that affects more than
${PUSHES_PER_REQUEST} clients in use, and the emergency rotation of a signing key, are answered with **202** and a \`Location\` that shows their
progress; they are in effect everywhere once \`status\` is \`delivered\`. The exception is a resource server with
\`"introspection": "edge"\`: its introspections read a copy and may see a revocation later.

### Errors

Errors below \`/v1\` are problem documents (RFC 9457, \`application/problem+json\`). \`type\` is the error code for programs. \`errors\` points at
each wrong field (\`pointer\`) or parameter (\`parameter\`) and says what would be right. The OAuth endpoints answer with \`error\` and
\`error_description\`, as RFC 6749 defines. **429** and **503** come with \`Retry-After\`. After a 503 it is unknown whether the request took
effect; it can be sent again. **\`X-Request-Id\`**, in every answer, is the id of the request in the service’s log, which has
every refusal and a share of the successes.
`.trim();
