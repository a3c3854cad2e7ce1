import { createResponse } from '../http/create-response.ts';
import type { SessionServices } from './services.ts';

// React sets styles through the CSSOM, which the policy permits.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const SECURITY_HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

const NOT_BUILT = 'The console is not part of this deployment. Build it with `npm run build:assets`, and deploy again.';

type Services = Pick<SessionServices, 'config' | 'env'>;

/** Answers with the page of the console, which shows every address below `/console`. */
export async function consolePage({ config, env }: Services, request: Request): Promise<Response> {
  // A path below it that names no file, such as the folder itself.
  if (new URL(request.url).pathname.startsWith(`${config.issuerPath}/console/assets/`)) return noSuchFile();
  const asset = await env.ASSETS.fetch(`${new URL(request.url).origin}/console/index.html`);
  if (!asset.ok) return createResponse(NOT_BUILT, 404, SECURITY_HEADERS, TEXT, { 'Cache-Control': 'no-store' });
  // Built with relative links, because the path of the issuer is not known then. The page has addresses of several depths.
  const html = (await asset.text()).replaceAll(/\b(src|href)="\.\//g, `$1="${config.issuerPath}/console/`);
  return createResponse(html, 200, SECURITY_HEADERS, HTML, { 'Cache-Control': 'no-cache' });
}

/** Answers with a file of the console. Its name contains a hash of its content, so it never changes. */
export async function consoleAsset({ config, env }: Services, request: Request): Promise<Response> {
  const { pathname, origin } = new URL(request.url);
  const path = pathname.slice(config.issuerPath.length);
  if (!ASSET.test(path)) return noSuchFile();
  const asset = await env.ASSETS.fetch(`${origin}${path}`, { method: request.method });
  if (!asset.ok) return noSuchFile();
  const response = new Response(asset.body, asset);
  const headers = { ...SECURITY_HEADERS, 'Cache-Control': 'public, max-age=31536000, immutable' };
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

function noSuchFile(): Response {
  return createResponse('There is no such file.', 404, SECURITY_HEADERS, TEXT, { 'Cache-Control': 'no-store' });
}

const ASSET = /^\/console\/assets\/[\w-][\w.-]*$/;
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' };
const HTML = { 'Content-Type': 'text/html; charset=utf-8' };
