import { describe, expect, test } from 'vitest';
import { alternativeNames } from '../../../src/oauth/client-authentication/subject-alternative-names.ts';
import { certificates } from '../../certificates.ts';
import { seeded } from '../../random.ts';

// Cloudflare passes on certificates that it could not verify, so this code parses anything that a client sends.

const SORTS = ['san_dns', 'san_uri', 'san_ip', 'san_email'] as const;
/** The size of the largest certificate that Cloudflare passes on, in bytes of DER. */
const LARGEST = 10 * 1024;

const NAMED = Uint8Array.fromBase64(certificates.named.der);

function namesIn(certificate: Uint8Array): string[] {
  return SORTS.flatMap((sort) => alternativeNames(certificate.toBase64(), sort));
}

/** Returns the certificate's names of one type. Each call with the next `time` takes the next type. */
function someNamesIn(certificate: Uint8Array, time: number): string[] {
  return alternativeNames(certificate.toBase64(), SORTS[time % SORTS.length] ?? 'san_dns');
}

type Bytes = Uint8Array | readonly number[];

/** A tag and its content in DER. */
function der(tag: number, ...parts: Bytes[]): Uint8Array {
  const content = parts.flatMap((part) => [...part]);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Uint8Array.from([tag, ...head, ...content]);
}

const [SEQUENCE, BIT_STRING, OCTET_STRING, OID, DNS, IP] = [0x30, 0x03, 0x04, 0x06, 0x82, 0x87] as const;
const ascii = (text: string) => new TextEncoder().encode(text);

