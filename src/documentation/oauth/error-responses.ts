import { z } from '@hono/zod-openapi';
import { bodyTooLarge } from '../../oauth/request/parameters.ts';
import { invalidClient, OAuthError } from '../../oauth/response/oauth-error.ts';
import { RATE_LIMIT, RETRY_AFTER } from './headers.ts';

const ErrorAnswer = z
  .object({
    error: z.string().openapi({
      description: 'A code of RFC 6749 section 5.2, RFC 8707 section 2 or RFC 9449, or one of those in the examples.',
    }),
    error_description: z.string().openapi({ description: 'A sentence for people; it may change.' }),
  })
  .openapi('OAuthError');

type Headers = Record<string, { description: string; schema: object }>;

/** An error answer of an OAuth endpoint, shown by the errors themselves. */
export function errorAnswer(description: string, errors: Record<string, OAuthError>, headers?: Headers) {
  const examples = Object.entries(errors).map(([name, { code, message }]) => {
    return [name, { value: { error: code, error_description: message } }] as const;
  });
  const content = { 'application/json': { schema: ErrorAnswer, examples: Object.fromEntries(examples) } };
  return { description, ...(headers && { headers }), content };
}

/** The answer to another method than a route has. */
export function wrongMethod(allowed: 'GET' | 'POST') {
  const described = allowed === 'GET' ? 'GET or HEAD' : allowed;
  const error = new OAuthError('invalid_request', { description: `Use ${described}.` });
  const headers = { Allow: { description: 'The methods that the route has.', schema: { type: 'string' } } };
  return { 405: errorAnswer(`Another method than ${described}.`, { invalid_request: error }, headers) };
}

export const misconfigured = {
  500: errorAnswer('The service is not configured, or failed in a way that it did not expect.', {
    server_error: new OAuthError('server_error'),
  }),
};

export const unavailable = {
  503: errorAnswer(
    'A store did not answer, a client’s or an issuer’s keys could not be had from where they are published, or after an emergency no key may sign yet. Nothing was decided: try again.',
    { temporarily_unavailable: new OAuthError('temporarily_unavailable') },
    { 'Retry-After': RETRY_AFTER },
  ),
};

/** How every endpoint fails that takes a form and authenticates who sends it. */
export const formErrors = {
  401: errorAnswer(
    'Client authentication failed. An unknown client, a wrong secret, an assertion or a certificate that is not the client’s, and a disabled client are answered alike.',
    { invalid_client: invalidClient() },
    { 'WWW-Authenticate': { description: 'The scheme to authenticate with.', schema: { type: 'string' } } },
  ),
  ...wrongMethod('POST'),
  413: errorAnswer(bodyTooLarge().message, { invalid_request: bodyTooLarge() }),
  415: errorAnswer('The body is no form.', {
    invalid_request: new OAuthError('invalid_request', {
      description: 'The body must be application/x-www-form-urlencoded.',
    }),
  }),
  429: errorAnswer(
    'Too many requests: the client’s rate limit is spent, or too many attempts to authenticate failed. Only where the rate limit decided there are `RateLimit` headers.',
    { slow_down: new OAuthError('slow_down') },
    { 'Retry-After': RETRY_AFTER, ...RATE_LIMIT },
  ),
  ...misconfigured,
  ...unavailable,
};
