import { SdkError } from '../lib/errors.ts';
import { type Answer, detailsOf, type HttpOptions, invalidOption, isObject, requestJson } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import type { ServerClock } from '../lib/server-clock.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import type { DpopProver } from './dpop.ts';
import type { Token } from './held-token.ts';

/** Everything that a token request is made of. */
export interface TokenRequest {
  readonly issuer: string;
  readonly metadata: ServerMetadata;
  readonly authentication: ClientAuthentication;
  /** The parameters besides those of the authentication, each perhaps several times. */
  readonly parameters: readonly [name: string, value: string][];
  readonly prover: DpopProver | undefined;
  readonly clock: ServerClock;
  readonly http: HttpOptions;
  readonly timeoutMs: number;
  /** Seconds, for an answer that does not say it. */
  readonly defaultLifetime: number;
  readonly onAnswer: (answer: Answer) => void;
}

/** A token that the server has just issued. */
export interface IssuedToken {
  readonly token: Token;
  readonly lifetimeMs: number;
  readonly answer: Answer;
}

const TEMPORARY_ERRORS = ['temporarily_unavailable', 'server_error', 'slow_down'];
const DESCRIPTION_LENGTH_MAX = 300;

/**
 * Requests a token ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)). If the server wants a nonce in the DPoP
 * proof, the request is repeated once with it ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)).
 * @throws SdkError with the server's code, `unexpected_status`, `invalid_answer`, `not_bound` or a code of the connection
 */
export async function requestToken(request: TokenRequest): Promise<IssuedToken> {
  const first = await send(request);
  if (!first.isNonceNew || errorOf(first.answer) !== 'use_dpop_nonce') return readToken(request, first.answer);
  return readToken(request, (await send(request)).answer);
}

async function send(request: TokenRequest): Promise<{ answer: Answer; isNonceNew: boolean }> {
  const { issuer, metadata, authentication, prover, clock, timeoutMs } = request;
  const url = tokenEndpoint(request);
  const context = { issuer, metadata, tokenEndpoint: url, now: clock.now(), timeoutMs };
  const { form, headers } = await authentication.authenticate(context);
  const body = new URLSearchParams([...Object.entries(form), ...request.parameters]).toString();
  const proof = await prover?.proof({ method: 'POST', url, now: clock.now() });
  const fields = {
    Accept: 'application/json',
    'Content-Type': 'application/x-www-form-urlencoded',
    ...headers,
    ...(proof !== undefined && { DPoP: proof }),
  };
  const answer = await requestJson(url, { method: 'POST', headers: fields, body }, request.http);
  request.onAnswer(answer);
  return { answer, isNonceNew: prover?.observe(url, answer.headers) ?? false };
}

function tokenEndpoint({ metadata, authentication, issuer }: TokenRequest): string {
  // RFC 8705 section 5
  const alias = authentication.hasCertificate ? metadata.mtls_endpoint_aliases?.token_endpoint : undefined;
  const url = alias ?? metadata.token_endpoint;
  if (url === undefined) throw invalidOption(`The metadata of ${issuer} name no token_endpoint.`);
  return url;
}

function errorOf({ body }: Answer): string | undefined {
  return isObject(body) && typeof body.error === 'string' && body.error !== '' ? body.error : undefined;
}

function readToken(request: TokenRequest, answer: Answer): IssuedToken {
  if (answer.status !== 200) throw refusal(request.issuer, answer);
  const { body, headers, receivedAt } = answer;
  const details = { status: 200, requestId: requestIdOf(answer), isTemporary: false };
  if (!isObject(body) || typeof body.access_token !== 'string' || body.access_token === '') {
    throw new SdkError('invalid_answer', `The answer of ${request.issuer} has no access_token.`, details);
  }
  const type = String(body.token_type).toLowerCase();
  if (type !== 'bearer' && type !== 'dpop') {
    throw new SdkError('invalid_answer', 'The token_type of the answer is neither Bearer nor DPoP.', details);
  }
  // RFC 9449 section 5: such a token works without the key, so it must not be used.
  if (request.prover && type !== 'dpop') {
    throw new SdkError('not_bound', `${request.issuer} issued a token that is not bound to the DPoP key.`, details);
  }
  const lifetime = Number(body.expires_in ?? request.defaultLifetime);
  if (!(lifetime > 0)) throw new SdkError('invalid_answer', 'The expires_in of the answer is not above 0.', details);
  const date = Date.parse(headers.get('Date') ?? '');
  const issuedAt = Number.isNaN(date) ? receivedAt.wall : date;
  const token: Token = {
    access_token: body.access_token,
    token_type: type === 'dpop' ? 'DPoP' : 'Bearer',
    expires_at: Math.floor(issuedAt / 1000 + lifetime),
    scope: typeof body.scope === 'string' ? body.scope : undefined,
  };
  return { token, lifetimeMs: lifetime * 1000, answer };
}

function refusal(issuer: string, answer: Answer): SdkError {
  const { status, body } = answer;
  const code = errorOf(answer);
  const isTemporary =
    status === 408 || status === 429 || status >= 500 || (code !== undefined && TEMPORARY_ERRORS.includes(code));
  const description = isObject(body) && typeof body.error_description === 'string' ? body.error_description : '';
  // Printable ASCII is all that a description may have (RFC 6749 section 5.2).
  const reason = description.replace(/[^\x20-\x7E]/g, ' ').slice(0, DESCRIPTION_LENGTH_MAX);
  const message = `${issuer} refused the token request: ${code ?? 'no error code'} (${status}).${reason && ` ${reason}`}`;
  return new SdkError(code ?? 'unexpected_status', message, { ...detailsOf(answer), isTemporary });
}

function requestIdOf({ headers }: Answer): string | undefined {
  return headers.get('X-Request-Id') ?? undefined;
}