/** A certificate with these extensions and hardly anything else (RFC 5280 section 4.1). */
function certificateWith(...extensions: Uint8Array[]): Uint8Array {
  const algorithm = der(SEQUENCE, der(OID, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const signature = der(BIT_STRING, [0, 1]);
  const time = der(0x17, ascii('200101000000Z'));
  const version = der(0xa0, der(0x02, [2]));
  const key = der(SEQUENCE, algorithm, signature);
  const [serial, nobody, validity] = [der(0x02, [1]), der(SEQUENCE), der(SEQUENCE, time, time)];
  const content = [version, serial, algorithm, nobody, validity, nobody, key, der(0xa3, der(SEQUENCE, ...extensions))];
  return der(SEQUENCE, der(SEQUENCE, ...content), algorithm, signature);
}

/** The extension for alternative names, with any content. */
function extension(value: Bytes): Uint8Array {
  return der(SEQUENCE, der(OID, [0x55, 0x1d, 0x11]), der(OCTET_STRING, value));
}

function naming(...names: string[]): Uint8Array {
  return der(SEQUENCE, ...names.map((name) => der(DNS, ascii(name))));
}

test('the names of each sort are read, and of no other', () => {
  expect(SORTS.map((sort) => alternativeNames(certificates.named.der, sort))).toEqual([
    ['worker.example.com', 'second.example.com'],
    ['spiffe://example.com/worker'],
    ['192.0.2.7', '2001:db8::7'],
    ['worker@example.com'],
  ]);
  // A name that contains a NUL is ignored.
  expect(alternativeNames(certificates.cut.der, 'san_dns')).toEqual([]);
  expect(namesIn(Uint8Array.fromBase64(certificates.nameless.der))).toEqual([]);
  expect(namesIn(certificateWith(extension(naming('a.example'))))).toEqual(['a.example']);
});

test('RFC 5280 4.2: of a certificate that has the extension twice none is', () => {
  const one = extension(naming('a.example'));
  for (const other of [one, extension(naming('b.example')), extension(naming()), extension(new Uint8Array())]) {
    expect(namesIn(certificateWith(one, other))).toEqual([]);
    expect(namesIn(certificateWith(other, one))).toEqual([]);
  }
});

describe('of what is malformed there is none, and nothing is thrown', () => {
  test('no base64, nothing, and other things than certificates', () => {
    for (const text of ['', 'A', '!', 'AA==', 'MA==', 'MAA=', 'MIAAAA==', btoa('x'.repeat(LARGEST))]) {
      for (const sort of SORTS) expect(alternativeNames(text, sort), text).toEqual([]);
    }
  });

  test('cut off after any byte', () => {
    for (let end = 0; end < NAMED.length; end++) expect(namesIn(NAMED.subarray(0, end)), `${end}`).toEqual([]);
  });

  test('with a length that is huge, or that has no end, at any byte', () => {
    for (const length of [
      [0x84, 0x7f, 0xff, 0xff, 0xff],
      [0x84, 0xff, 0xff, 0xff, 0xff],
      [0x88, ...Array(8).fill(0xff)],
      [0x80],
      [0xff],
    ]) {
      for (let at = 1; at < NAMED.length; at++) {
        const changed = Uint8Array.from([...NAMED.subarray(0, at), ...length, ...NAMED.subarray(at + 1)]);
        for (const name of someNamesIn(changed, at)) expect(typeof name).toBe('string');
      }
    }
    expect(namesIn(Uint8Array.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, ...NAMED.subarray(4)]))).toEqual([]);
  });

  test('with other bytes anywhere', () => {
    const { below, bytes } = seeded(5280);
    for (let time = 0; time < 3000; time++) {
      const changed = NAMED.slice();
      changed.set(bytes(1 + below(4)), below(NAMED.length - 4));
      for (const name of someNamesIn(changed, time)) expect(typeof name).toBe('string');
    }
  });

  test('an extension that holds no names', () => {
    const values = [
      [],
      [0x30],
      [0x30, 0x80],
      [0x31, 0x00],
      [0x04, 0x00],
      [0x30, 0x02, 0x82, 0x05],
      [0x30, 0x02, 0x05, 0x00],
    ];
    for (const value of values) {
      expect(namesIn(certificateWith(extension(value))), `${value}`).toEqual([]);
    }
    expect(namesIn(certificateWith(extension(naming('a.example').slice(0, -1))))).toEqual([]);
  });

  test('nested as deep as 10 KiB allow, as the certificate, in its extension and in a name', () => {
    let nested = new Uint8Array();
    while (nested.length < LARGEST - 1024) nested = Uint8Array.from(der(SEQUENCE, nested));
    const endless = Uint8Array.from({ length: LARGEST }, (_, index) => (index % 2 ? 0x80 : 0x30));
    const constructed = Uint8Array.from({ length: LARGEST - 1024 }, (_, index) => (index % 2 ? 0x80 : 0x24));
    for (const whole of [nested, endless, constructed]) expect(namesIn(whole)).toEqual([]);
    for (const value of [nested, endless.subarray(0, LARGEST - 1024), constructed, der(SEQUENCE, der(0xa4, nested))]) {
      expect(namesIn(certificateWith(extension(value)))).toEqual([]);
    }
  });
});

test('as many names as fit are read', () => {
  const many = Array.from({ length: 2000 }, (_, index) => index.toString(36));
  const certificate = certificateWith(extension(naming(...many)));
  expect(certificate.length).toBeLessThanOrEqual(LARGEST);
  expect(alternativeNames(certificate.toBase64(), 'san_dns')).toEqual(many);
});

test('RFC 8705 2.1.2, RFC 5952: an IPv6 address is written in its shortest form', () => {
  const written = (bytes: number[]) => {
    const certificate = certificateWith(extension(der(SEQUENCE, der(IP, bytes))));
    return alternativeNames(certificate.toBase64(), 'san_ip');
  };
  const groups = (text: string) =>
    text.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
  for (const [full, short] of [
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['2001:DB8:0:0:0:0:0:0', '2001:db8::'],
  ] as const) {
    expect(written(groups(full))).toEqual([short]);
  }
  // Bytes of any other length are not an address, and are not written like one.
  for (const length of [0, 1, 3, 5, 8, 15, 17, 32]) {
    for (const name of written(Array<number>(length).fill(1))) {
      expect(name).not.toMatch(/^(\d+(\.\d+){3}|[\da-f]*:[\da-f:]*)$/);
    }
  }
});
