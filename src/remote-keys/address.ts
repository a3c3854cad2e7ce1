import { REMOTE_PORT_MIN, REMOTE_URL_LENGTH_MAX } from './constants.ts';

// Names that are nobody's on the internet, or that a network gives a meaning of its own (RFC 2606, 6761, 6762, 7686, 8375, 9476, and what
// ICANN keeps back), and those under which clouds hand out metadata. `example` is left: it stands in documentation, and leads nowhere.
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
// The parser has turned whatever it takes for an IPv4 address, in whichever notation, into four decimal numbers.
const IPV4 = /^[\d.]+$/;

/**
 * Why a URL must not be fetched, as the end of a sentence ("must ..."), or undefined where it may.
 *
 * This judges the name alone. Which address it leads to the platform does not show: `fetch` resolves it by itself. Deployed, it reaches no
 * private network; where the runtime runs elsewhere, keeping it from one is for the network to do.
 */
export function addressFault(url: string): string | undefined {
  if (url.length > REMOTE_URL_LENGTH_MAX) return `must have at most ${REMOTE_URL_LENGTH_MAX} characters`;
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:') return 'must be an https URL';
  if (parsed.username !== '' || parsed.password !== '') return 'must have no user information';
  if (url.includes('#')) return 'must have no fragment';
  if (parsed.port !== '' && Number(parsed.port) < REMOTE_PORT_MIN)
    return `must have the port 443, or one from ${REMOTE_PORT_MIN} on`;
  return hostFault(parsed.hostname) ?? spellingFault(url, parsed);
}

function hostFault(host: string): string | undefined {
  if (host.startsWith('[') || IPV4.test(host)) return 'must name a host, not an address';
  if (!NAME.test(host)) return 'must name a host in full, in letters, digits and hyphens, with no dot at its end';
  const isPrivate = PRIVATE_NAMES.some((name) => host === name || host.endsWith(`.${name}`));
  return isPrivate ? 'must name a host on the internet' : undefined;
}

// What reads in one way and is fetched in another deceives whoever approved it.
function spellingFault(url: string, { href }: URL): string | undefined {
  return href === url || href === `${url}/` ? undefined : `must be written as ${href}`;
}
