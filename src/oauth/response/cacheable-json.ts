import { base64url } from 'jose';
import { createResponse } from '../../http/create-response.ts';
import { sha256Bytes } from '../../lib/sha256.ts';
import { ETAG_BYTES } from '../constants.ts';

/**
 * Returns a public JSON document with an ETag, or 304 if the client has the current one
 * ([RFC 9110 section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
 * @param maxAge how long it may be cached, in seconds
 */
export async function cacheableJson(
  request: Request,
  json: string,
  maxAge: number,
  contentType = 'application/json',
): Promise<Response> {
  const etag = `"${base64url.encode((await sha256Bytes(json)).subarray(0, ETAG_BYTES))}"`;
  const headers = { 'Cache-Control': `public, max-age=${maxAge}`, ETag: etag };
  if (matchesEtag(request.headers.get('If-None-Match'), etag)) return createResponse(null, 304, headers);
  return createResponse(json, 200, { ...headers, 'Content-Type': contentType });
}

function matchesEtag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch?.trim() === '*') return true;
  return ifNoneMatch?.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag) ?? false;
}
