import { Redacted } from '../log/redacted.ts';
import { invalid, ProblemError } from '../management/http/problem.ts';
import { SIGN_IN_BODY_LIMIT_BYTES } from './constants.ts';

/** What a sign-in presents. */
export type Credential = { readonly kind: 'api_key' | 'link'; readonly value: Redacted } | { readonly kind: 'access' };

const KINDS = ['api_key', 'link', 'access'] as const;

const ONE_FIELD = { pointer: '', detail: 'Send one field: `api_key`, `link` or `access`.' } as const;

/**
 * Reads the body of a sign-in. Its type must be JSON, which a form of another site cannot send.
 * @throws ProblemError `unsupported_media_type`, `too_large`, `malformed` or `invalid`
 */
export async function readCredential(request: Request): Promise<Credential> {
  const type = request.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new ProblemError('unsupported_media_type');
  const body = await readJson(request);
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const members = isObject ? Object.entries(body) : [];
  const [member, other] = members;
  if (!member || other) throw invalid(ONE_FIELD);
  const [name, value] = member;
  const kind = KINDS.find((each) => each === name);
  // The name is not repeated: it may be a secret that was put in the wrong place.
  if (kind === undefined) throw invalid(ONE_FIELD);
  if (kind === 'access') {
    if (value === true) return { kind };
    throw invalid({ pointer: '/access', detail: '`access` must be true.' });
  }
  if (typeof value !== 'string' || value === '') {
    throw invalid({ pointer: `/${kind}`, detail: `\`${kind}\` must be a text.` });
  }
  return { kind, value: new Redacted(value.trim()) };
}

async function readJson(request: Request): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  // The length is not always announced.
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > SIGN_IN_BODY_LIMIT_BYTES) throw new ProblemError('too_large');
    text += decoder.decode(chunk, { stream: true });
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch {
    throw new ProblemError('malformed', { detail: 'The body is not JSON.' });
  }
}
