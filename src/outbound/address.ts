import { OUTBOUND_PORT_MIN, OUTBOUND_URL_LENGTH_MAX } from './constants.ts';

// Names that are not delegated on the internet or that a local network may resolve by itself (RFC 2606, 6761, 6762, 7686, 8375, 9476, and
// names that ICANN reserves), and the metadata hosts of clouds. `example` is missing on purpose: documentation uses it, and it does not
// resolve.
const PRIVATE_NAMES = [
  'alt',
  'arpa',
  'corp',
  'home',
  'internal',
  'intranet',
  'invalid',
  'lan',
  'local',
  'localdomain',
  'localhost',
  'onion',
  'private',
  'svc',
  'test',
  'metadata.goog',
  'metadata.packet.net',
  'metadata.tencentyun.com',
];

const NAME = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/;
// The URL parser converts every notation of an IPv4 address to four decimal numbers.
const IPV4 = /^[\d.]+$/;

/**
 * Returns why a URL must not be fetched, as the end of a sentence ("must ..."), or undefined if it may be fetched.
 *
 * Of the host, only its name is checked: the platform does not disclose the address that `fetch` uses. On Cloudflare, `fetch` reaches no
 * private network; if the runtime runs elsewhere, the network must block it.
 */
export function addressFault(url: string): string | undefined {
  if (url.length > OUTBOUND_URL_LENGTH_MAX) return `must have at most ${OUTBOUND_URL_LENGTH_MAX} characters`;
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:') return 'must be an https URL';
  if (parsed.username !== '' || parsed.password !== '') return 'must have no user information';
  if (url.includes('#')) return 'must have no fragment';
  if (parsed.port !== '' && Number(parsed.port) < OUTBOUND_PORT_MIN)
    return `must use port 443, or a port from ${OUTBOUND_PORT_MIN} on`;
  return hostFault(parsed.hostname) ?? spellingFault(url, parsed);
}

function hostFault(host: string): string | undefined {
  if (host.startsWith('[') || IPV4.test(host)) return 'must have a host name, not an IP address';
  if (!NAME.test(host)) return 'must have a full host name of letters, digits and hyphens, without a dot at its end';
  const isPrivate = PRIVATE_NAMES.some((name) => host === name || host.endsWith(`.${name}`));
  return isPrivate ? 'must have a public host name' : undefined;
}

// A URL that is fetched differently from how it reads deceives the administrator who approved it.
function spellingFault(url: string, { href }: URL): string | undefined {
  return href === url || href === `${url}/` ? undefined : `must be written as ${href}`;
}
