import { sha256 } from '../../lib/sha256.ts';

/** A public JSON document that may be cached for `maxAge` seconds, or 304 where the requester has it ([RFC 9110 section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)). */
export async function cacheableJson(
  request: Request,
  json: string,
  maxAge: number,
  contentType = 'application/json',
): Promise<Response> {
  const etag = `"${(await sha256(json)).slice(0, 22)}"`;
  const headers = { 'Cache-Control': `public, max-age=${maxAge}`, ETag: etag, 'Access-Control-Allow-Origin': '*' };
  if (matches(request.headers.get('If-None-Match'), etag)) return new Response(null, { status: 304, headers });
  return new Response(json, { headers: { ...headers, 'Content-Type': contentType } });
}

function matches(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch?.trim() === '*') return true;
  return ifNoneMatch?.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag) ?? false;
}
