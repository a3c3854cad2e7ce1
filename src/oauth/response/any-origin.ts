import { PREFLIGHT_MAX_AGE } from '../constants.ts';
import { errorResponse } from './error-response.ts';

const ANY_ORIGIN = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'ETag, Retry-After' };
// A browser asks first if the request has a header of its own, such as `If-None-Match` or `MCP-Protocol-Version`.
const PREFLIGHT = {
  ...ANY_ORIGIN,
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Max-Age': String(PREFLIGHT_MAX_AGE),
};

/**
 * Lets scripts of any origin read a public document and its errors, and answers the
 * [preflight](https://fetch.spec.whatwg.org/#cors-preflight-fetch) of a browser.
 */
export function forAnyOrigin<Services>(endpoint: (services: Services, request: Request) => Promise<Response>) {
  return async (services: Services, request: Request): Promise<Response> => {
    if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: PREFLIGHT });
    const response = await endpoint(services, request).catch(errorResponse);
    for (const [name, value] of Object.entries(ANY_ORIGIN)) response.headers.set(name, value);
    return response;
  };
}
