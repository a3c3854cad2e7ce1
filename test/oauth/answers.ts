import { decodeJwt } from 'jose';
import { expect } from 'vitest';
import type { TokenAnswer } from '../http.ts';

// RFC 6749 section 5.2, for `error_description`.
const DESCRIPTION = /^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/;

/**
 * Reads an error answer, and checks what every error answer must have: JSON, `no-store`, only `error` and an `error_description` of the
 * permitted characters, and a challenge with a 401.
 */
export async function readError(response: Response): Promise<{ status: number; error: string }> {
  const { status, headers } = response;
  const text = await response.text();
  expect(headers.get('Content-Type'), text).toBe('application/json');
  expectUncached(response);
  const body = JSON.parse(text) as { error: string; error_description: string };
  expect(Object.keys(body)).toEqual(['error', 'error_description']);
  expect(body.error_description).toMatch(DESCRIPTION);
  if (status === 401) expect(headers.get('WWW-Authenticate')).toMatch(/^Basic realm="[^"\\]*"/);
  return { status, error: body.error };
}

/** The reasons that do not depend on the client, so that the answer says what to change. */
const ADVISED = [
  'malformed_assertion',
  'wrong_type',
  'wrong_algorithm',
  'wrong_subject',
  'wrong_audience',
  'assertion_expired',
  'assertion_not_yet_valid',
  'assertion_lives_too_long',
];

/** Checks that an answer is that of a failed authentication, and discloses nothing about the client. @param reason the reason in the log */
export async function expectNotAuthenticated(response: Response, reason: unknown): Promise<void> {
  expect(await readError(response.clone())).toEqual({ status: 401, error: 'invalid_client' });
  const { error_description } = await response.json<{ error_description: string }>();
  const isAdvised = ADVISED.includes(String(reason));
  expect(isAdvised ? error_description.slice(0, 29) : error_description).toBe('Client authentication failed.');
}

/** Checks that an answer is any refusal of the protocol: a 4xx with an error code. */
export async function expectRefused(response: Response, message?: string): Promise<void> {
  const { status, error } = await readError(response);
  expect(status, message).toBeGreaterThanOrEqual(400);
  expect(status, message).toBeLessThan(500);
  expect(error, message).toMatch(/^(invalid|unauthorized|unsupported)_\w+$|^slow_down$/);
}

/** Reads a token response, and the token's claims. */
export async function readToken(response: Response) {
  const text = await response.text();
  expect(response.status, text).toBe(200);
  expectUncached(response);
  const answer = JSON.parse(text) as TokenAnswer;
  return { answer, claims: decodeJwt(answer.access_token) };
}

/** RFC 6749 section 5.1. */
export function expectUncached({ headers }: Response): void {
  expect(headers.get('Cache-Control')).toBe('no-store');
  expect(headers.get('Pragma')).toBe('no-cache');
}
