import { beforeAll, describe } from 'vitest';
import { sized } from '../size.ts';
import { AS_EVER, both, byTurns, cells, RIGHT, type Scene, scene, UNAVAILABLE } from './matrix.ts';
import { GATE_TROUBLES, IS_SLOW } from './store-errors.ts';

const isolatesOf = sized({ small: byTurns, soak: both });

let made: Scene;
beforeAll(async () => {
  made = await scene('matrix-gate');
}, 60_000);

// A copy in KV can still prove that a token is revoked, but never that it is not.
const BY_THE_COPY = { ...RIGHT, live: UNAVAILABLE };

const WITHOUT_GATES = {
  ...AS_EVER,
  'a token, for a client that was seen': UNAVAILABLE,
  'a token by an assertion, bound to a key': UNAVAILABLE,
  'introspection, strong': BY_THE_COPY,
  'introspection, strong because the request asks for it': BY_THE_COPY,
  revocation: UNAVAILABLE,
  'management: the root key revokes a token': UNAVAILABLE,
  'management: the root key revokes all tokens of a client': UNAVAILABLE,
  'management: a write': UNAVAILABLE,
};

describe('the gates of some clients', () => {
  cells('gates of these clients', GATE_TROUBLES, WITHOUT_GATES, isolatesOf, () => made);
  cells('gates of these clients', [IS_SLOW], AS_EVER, isolatesOf, () => made);
});
