// Response headers, as the document has them.

export const RETRY_AFTER = {
  description: 'How many seconds to wait before the next request.',
  schema: { type: 'integer' as const, minimum: 0, example: 2 },
};

export const RATE_LIMIT = {
  'RateLimit-Policy': {
    description: 'The client’s rate limit: `q` requests at once, which are there again after `w` seconds without any.',
    schema: { type: 'string' as const, example: '"client";q=100;w=10' },
  },
  RateLimit: {
    description: 'What is left of it: `r` requests now, and one more in `t` seconds.',
    schema: { type: 'string' as const, example: '"client";r=99;t=1' },
  },
};

export const DPOP_NONCE = {
  'DPoP-Nonce': {
    description: 'The nonce that the next DPoP proof must have (RFC 9449 section 8), where it must have one.',
    schema: { type: 'string' as const },
  },
};

export const CACHEABLE = {
  ETag: { description: 'For `If-None-Match`.', schema: { type: 'string' as const } },
  'Cache-Control': {
    description: 'For how long the document may be kept.',
    schema: { type: 'string' as const, example: 'public, max-age=600' },
  },
};
