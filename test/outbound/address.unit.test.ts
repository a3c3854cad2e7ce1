import { describe, expect, test } from 'vitest';
import { addressFault } from '../../src/outbound/address.ts';

const ADDRESS = 'must have a host name, not an IP address';
const IN_FULL = 'must have a full host name of letters, digits and hyphens, without a dot at its end';
const PRIVATE = 'must have a public host name';
const NOT_HTTPS = 'must be an https URL';

describe('an address is refused in whichever notation it is written', () => {
  test.each([
    'https://127.0.0.1/jwks',
    'https://127.1/jwks',
    'https://127.0.1/jwks',
    'https://2130706433/jwks',
    'https://0x7f000001/jwks',
    'https://0x7f.0.0.1/jwks',
    'https://0x7f.1/jwks',
    'https://017700000001/jwks',
    'https://0177.0.0.01/jwks',
    'https://0/jwks',
    'https://0.0.0.0/jwks',
    'https://10.0.0.1/jwks',
    'https://172.16.0.1/jwks',
    'https://192.168.1.1/jwks',
    'https://169.254.169.254/latest/meta-data/',
    'https://2852039166/latest/meta-data/',
    'https://0xa9fea9fe/latest/meta-data/',
    'https://100.100.100.200/jwks',
    'https://8.8.8.8/jwks',
    'https://127.0.0.1./jwks',
    'https://%31%32%37.0.0.1/jwks',
    'https://127%2e0%2e0%2e1/jwks',
    'https://127。0。0。1/jwks',
    'https://127.0.0.1/jwks',
    'https://①②⑦.⓪.⓪.①/jwks',
    'https://127\t.0.0.1/jwks',
    'https://[::1]/jwks',
    'https://[::]/jwks',
    'https://[0:0:0:0:0:0:0:1]/jwks',
    'https://[::ffff:127.0.0.1]/jwks',
    'https://[::ffff:7f00:1]/jwks',
    'https://[64:ff9b::169.254.169.254]/jwks',
    'https://[fe80::1]/jwks',
    'https://[fd00:ec2::254]/jwks',
    'https://[2606:4700::1111]/jwks',
  ])('%s', (url) => {
    expect(addressFault(url)).toBe(ADDRESS);
  });
});

describe('a host that is not on the internet is refused', () => {
  test.each([
    ['https://localhost/jwks', IN_FULL],
    ['https://LOCALHOST/jwks', IN_FULL],
    ['https://localhost./jwks', IN_FULL],
    ['https://localhost:8787/jwks', IN_FULL],
    ['https://ⓛocalhost/jwks', IN_FULL],
    ['https://kubernetes/jwks', IN_FULL],
    ['https://issuer.example./jwks', IN_FULL],
    ['https://issuer..example/jwks', IN_FULL],
    ['https://.issuer.example/jwks', IN_FULL],
    ['https://localhost../jwks', IN_FULL],
    ['https://issuer_1.example/jwks', IN_FULL],
    ['https://$(id).example/jwks', IN_FULL],
    ['https://a.localhost/jwks', PRIVATE],
    ['https://localhost.localdomain/jwks', PRIVATE],
    ['https://printer.local/jwks', PRIVATE],
    ['https://kubernetes.default.svc/openid/v1/jwks', PRIVATE],
    ['https://kubernetes.default.svc.cluster.local/openid/v1/jwks', PRIVATE],
    ['https://metadata.google.internal/computeMetadata/v1/', PRIVATE],
    ['https://metadata.goog/computeMetadata/v1/', PRIVATE],
    ['https://host.docker.internal/jwks', PRIVATE],
    ['https://router.home.arpa/jwks', PRIVATE],
    ['https://1.0.0.127.in-addr.arpa/jwks', PRIVATE],
    ['https://nas.lan/jwks', PRIVATE],
    ['https://sso.corp/jwks', PRIVATE],
    ['https://sso.intranet/jwks', PRIVATE],
    ['https://router.home/jwks', PRIVATE],
    ['https://db.private/jwks', PRIVATE],
    ['https://app.test/jwks', PRIVATE],
    ['https://app.invalid/jwks', PRIVATE],
    ['https://app.alt/jwks', PRIVATE],
    ['https://metadata.packet.net/metadata', PRIVATE],
    ['https://metadata.tencentyun.com/latest/meta-data/', PRIVATE],
    ['https://expyuzz4wqqyqhjn.onion/jwks', PRIVATE],
    ['https://issuer。ⓛocal/jwks', PRIVATE],
  ])('%s', (url, fault) => {
    expect(addressFault(url)).toBe(fault);
  });
});

