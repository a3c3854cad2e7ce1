import { OAUTH_BODY_LIMIT_BYTES } from '../../constants.ts';
import { decodeUtf8 } from '../../lib/utf8.ts';
import { Redacted } from '../../log/redacted.ts';
import { OAuthError } from '../response/oauth-error.ts';

/** The parameters whose values bear secrets. */
const SECRETS = ['client_secret', 'client_assertion', 'token'] as const;
type SecretName = (typeof SECRETS)[number];
type PlainName<Name extends string> = Name extends SecretName ? never : Name;

/** The parameters of a request, each once, those without a value left out. */
export interface Parameters {
  get<Name extends string>(name: PlainName<Name>): string | undefined;
  /** All values of a parameter that may repeat. */
  all<Name extends string>(name: PlainName<Name>): readonly string[];
  secret(name: SecretName): Redacted | undefined;
}

const FORM = /^application\/x-www-form-urlencoded[ \t]*(;[^,]*)?$/i;

/**
 * Reads a form-encoded body ([RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)): a parameter without a value
 * counts as left out, and none but the named ones may repeat.
 * @throws OAuthError `invalid_request`: 415 for another content type, 413 for a body over 16 KiB, 400 for one that is malformed
 */
export async function readParameters(request: Request, mayRepeat: readonly string[] = []): Promise<Parameters> {
  if (!FORM.test(request.headers.get('Content-Type') ?? '')) {
    const description = 'The body must be application/x-www-form-urlencoded.';
    throw new OAuthError('invalid_request', { status: 415, description });
  }
  const values = new Map<string, string[]>();
  const secrets = new Map<string, Redacted>();
  for (const pair of (await readText(request)).split('&')) {
    const [rawName = '', ...rest] = pair.split('=');
    const name = formDecode(rawName);
    const value = formDecode(rest.join('='));
    if (name === undefined || value === undefined) throw malformed();
    if (value === '') continue;
    const earlier = values.get(name);
    if (secrets.has(name) || (earlier && !mayRepeat.includes(name))) {
      throw new OAuthError('invalid_request', { description: 'A parameter is repeated.' });
    }
    if (isSecret(name)) secrets.set(name, new Redacted(value));
    else if (earlier) earlier.push(value);
    else values.set(name, [value]);
  }
  return {
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    secret: (name) => secrets.get(name),
  };
}

function isSecret(name: string): name is SecretName {
  return SECRETS.some((secret) => secret === name);
}

function malformed(): OAuthError {
  return new OAuthError('invalid_request', { description: 'The body is not valid form encoding in UTF-8.' });
}

/** Decodes `application/x-www-form-urlencoded` text ([RFC 6749 appendix B](https://www.rfc-editor.org/rfc/rfc6749#appendix-B)); undefined where it is malformed. */
export function formDecode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** The value of a parameter that must be there. */
export function required<Name extends string>(parameters: Parameters, name: PlainName<Name>): string {
  return requirePresent(parameters.get<Name>(name), name);
}

/** As `required`, for one that bears a secret. */
export function requiredSecret(parameters: Parameters, name: SecretName): Redacted {
  return requirePresent(parameters.secret(name), name);
}

function requirePresent<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new OAuthError('invalid_request', { description: `The parameter ${name} is missing.` });
}

// A length that is told is held to by HTTP, though not by another Worker that calls this one; without one the body is counted as it comes.
async function readText(request: Request): Promise<string> {
  const length = request.headers.get('Content-Length');
  if (Number(length) > OAUTH_BODY_LIMIT_BYTES) throw tooLarge();
  const bytes = length === null ? await readCounted(request) : await request.arrayBuffer();
  if (bytes.byteLength > OAUTH_BODY_LIMIT_BYTES) throw tooLarge();
  try {
    return decodeUtf8(bytes);
  } catch {
    throw malformed();
  }
}

async function readCounted(request: Request): Promise<Uint8Array> {
  const body = new Uint8Array(OAUTH_BODY_LIMIT_BYTES);
  let size = 0;
  for await (const chunk of request.body ?? []) {
    if (size + chunk.byteLength > body.byteLength) throw tooLarge();
    body.set(chunk, size);
    size += chunk.byteLength;
  }
  return body.subarray(0, size);
}

function tooLarge(): OAuthError {
  return new OAuthError('invalid_request', { status: 413, description: 'The body is larger than 16 KiB.' });
}
