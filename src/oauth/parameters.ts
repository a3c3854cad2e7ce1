import { OAUTH_BODY_LIMIT_BYTES } from '../constants.ts';
import { OAuthError } from './errors.ts';

/** The parameters of a request, each once, those without a value left out. */
export interface Parameters {
  get(name: string): string | undefined;
  /** All values of a parameter that may repeat. */
  all(name: string): readonly string[];
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
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
  for (const pair of (await readText(request)).split('&')) {
    const [rawName = '', ...rest] = pair.split('=');
    const name = formDecode(rawName);
    const value = formDecode(rest.join('='));
    if (name === undefined || value === undefined) throw malformed();
    if (value === '') continue;
    const earlier = values.get(name);
    if (!earlier) values.set(name, [value]);
    else if (mayRepeat.includes(name)) earlier.push(value);
    else throw new OAuthError('invalid_request', { description: 'A parameter is repeated.' });
  }
  return { get: (name) => values.get(name)?.[0], all: (name) => values.get(name) ?? [] };
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
export function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined)
    throw new OAuthError('invalid_request', { description: `The parameter ${name} is missing.` });
  return value;
}

// A length that is told is held to by HTTP, though not by another Worker that calls this one; without one the body is counted as it comes.
async function readText(request: Request): Promise<string> {
  const length = request.headers.get('Content-Length');
  if (Number(length) > OAUTH_BODY_LIMIT_BYTES) throw tooLarge();
  const bytes = length === null ? await readCounted(request) : await request.arrayBuffer();
  if (bytes.byteLength > OAUTH_BODY_LIMIT_BYTES) throw tooLarge();
  try {
    return UTF8.decode(bytes);
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
