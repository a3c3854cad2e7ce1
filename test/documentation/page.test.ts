import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import edgemint from '../../src/index.ts';
import { ISSUER } from '../http.ts';

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', png: 'image/png' };

async function sendTo(issuer: string, url: URL | string, init?: RequestInit): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(url, init) as Parameters<typeof edgemint.fetch>[0];
  const response = await edgemint.fetch(request, { ...env, ISSUER: issuer }, context);
  await waitOnExecutionContext(context);
  return response;
}

describe.each([ISSUER, `${ISSUER}/tenant/a`])('the page at %s/docs', (issuer) => {
  const send = (path: string, init?: RequestInit) => sendTo(issuer, `${issuer}${path}`, init);

  test('refers to nothing but what the Worker hands out beside it, of the right types', async () => {
    const page = await send('/docs');
    expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    const links = [...(await page.text()).matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      const file = await sendTo(issuer, new URL(link, `${issuer}/docs`));
      expect([link, file.status]).toEqual([link, 200]);
      expect(file.headers.get('Content-Type')).toContain(TYPES[link.split('.').at(-1) ?? ''] ?? 'no known type');
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
  });

  test('runs no script but its own, sends nothing elsewhere, and cannot be framed', async () => {
    for (const path of ['/docs', '/docs/start.js', '/docs/swagger-ui-bundle.js']) {
      const { headers } = await send(path);
      const policy = new Map(
        (headers.get('Content-Security-Policy') ?? '').split('; ').map((directive) => {
          const [name = '', ...sources] = directive.split(' ');
          return [name, sources.join(' ')] as const;
        }),
      );
      for (const name of ['default-src', 'base-uri', 'form-action', 'frame-ancestors']) {
        expect([name, policy.get(name)]).toEqual([name, "'none'"]);
      }
      for (const name of ['script-src', 'connect-src']) expect([name, policy.get(name)]).toEqual([name, "'self'"]);
      expect([...policy.values()].join(' ')).not.toMatch(/https?:|\*|unsafe-eval/);
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
    }
  });

  test('its files are answered with 304 where they are known, and to HEAD', async () => {
    const etag = (await send('/docs/swagger-ui.css')).headers.get('ETag') ?? '';
    expect((await send('/docs/swagger-ui.css', { headers: { 'If-None-Match': etag } })).status).toBe(304);
    const head = await send('/docs/swagger-ui.css', { method: 'HEAD' });
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
  });

  test('nothing else of its package is handed out, and unknown paths are answered in the protocol’s terms', async () => {
    const paths = ['/docs/index.html', '/docs/swagger-initializer.js', '/docs/package.json', '/docs/', '/docs/a/b'];
    for (const path of [...paths, '/swagger-ui.css', '/index.html', '/docs/..%2fpackage.json']) {
      const answer = await send(path);
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        404,
        { error: 'invalid_request', error_description: 'No such endpoint.' },
      ]);
    }
    expect((await send('/docs', { method: 'POST' })).status).toBe(405);
  });
});
