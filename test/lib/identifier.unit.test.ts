import { describe, expect, test } from 'vitest';
import { comparableForm, isIdentifier, isResourceUri } from '../../src/lib/identifier.ts';

/** Spellings that some verifier takes for one another. */
const SPELLINGS = [
  'https://orders.acme.example',
  'https://orders.acme.example/',
  'https://orders.acme.example//',
  'https://orders.acme.example:443',
  'https://orders.acme.example:443/',
  'HTTPS://orders.acme.example',
  'https://Orders.ACME.example',
  'https://orders.acme.example.',
  'https://orders.acme.example?',
  'https://orders.acme.example/?',
  'https://orders.acme.example/?/',
  'https://orders.acme.example/.',
  'https://orders.acme.example/%2e',
  'https://orders.acme.example/%2E/',
  'https://orders.acme.example/a/..',
  'https://orders.acme.example/a/%2e%2e/',
  'https://orders.acme.ex%61mple',
  'https:orders.acme.example',
];

describe('identifiers that mean the same have one form', () => {
  test.each(SPELLINGS)('%s', (spelling) => {
    expect(isIdentifier(spelling)).toBe(true);
    expect(comparableForm(spelling)).toBe('https://orders.acme.example');
  });

  test.each([
    ['https://a.example/o%72ders/', 'https://a.example/orders'],
    ['https://a.example/%c3%a9?q=%2f', 'https://a.example/%C3%A9?q=%2F'],
    ['https://a.example/orders/?a=b/', 'https://a.example/orders?a=b'],
    ['http://A.example:80/', 'http://a.example'],
    ['http://[0:0::1]/', 'http://[::1]'],
    ['http://0x7f.1', 'http://127.0.0.1'],
    ['API://Guid/', 'api://guid'],
    ['api://%47uid/x/../', 'api://guid'],
    ['spiffe://Example.org/a', 'spiffe://example.org/a'],
    ['URN:Example:Orders', 'urn:example:Orders'],
    ['Orders-Service', 'orders-service'],
    ['0E9F7A44-5B3C-4D7E-8F11-2A6B3C4D5E6F/', '0e9f7a44-5b3c-4d7e-8f11-2a6b3c4d5e6f'],
    ['//iam.googleapis.com/Pool', '//iam.googleapis.com/pool'],
  ])('%s: %s', (spelling, form) => {
    expect(isIdentifier(spelling)).toBe(true);
    expect(comparableForm(spelling)).toBe(form);
    expect(comparableForm(form)).toBe(form);
  });
});

test('identifiers that mean something else have other forms', () => {
  const others = [
    'https://orders.acme.example',
    'http://orders.acme.example',
    'https://orders.acme.example:8443',
    'https://orders.acme.example/orders',
    'https://orders.acme.example/Orders',
    'https://orders.acme.example/orders?a',
    'https://orders.acme.example/a%2Fb',
    'https://orders.acme.example/a/b',
    'https://orders.acme.example/%252e',
    'orders.acme.example',
    'https%3A//orders.acme.example',
    'api://orders.acme.example',
    'urn:orders.acme.example',
  ];
  expect(new Set(others.map(comparableForm)).size).toBe(others.length);
});

test.each([
  ['user information', 'https://user@orders.acme.example'],
  ['a password', 'https://user:secret@orders.acme.example'],
  ['empty user information', 'https://@orders.acme.example'],
  ['user information without slashes', 'https:user@orders.acme.example'],
  ['user information after three slashes', 'https:///user:secret@orders.acme.example'],
  ['a fragment', 'https://orders.acme.example#a'],
  ['an empty fragment', 'https://orders.acme.example#'],
  ['a control character', 'https://orders.acme.example/\u0000'],
  ['a line break, which a URL parser drops', 'https://orders.acme\n.example'],
  ['a tab in a name', 'orders\tservice'],
  ['a space at the end', 'https://orders.acme.example '],
  ['a space in a name', 'orders service'],
  ['a backslash', 'https:\\\\orders.acme.example'],
  ['malformed percent-encoding', 'https://orders.acme.example/%zz'],
  ['letters of another script', 'оrders'],
  ['a full-width letter', 'ｏrders'],
  ['a zero-width space', 'orders\u200b'],
  ['a right-to-left override', 'orders\u202e'],
  ['no letter or digit', '//'],
  ['nothing', ''],
  ['the form of an id', 'rs_7n42DGM5Tflk9n8mt7Fhc7'],
])('an identifier with %s is refused', (_, text) => {
  expect(isIdentifier(text)).toBe(false);
});

test('only a URI can be requested by `resource`', () => {
  expect(['https://a.example', 'urn:a:b', 'api://a'].every(isResourceUri)).toBe(true);
  expect(['orders', '//a.example', 'https://a.example#', 'a b:c'].some(isResourceUri)).toBe(false);
});

test('the form of a refused identifier, which an older version accepted, is not that of another one', () => {
  expect(comparableForm('https://user@orders.acme.example')).toBe('https://user@orders.acme.example');
});
