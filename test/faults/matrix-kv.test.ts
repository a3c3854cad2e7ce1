import { beforeAll, describe } from 'vitest';
import { sized } from '../size.ts';
import { AS_EVER, both, byTurns, cells, type Scene, scene, UNAVAILABLE } from './matrix.ts';
import { IS_SLOW, KV_TROUBLES, KV_WRITE_TROUBLES } from './store-errors.ts';

const isolatesOf = sized({ small: byTurns, soak: both });

let made: Scene;
beforeAll(async () => {
  made = await scene('matrix-kv');
}, 60_000);

const WITHOUT_KV = {
  ...AS_EVER,
  'introspection, edge': {
    live: UNAVAILABLE,
    revoked: UNAVAILABLE,
    'cut off': UNAVAILABLE,
    disabled: UNAVAILABLE,
  },
};

describe('KV', () => {
  cells('kv', KV_TROUBLES, WITHOUT_KV, isolatesOf, () => made);
  cells('kv', [...KV_WRITE_TROUBLES, IS_SLOW], AS_EVER, isolatesOf, () => made);
});
