import { beforeAll, describe, expect, test } from 'vitest';
import type { TlsSubject } from '../../../src/gates/protocol.ts';
import { type Certificate, certificates, tlsOf } from '../../certificates.ts';
import { api } from '../../http.ts';
import { askOver, expectRefused, expectTaken, registry } from './mutual-tls.ts';

// RFC 8705 section 2.1: `tls_client_auth`, by the registered subject.

const { named, crossed, nameless, wild, cut, masked, own } = certificates;

let register: Awaited<ReturnType<typeof registry>>;

beforeAll(async () => {
  register = await registry('tls-subject');
});

function clientOf(type: TlsSubject['type'], value: string): Promise<string> {
  return register({ token_endpoint_auth_method: 'tls_client_auth', [`tls_client_auth_${type}`]: value });
}

describe.each<[TlsSubject['type'], string, string[], Certificate[]]>([
  [
    'subject_dn',
    named.subject,
    [
      named.subject.toLowerCase(),
      named.subject.replaceAll(',', ', '),
      `${named.subject},`,
      named.subject.slice(0, -1),
      named.subject.slice(1),
      named.subject
        .split(/(?<!\\),/)
        .reverse()
        .join(),
      named.subject.replace('\\', ''),
      'CN=worker.example.com',
      'worker.example.com',
      'CN=*,OU=Machines,O=Example\\, Inc.,C=DE',
      '*',
      '/C=DE/O=Example, Inc./OU=Machines/CN=worker.example.com',
    ],
    [own],
  ],
  [
    'san_dns',
    'worker.example.com',
    [
      'Worker.example.com',
      'worker.example.com.',
      'worker.example',
      'orker.example.com',
      '*.example.com',
      '.example.com',
      'example.com',
      'third.example.com',
      'worker.example.com\0',
      'worker.example.com,second.example.com',
      'DNS:worker.example.com',
    ],
    [crossed, nameless, wild, cut, masked, own],
  ],
  [
    'san_uri',
    'spiffe://example.com/worker',
    [
      'SPIFFE://example.com/worker',
      'spiffe://example.com/Worker',
      'spiffe://example.com/worker/',
      'spiffe://example.com/',
      'spiffe://example.com/worke',
      'spiffe://example.com/*',
      'spiffe://example.com/workers',
    ],
    [crossed, nameless, wild, own],
  ],
  [
    'san_ip',
    '192.0.2.7',
    ['192.0.2.8', '192.0.2.0', '::ffff:c000:207', '::c000:207'],
    [crossed, nameless, masked, own],
  ],
  ['san_ip', '2001:db8::7', ['2001:db8::8', '2001:db8::', '2001:db8::1:7', '::'], [crossed, nameless, own]],
  [
    'san_email',
    'worker@example.com',
    ['Worker@example.com', 'worker@EXAMPLE.com', 'example.com', '@example.com', '*@example.com', 'worker@example.co'],
    [crossed, nameless, wild, own],
  ],
])('%s %s', (type, value, near, others) => {
  test('a certificate with it is taken', async () => {
    await expectTaken(tlsOf(named), await clientOf(type, value));
  });

  test('near by is not it', async () => {
    for (const text of near) {
      await expectRefused(tlsOf(named), await clientOf(type, text), 'no_such_certificate', text);
    }
  });

  test('a certificate without it is refused, though its authority is trusted and other subjects read alike', async () => {
    const clientId = await clientOf(type, value);
    for (const other of others) {
      await expectRefused(tlsOf(other), clientId, 'no_such_certificate', other.subject);
    }
  });

  test('a certificate with it, whose authority is not trusted, is refused, whatever the reason', async () => {
    const clientId = await clientOf(type, value);
    for (const certVerified of NOT_VERIFIED) {
      await expectRefused(tlsOf(named, { certVerified }), clientId, 'certificate_not_verified', String(certVerified));
    }
  });
});

test.each([
  '192.0.2.07',
  '192.0.2.7/32',
  '192.0.2.',
  '::ffff:192.0.2.7',
  '2001:DB8::7',
  '2001:db8:0::7',
  '2001:db8::7/128',
  '3221225991',
  'c0000207',
  'worker.example.com',
])('the address %s, which no certificate would be read to have, is not registered', async (text) => {
  await expect(clientOf('san_ip', text)).rejects.toThrow('/tls_client_auth_san_ip');
});

