import { z } from '@hono/zod-openapi';
import { bodyTooLarge } from '../../oauth/request/parameters.ts';
import { invalidClient, OAuthError } from '../../oauth/response/oauth-error.ts';
import { RATE_LIMIT, RETRY_AFTER } from './headers.ts';

const ErrorAnswer = z
  .object({
    error: z.string().openapi({
      description: 'A code of RFC 6749 section 5.2, RFC 8707 section 2 or RFC 9449, or one from the examples.',
    }),
    error_description: z.string().openapi({ description: 'A sentence for people. Its wording may change.' }),
  })
  .openapi('OAuthError');

type Headers = Record<string, { description: string; schema: object }>;

/** Describes an error answer of an OAuth endpoint, with the errors as examples. */
export function errorAnswer(description: string, errors: Record<string, OAuthError>, headers?: Headers) {
  const examples = Object.entries(errors).map(([name, { code, message }]) => {
    return [name, { value: { error: code, error_description: message } }] as const;
  });
  const content = { 'application/json': { schema: ErrorAnswer, examples: Object.fromEntries(examples) } };
  return { description, ...(headers && { headers }), content };
}

/** Describes the answer to a method that a route does not have. */
export function wrongMethod(allowed: 'GET' | 'POST' | 'GET or POST') {
  const described = allowed.replace('GET', 'GET or HEAD');
  const error = new OAuthError('invalid_request', { description: `Use ${described}.` });
  const headers = { Allow: { description: 'The methods of the route.', schema: { type: 'string' } } };
  return { 405: errorAnswer(`The method is not ${described}.`, { invalid_request: error }, headers) };
}

export const misconfigured = {
  500: errorAnswer('The service is not configured, or failed unexpectedly.', {
    server_error: new OAuthError('server_error'),
  }),
};

export const unavailable = {
  503: errorAnswer(
    'A store did not answer, the published keys of a client or an issuer could not be fetched, or no key may sign yet after an emergency rotation. Nothing was decided. Try again.',
    { temporarily_unavailable: new OAuthError('temporarily_unavailable') },
    { 'Retry-After': RETRY_AFTER },
  ),
};

/** The errors of every endpoint that takes a form and authenticates the caller. */
export const formErrors = {
  401: errorAnswer(
    'Client authentication failed. The answer is the same for an unknown client, a disabled client, a wrong secret, and an assertion or certificate of another client. `error_description` says what to change if an assertion is wrong for every client, or may be used by some clients only.',
    { invalid_client: invalidClient() },
    { 'WWW-Authenticate': { description: 'The scheme to authenticate with.', schema: { type: 'string' } } },
  ),
  ...wrongMethod('POST'),
  413: errorAnswer(bodyTooLarge().message, { invalid_request: bodyTooLarge() }),
  415: errorAnswer('The body is not a form.', {
    invalid_request: new OAuthError('invalid_request', {
      description: 'The body must be application/x-www-form-urlencoded.',
    }),
  }),
  429: errorAnswer(
    'Too many requests: the client has used up its rate limit or its quota of tokens, or too many attempts to authenticate failed. The latter adds no `RateLimit` headers.',
    { slow_down: new OAuthError('slow_down') },
    { 'Retry-After': RETRY_AFTER, ...RATE_LIMIT },
  ),
  ...misconfigured,
  ...unavailable,
};
