import { expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { echoOf } from '../../src/lib/echo.ts';

const HIDDEN = '(hidden: it looks like a credential)';

test.each([
  'orders:read',
  'https://graph.microsoft.com/.default',
  'https://www.googleapis.com/auth/cloud-platform.read-only',
  'api://7f9c24e5-8a1b-4c3d-9e2f-1a2b3c4d5e6f/access_as_user',
  'urn:example:warehouse:stock-movements:readwrite',
  'CustomerRelationshipManagement.ReadWrite.All',
  'https://api-v2.internal.example.com:8443/orders/2026',
  'https://api.example.com:8443/@orders?view=token',
])('%s is shown', (text) => {
  expect(echoOf(text, 200)).toBe(text);
});

test.each([
  generateSecret('ems_'),
  generateSecret('emk_'),
  `https://api.example.com/${generateSecret('emr_')}`,
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln',
  'Xk29vLq0PzR7tYw3NbM5',
  '3f9a0c1b7e5d48269af03c1b7e5d4826',
  'k7d2m9q4w1x8z5v3b6n0p2r4',
  'https://service:hunter2@api.example.com/orders',
  'https://api.example.com/?access_token=hunter2',
  'client_secret=hunter2',
  'ghp_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ',
  'AKIAIOSFODNN7EXAMPLE',
])('%s is hidden', (text) => {
  expect(echoOf(text, 200)).toBe(HIDDEN);
});

test('unusual characters are replaced, and a long text is cut', () => {
  expect(echoOf(`<b>\`$\{c}'`, 200)).toBe('?b????c??');
  expect(echoOf('a"b\\c\nd\u202eé', 200)).toBe('a?b?c?d??');
  expect(echoOf('ab '.repeat(100), 20)).toBe('ab ab ab ab ab ab...');
});
