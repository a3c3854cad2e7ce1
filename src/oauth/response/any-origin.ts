import { createResponse } from '../../http/create-response.ts';
import { addAnswerHeaders } from '../../log/trace.ts';
import { PREFLIGHT_MAX_AGE } from '../constants.ts';

const ANY_ORIGIN = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'ETag, Retry-After' };
// A browser asks first if the request has a header of its own, such as `If-None-Match` or `MCP-Protocol-Version`.
const PREFLIGHT = {
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
    addAnswerHeaders(ANY_ORIGIN);
    return request.method === 'OPTIONS' ? createResponse(null, 204, PREFLIGHT) : endpoint(services, request);
  };
}
