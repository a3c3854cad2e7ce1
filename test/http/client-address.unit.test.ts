import { expect, test } from 'vitest';
import { clientAddress } from '../../src/http/client-address.ts';

function addressOf(text: string): string {
  return clientAddress(new Request('https://auth.example.com', { headers: { 'CF-Connecting-IP': text } }));
}

test('an IPv4 address counts as it is', () => {
  expect(addressOf('192.0.2.1')).not.toBe(addressOf('192.0.2.2'));
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['2001:db8:1:2::1', '2001:DB8:0001:0002::1'],
  ['2001:db8::1', '2001:db8:0:0:1::'],
  ['::1', '0:0:0:0:0:0:0:2'],
])('%s and %s are one network', (one, other) => {
  expect(addressOf(one)).toBe(addressOf(other));
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['2001:db8::1', '2001:db8:0:1::1'],
  ['::1', '1::'],
])('%s and %s are two networks', (one, other) => {
  expect(addressOf(one)).not.toBe(addressOf(other));
});
