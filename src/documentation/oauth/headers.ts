// Descriptions of response headers.

export const RETRY_AFTER = {
  description: 'Seconds to wait before the next request.',
  schema: { type: 'integer' as const, minimum: 0, example: 2 },
};

export const RATE_LIMIT = {
  'RateLimit-Policy': {
    description:
      'The rate limit of the client: `q` requests at once, which are available again after `w` seconds without requests. Then each quota of tokens that is enforced, if any: `q` tokens in a period of `w` seconds.',
    schema: { type: 'string' as const, example: '"client";q=100;w=10' },
  },
  RateLimit: {
    description:
      'The rest of the limit: `r` requests now, and one more in `t` seconds. The same for each enforced quota of tokens, which ends in `t` seconds.',
    schema: { type: 'string' as const, example: '"client";r=99;t=1' },
  },
};

export const DPOP_NONCE = {
  'DPoP-Nonce': {
    description: 'The nonce for the next DPoP proof, if the client must use one (RFC 9449 section 8).',
    schema: { type: 'string' as const },
  },
};

export const CACHEABLE = {
  ETag: { description: 'For `If-None-Match`.', schema: { type: 'string' as const } },
  'Cache-Control': {
    description: 'How long the document may be cached.',
    schema: { type: 'string' as const, example: 'public, max-age=600' },
  },
};