// The failures that the platform's types and documentation name, and texts that are not a verdict at all.
const NOT_VERIFIED = [
  'NONE',
  'FAILED',
  'FAILED:self signed certificate',
  'FAILED:unable to verify the first certificate',
  'FAILED:unable to get local issuer certificate',
  'FAILED:certificate is not yet valid',
  'FAILED:certificate has expired',
  'FAILED:SUCCESS',
  'success',
  'SUCCESS ',
  '',
  true,
  1,
  undefined,
  null,
];

test('of several names of a sort each is one, wherever it stands', async () => {
  await expectTaken(tlsOf(named), await clientOf('san_dns', 'second.example.com'));
});

test('a name is one of its own sort alone', async () => {
  for (const [type, value] of [
    ['san_dns', '192.0.2.7'],
    ['san_dns', '2001:db8::7'],
    ['san_dns', 'worker@example.com'],
    ['san_dns', 'spiffe://example.com/worker'],
    ['san_uri', 'worker.example.com'],
    ['san_email', 'worker.example.com'],
  ] as const) {
    const clientId = await clientOf(type, value);
    await expectRefused(tlsOf(named), clientId, 'no_such_certificate', value);
    await expectTaken(tlsOf(crossed), clientId, value);
  }
});

test('RFC 6125 6.4.4: a common name stands in for no alternative name', async () => {
  const clientId = await clientOf('san_dns', 'worker.example.com');
  await expectRefused(tlsOf(nameless), clientId, 'no_such_certificate');
  const subject = { certSubjectDNRFC2253: 'worker.example.com', certSubjectDN: 'worker.example.com' };
  await expectRefused(tlsOf(nameless, subject), clientId, 'no_such_certificate');
});

test('an alternative name stands in for no subject', async () => {
  await expectRefused(tlsOf(named), await clientOf('subject_dn', 'worker.example.com'), 'no_such_certificate');
});

test('what is written with a wildcard in a certificate stands for itself alone', async () => {
  for (const [type, value] of [
    ['san_dns', '*.example.com'],
    ['san_uri', 'spiffe://example.com/*'],
    ['san_email', '*@example.com'],
  ] as const) {
    await expectTaken(tlsOf(wild), await clientOf(type, value), value);
  }
});

test('a name is read to its end: what stands before a NUL is not it', async () => {
  await expectRefused(tlsOf(cut), await clientOf('san_dns', 'worker.example.com'), 'no_such_certificate');
});

test('the subject is the one that Cloudflare writes by RFC 2253, and no other spelling of it', async () => {
  const clientId = await clientOf('subject_dn', named.subject);
  const elsewhere = {
    certSubjectDN: named.subject,
    certSubjectDNLegacy: named.subject,
    certIssuerDNRFC2253: named.subject,
  };
  for (const certSubjectDNRFC2253 of ['', undefined, null, [named.subject]]) {
    await expectRefused(tlsOf(named, { ...elsewhere, certSubjectDNRFC2253 }), clientId, 'no_such_certificate');
  }
});

test('a certificate that Cloudflare does not hand out has no alternative name, and a subject', async () => {
  const clientId = await clientOf('san_dns', 'worker.example.com');
  const bySubject = await clientOf('subject_dn', named.subject);
  const { der } = named;
  for (const certRFC9440 of [
    '',
    undefined,
    der,
    `:${der}`,
    `${der}:`,
    `:${der}:, :${der}:`,
    `:${der}:;a=1`,
    '::',
    ': :',
    ':!:',
  ]) {
    const tls = tlsOf(named, { certRFC9440, certRFC9440TooLarge: true });
    await expectRefused(tls, clientId, 'no_such_certificate', certRFC9440);
    await expectTaken(tls, bySubject, certRFC9440);
  }
});

test('a client that was told another subject is authenticated by that from then on', async () => {
  const clientId = await clientOf('san_dns', 'worker.example.com');
  await expectTaken(tlsOf(named), clientId);
  const body = { tls_client_auth_san_dns: 'second.example.com' };
  expect((await api('PATCH', `clients/${clientId}`, { body })).status).toBe(200);
  await expectTaken(tlsOf(named), clientId);
  await expectRefused(tlsOf(cut), clientId, 'no_such_certificate');
  const next = { tls_client_auth_san_dns: 'third.example.com' };
  expect((await api('PATCH', `clients/${clientId}`, { body: next })).status).toBe(200);
  expect((await askOver(tlsOf(named), clientId)).status).toBe(401);
});
