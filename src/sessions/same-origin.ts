import { ProblemError } from '../management/http/problem.ts';

const SAFE = new Set(['GET', 'HEAD']);

/**
 * Requires that a page of this service sent a request, and no page of another site: browsers send the cookie by themselves. Both headers
 * are set by the browser, and no script can change them.
 * @param issuerOrigin the origin of the issuer, which a proxy may know under another name
 * @throws ProblemError `forbidden`
 */
export function requireSameOrigin(request: Request, issuerOrigin: string): void {
  const site = request.headers.get('Sec-Fetch-Site');
  if (site === null) {
    throw refusal(
      'The request has no `Sec-Fetch-Site`. Use a current browser, over https or at localhost; programs use an API key.',
    );
  }
  if (site !== 'same-origin') throw refusal(OTHER_SITE);
  if (SAFE.has(request.method)) return;
  const origin = request.headers.get('Origin');
  if (origin !== issuerOrigin && origin !== new URL(request.url).origin) throw refusal(OTHER_SITE);
}

const OTHER_SITE = 'The request does not come from a page of this service. Programs use an API key.';

function refusal(detail: string): ProblemError {
  return new ProblemError('forbidden', { detail: `The session cookie was not accepted. ${detail}` });
}
