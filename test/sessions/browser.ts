import { ISSUER, send } from '../http.ts';

/** The headers that a browser sends with a request of a page of this service. */
export const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin', Origin: ISSUER };
export const COOKIE = '__Host-edgemint-session';

/** Signs in to the console, as its page does. */
export function signIn(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const all = { 'Content-Type': 'application/json', ...SAME_ORIGIN, ...headers };
  return send('/console/session', { method: 'POST', headers: all, body: JSON.stringify(body) });
}

/** Returns the cookie that an answer sets, as a `Cookie` header has it. */
export const cookieOf = (response: Response) => response.headers.get('Set-Cookie')?.split(';')[0] ?? '';

/** Signs in and returns the cookie. Throws unless that succeeds. */
export async function session(body: unknown): Promise<string> {
  const response = await signIn(body);
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return cookieOf(response);
}

/** Sends a request with a cookie, as a page of this service does. */
export function withCookie(
  method: string,
  path: string,
  Cookie: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Response> {
  const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return send(path, { method, headers: { ...json, ...SAME_ORIGIN, Cookie, ...more }, ...init });
}