describe('what is no https URL is refused', () => {
  test.each([
    '',
    'issuer.example/jwks',
    '//issuer.example/jwks',
    'http://issuer.example/jwks',
    'HTTP://issuer.example/jwks',
    'https://',
    'https://issuer.example:99999/jwks',
    'https://[::1/jwks',
    'https://1.2.3.4.5/jwks',
    'https://issuer.0x1g.1/jwks',
    'data:application/json,{"keys":[]}',
    'blob:https://issuer.example/6a7e1b0e',
    'file:///etc/passwd',
    'ftp://issuer.example/jwks',
    'gopher://issuer.example/jwks',
    'javascript:alert(1)',
    'ws://issuer.example/jwks',
    'cloudflare:workers',
  ])('%s', (url) => {
    expect(addressFault(url)).toBe(NOT_HTTPS);
  });
});

test.each([
  ['https://user@issuer.example/jwks', 'must have no user information'],
  ['https://:password@issuer.example/jwks', 'must have no user information'],
  ['https://issuer.example:443@evil.example/jwks', 'must have no user information'],
  ['https://issuer.example/jwks#keys', 'must have no fragment'],
  ['https://issuer.example/jwks#', 'must have no fragment'],
  ['https://issuer.example:22/jwks', 'must use port 443, or a port from 1024 on'],
  ['https://issuer.example:0/jwks', 'must use port 443, or a port from 1024 on'],
  ['https://issuer.example:1023/jwks', 'must use port 443, or a port from 1024 on'],
])('%s: refused, since it %s', (url, fault) => {
  expect(addressFault(url)).toBe(fault);
});

test('a URL has 2048 characters at most', () => {
  const longest = `https://issuer.example/${'a'.repeat(2025)}`;
  expect(longest.length).toBe(2048);
  expect(addressFault(longest)).toBeUndefined();
  expect(addressFault(`${longest}a`)).toBe('must have at most 2048 characters');
});

describe('a URL that is fetched otherwise than it reads is refused', () => {
  test.each([
    ['HTTPS://issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https:issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https:///issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https:\\\\issuer.example\\jwks', 'https://issuer.example/jwks'],
    [' https://issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https://issuer.example/jwks\n', 'https://issuer.example/jwks'],
    ['https://iss\tuer.example/jwks', 'https://issuer.example/jwks'],
    ['https://Issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https://issuer.%65xample/jwks', 'https://issuer.example/jwks'],
    ['https://issuer。example/jwks', 'https://issuer.example/jwks'],
    ['https://ｉssuer.example/jwks', 'https://issuer.example/jwks'],
    ['https://iss\u00aduer.example/jwks', 'https://issuer.example/jwks'],
    ['https://bücher.example/jwks', 'https://xn--bcher-kva.example/jwks'],
    ['https://@issuer.example/jwks', 'https://issuer.example/jwks'],
    ['https://issuer.example:443/jwks', 'https://issuer.example/jwks'],
    ['https://issuer.example:08443/jwks', 'https://issuer.example:8443/jwks'],
    ['https://issuer.example/a/../jwks', 'https://issuer.example/jwks'],
    ['https://issuer.example/a/%2e%2e/jwks', 'https://issuer.example/jwks'],
    ['https://issuer.example/jw ks', 'https://issuer.example/jw%20ks'],
    ['https://issuer.example?a', 'https://issuer.example/?a'],
  ])('%j', (url, read) => {
    expect(addressFault(url)).toBe(`must be written as ${read}`);
  });
});

describe('a public https URL may be fetched', () => {
  test.each([
    'https://issuer.example',
    'https://issuer.example/',
    'https://issuer.example/jwks?tenant=a%20b',
    'https://issuer.example:8443/jwks',
    'https://issuer.example:1024/jwks',
    'https://token.actions.githubusercontent.com',
    'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE',
    'https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c',
    'https://xn--bcher-kva.example/jwks',
    'https://3com.example/jwks',
    'https://localhost.example/jwks',
    'https://notlocalhost.example/jwks',
    'https://notmetadata.goog/jwks',
    'https://home.example/jwks',
  ])('%s', (url) => {
    expect(addressFault(url)).toBeUndefined();
  });
});
