import { Redacted } from '../log/redacted.ts';

/**
 * The network address that a request came from, as Cloudflare saw it; an IPv6 one by its /64, which is the least that one party has.
 * `''` where there is none, as on a local run.
 */
export function clientAddress(request: Request): string {
  const address = request.headers.get('CF-Connecting-IP') ?? '';
  return address.includes(':') ? ipv6Network(address) : address;
}

function ipv6Network(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`;
}

/** The token of a request's `Authorization: Bearer` header ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). */
export function bearerToken(request: Request): Redacted | undefined {
  const token = /^Bearer +([!-~]+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1];
  return token === undefined ? undefined : new Redacted(token);
}
