import { PUSHES_PER_REQUEST } from '../constants.ts';
import { IDEMPOTENCY_KEY_LENGTH_MAX, PAGE_DEFAULT, PAGE_MAX } from '../management/constants.ts';

/** What a newcomer to the API reads first, in Markdown. */
export const INTRODUCTION = `
Edgemint is an OAuth 2.0 authorization server for machines. A **client** gets short-lived access tokens with the client credentials grant; a
**resource server** (an API) checks them by the public keys or by introspection; an **administrator** manages both with the routes below \`/v1\`.

### Authenticating

- **Clients** authenticate at \`/oauth2/…\` in one of these ways, never two in one request:
  with a secret, by HTTP Basic (\`client_secret_basic\`) or as the form fields \`client_id\` and \`client_secret\` (\`client_secret_post\`);
  with a JWT that they sign with a key of their own, as \`client_assertion\` (\`private_key_jwt\`);
  with the certificate of the connection (\`tls_client_auth\`, \`self_signed_tls_client_auth\`);
  or with the token that their platform gave them, as \`client_assertion\` beside \`client_id\` (\`federated_jwt\`).
- **Administrators** send an API key: \`Authorization: Bearer <API key>\`. The root key manages everything; an organization's key manages that
  organization, as far as its scopes go, and another organization's ids are 404 to it. With the root key, what is created or listed inside an
  organization names it as \`organization_id\`.

### Lists

\`?limit=\` (1 to ${PAGE_MAX}, else ${PAGE_DEFAULT}) and \`?cursor=\`. The answer is \`{"data": […], "next_cursor": "…"}\`: give \`next_cursor\` as \`cursor\` to get what
follows; it is \`null\` at the end. What is added or deleted meanwhile neither repeats nor hides anything else.

### Retrying, and not overwriting others

- Every \`POST\` that takes an API key takes an **\`Idempotency-Key\`** too, 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters of your choice. For a day the same key
  with the same body gets the first answer again, a secret included; with another body, 422. So a request whose answer was lost is safe to send again.
- A single thing that is read, created or changed comes with an **\`ETag\`**. Sent as **\`If-Match\`** with a \`PATCH\` or \`DELETE\`, it makes that fail with 412 where
  somebody else has changed the thing meanwhile.
- \`PATCH\` takes a JSON merge patch (RFC 7396): the fields that change, and \`null\` for one that goes back to its default.

### Changes show at once

Once a write is acknowledged, the next token request and introspection see it, anywhere. A write that concerns more than ${PUSHES_PER_REQUEST} clients in use, and
the emergency rotation of a signing key, are answered **202** instead, with a \`Location\` where their progress is told; they are seen everywhere once \`status\`
is \`delivered\`. The one exception is a resource server that chose \`"introspection": "edge"\`: its introspections read a copy, and may see a revocation later.

### Errors

Below \`/v1\` they are problem documents (RFC 9457, \`application/problem+json\`): \`type\` tells programs what is wrong, \`errors\` points at each field
(\`pointer\`) or query parameter (\`parameter\`), and says what would be right. The OAuth endpoints answer with \`error\` and \`error_description\`, as
RFC 6749 has it. **429** and **503** come with \`Retry-After\`; after a 503 nothing is known to have been done, and the same request may be sent again.
**\`X-Request-Id\`**, in every answer, names the request in the service’s log.
`.trim();
