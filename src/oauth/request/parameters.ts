import { OAUTH_BODY_LIMIT_BYTES } from '../../constants.ts';
import { kib } from '../../lib/size.ts';
import { decodeUtf8 } from '../../lib/utf8.ts';
import { Redacted } from '../../log/redacted.ts';
import { OAuthError } from '../response/oauth-error.ts';

/** The parameters whose values are secrets. */
const SECRETS = ['client_secret', 'client_assertion', 'assertion', 'token'] as const;
type SecretName = (typeof SECRETS)[number];
type PlainName<Name extends string> = Name extends SecretName ? never : Name;

/** The parameters of a request that have a value. */
export class Parameters {
  readonly #values = new Map<string, string[]>();
  readonly #secrets = new Map<string, Redacted>();

  get<Name extends string>(name: PlainName<Name>): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** Returns all values of a parameter that may be repeated. */
  all<Name extends string>(name: PlainName<Name>): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  secret(name: SecretName): Redacted | undefined {
    return this.#secrets.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name) || this.#secrets.has(name);
  }

  add(name: string, value: string): void {
    const earlier = this.#values.get(name);
    if (isSecret(name)) this.#secrets.set(name, new Redacted(value));
    else if (earlier) earlier.push(value);
    else this.#values.set(name, [value]);
  }
}

const FORM = /^application\/x-www-form-urlencoded[ \t]*(;[^,]*)?$/i;

/** How the body of an endpoint is read. */
export interface ReadOptions {
  /** The parameters that may be repeated. */
  readonly repeatable?: readonly string[];
  /** Whether the body may be left out. The content type of an empty body is then ignored. */
  readonly isOptional?: boolean;
}

/**
 * Reads a form-encoded body ([RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)). A parameter with an empty value
 * counts as omitted.
 * @throws OAuthError `invalid_request`: 415 for another content type, 413 for a body over `OAUTH_BODY_LIMIT_BYTES`, 400 for one that is
 * malformed
 */
export async function readParameters(
  request: Request,
  { repeatable = [], isOptional = false }: ReadOptions = {},
): Promise<Parameters> {
  const isForm = FORM.test(request.headers.get('Content-Type') ?? '');
  if (!isForm && !isOptional) throw notAForm();
  const body = await readText(request);
  if (!isForm && body !== '') throw notAForm();
  const parameters = new Parameters();
  for (const pair of body.split('&')) {
    const end = pair.indexOf('=');
    const name = decodeForm(end < 0 ? pair : pair.slice(0, end));
    const value = end < 0 ? '' : decodeForm(pair.slice(end + 1));
    if (name === undefined || value === undefined) throw malformedBody();
    if (value === '') continue;
    if (parameters.has(name) && (isSecret(name) || !repeatable.includes(name))) {
      throw new OAuthError('invalid_request', { description: 'A parameter is repeated.' });
    }
    parameters.add(name, value);
  }
  return parameters;
}

function isSecret(name: string): name is SecretName {
  return (SECRETS as readonly string[]).includes(name);
}

function notAForm(): OAuthError {
  const description = 'The body must be application/x-www-form-urlencoded.';
  return new OAuthError('invalid_request', { status: 415, description });
}

function malformedBody(): OAuthError {
  return new OAuthError('invalid_request', { description: 'The body is not valid form encoding in UTF-8.' });
}

/**
 * Decodes `application/x-www-form-urlencoded` text ([RFC 6749 appendix B](https://www.rfc-editor.org/rfc/rfc6749#appendix-B)); undefined if
 * it is malformed.
 */
export function decodeForm(text: string): string | undefined {
  // Also if nothing is encoded: the result is a copy. V8 keeps a whole body in memory for as long as a slice of it is cached, such as a
  // client_id.
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Returns the value of a required parameter. @throws OAuthError `invalid_request` if it is missing */
export function requireParameter<Name extends string>(parameters: Parameters, name: PlainName<Name>): string {
  return requirePresent(parameters.get<Name>(name), name);
}

/** As `requireParameter`, for a parameter whose value is a secret. */
export function requireSecretParameter(parameters: Parameters, name: SecretName): Redacted {
  return requirePresent(parameters.secret(name), name);
}

function requirePresent<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new OAuthError('invalid_request', { description: `The parameter ${name} is missing.` });
}

// With a Content-Length, HTTP limits the body to it; a service binding does not, so the size is checked afterwards as well. Without one,
// the bytes are counted as they arrive.
async function readText(request: Request): Promise<string> {
  const length = request.headers.get('Content-Length');
  if (Number(length) > OAUTH_BODY_LIMIT_BYTES) throw bodyTooLarge();
  const bytes = length === null ? await readCounted(request) : await request.arrayBuffer();
  if (bytes.byteLength > OAUTH_BODY_LIMIT_BYTES) throw bodyTooLarge();
  try {
    return decodeUtf8(bytes);
  } catch {
    throw malformedBody();
  }
}

async function readCounted(request: Request): Promise<Uint8Array> {
  const body = new Uint8Array(OAUTH_BODY_LIMIT_BYTES);
  let size = 0;
  for await (const chunk of request.body ?? []) {
    if (size + chunk.byteLength > body.byteLength) throw bodyTooLarge();
    body.set(chunk, size);
    size += chunk.byteLength;
  }
  return body.subarray(0, size);
}

/** The answer to a body that is too large. */
export function bodyTooLarge(): OAuthError {
  const description = `The body is larger than ${kib(OAUTH_BODY_LIMIT_BYTES)}.`;
  return new OAuthError('invalid_request', { status: 413, description });
}
