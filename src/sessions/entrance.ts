import { version } from '../../package.json';
import { createResponse } from '../http/create-response.ts';
import type { Config } from '../platform/config.ts';
import { SECURITY_HEADERS } from './pages.ts';
import { prefersHtml } from './prefers-html.ts';

const VARIES = { 'Cache-Control': 'no-store', Vary: 'Accept' };

/** Answers at the URL of the issuer itself: leads a browser to the console, and tells a program where everything is. */
export async function entrance({ config }: { readonly config: Config }, request: Request): Promise<Response> {
  if (!prefersHtml(request.headers.get('Accept'))) {
    const body = { issuer: config.issuer, version, links: linksOf(config) };
    return createResponse(JSON.stringify(body), 200, { ...VARIES, 'Content-Type': 'application/json' });
  }
  if (config.hasConsole) return createResponse(null, 302, { ...VARIES, Location: `${config.issuerPath}/console` });
  const page = { ...SECURITY_HEADERS, ...VARIES, 'Content-Type': 'text/html; charset=utf-8' };
  return createResponse(pageOf(linksOf(config)), 200, page);
}

type Links = Readonly<Record<string, string>>;

function linksOf({ baseUrl, issuerPath, hasConsole }: Config): Links {
  const { origin } = new URL(baseUrl);
  return {
    metadata: `${origin}/.well-known/oauth-authorization-server${issuerPath}`,
    jwks: `${baseUrl}/.well-known/jwks.json`,
    openapi: `${baseUrl}/openapi.json`,
    documentation: `${baseUrl}/docs`,
    health: `${baseUrl}/healthz`,
    ...(hasConsole && { console: `${baseUrl}/console` }),
  };
}

// No text in it can come from a caller.
function pageOf({ metadata, documentation, health }: Links): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Edgemint</title>
</head>
<body>
<main>
<h1>Edgemint</h1>
<p>An OAuth 2.0 authorization server for machines.</p>
<ul>
<li><a href="${documentation}">The API</a></li>
<li><a href="${metadata}">Server metadata</a></li>
<li><a href="${health}">Health</a></li>
</ul>
</main>
</body>
</html>
`;
}
