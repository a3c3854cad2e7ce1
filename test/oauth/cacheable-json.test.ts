import { expect, test } from 'vitest';
import { cacheableJson } from '../../src/oauth/response/cacheable-json.ts';

test('the ETag of a document is the same in every version of the service', async () => {
  const response = await cacheableJson(new Request('https://auth.example.com/'), '{}', 60);
  // The first 16 bytes of SHA-256 44136fa355b3678a1146ad16f7e8649e…, in base64url.
  expect(response.headers.get('ETag')).toBe('"RBNvo1WzZ4oRRq0W9-hkng"');
});
