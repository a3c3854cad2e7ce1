import { createResponse } from '../http/create-response.ts';
import { noSuchEndpoint } from '../oauth/response/oauth-error.ts';
import type { Env } from '../platform/env.ts';
import { ASSETS, DOCUMENTATION_MAX_AGE } from './constants.ts';
import { SCRIPT, STYLE } from './page-script.ts';

// The page is Swagger UI. Its files are assets of the Worker; only what starts and completes it is our own. It loads nothing from other
// hosts.

/** The files of the page that are our own: their text and type. */
const OWN: Readonly<Record<string, readonly [text: string, type: string]>> = {
  'start.js': [SCRIPT, 'text/javascript; charset=utf-8'],
  'start.css': [STYLE, 'text/css; charset=utf-8'],
};

export const PAGE_FILES = ['start.js', 'start.css', ...ASSETS] as const;

// The links are relative, so that they also work below an issuer with a path.
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Edgemint API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/start.css">
<script defer src="docs/swagger-ui-bundle.js"></script>
<script defer src="docs/start.js"></script>
</head>
<body><main id="page"></main></body>
</html>
`;

// Swagger UI uses inline styles, and images in data: URLs.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Cache-Control': `public, max-age=${DOCUMENTATION_MAX_AGE}`,
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** Answers with the page on which the OpenAPI document can be read and its requests tried. */
export function page(): Response {
  return createResponse(PAGE, 200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' });
}

/**
 * Answers with a file of the page, which the last segment of the path names.
 * @throws OAuthError 404 for another name
 */
export async function pageFile({ env }: { readonly env: Pick<Env, 'ASSETS'> }, request: Request): Promise<Response> {
  const { pathname, origin } = new URL(request.url);
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  const [text, type = ''] = (Object.hasOwn(OWN, name) && OWN[name]) || [];
  if (text !== undefined) return createResponse(text, 200, { ...HEADERS, 'Content-Type': type });
  if (!ASSETS.some((asset) => asset === name)) throw noSuchEndpoint();
  // The assets need only this header of the request.
  const ifNoneMatch = request.headers.get('If-None-Match');
  const headers: HeadersInit = ifNoneMatch === null ? {} : { 'If-None-Match': ifNoneMatch };
  const asset = await env.ASSETS.fetch(`${origin}/docs/${name}`, { method: request.method, headers });
  const response = new Response(asset.body, asset);
  for (const [header, value] of Object.entries(HEADERS)) response.headers.set(header, value);
  // Names without an ending have no type: the licence and the notice.
  if (asset.ok && !asset.headers.has('Content-Type')) response.headers.set('Content-Type', 'text/plain; charset=utf-8');
  return response;
}
