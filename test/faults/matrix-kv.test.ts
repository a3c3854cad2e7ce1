import { beforeAll, describe } from 'vitest';
import { AS_EVER, cells, type Scene, scene, UNAVAILABLE } from './matrix.ts';
import { IS_SLOW, KV_TROUBLES, KV_WRITE_TROUBLES } from './store-errors.ts';

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
  cells('kv', KV_TROUBLES, WITHOUT_KV, () => made);
  cells('kv', [...KV_WRITE_TROUBLES, IS_SLOW], AS_EVER, () => made);
});
