import { beforeAll, describe, expect, test, vi } from 'vitest';
import { rowsOf } from '../management/rows.ts';
import { sized } from '../size.ts';
import { AS_EVER, both, byTurns, cells, type Revoked, type Scene, scene, UNAVAILABLE } from './matrix.ts';
import { D1_TROUBLES, IS_SLOW } from './store-errors.ts';

const isolatesOf = sized({ small: byTurns, soak: both });

let made: Scene;
beforeAll(async () => {
  made = await scene('matrix-d1');
}, 60_000);

const revokedMeanwhile: Revoked[] = [];

const WITHOUT_D1 = {
  ...AS_EVER,
  'a token, for a client that was never seen': UNAVAILABLE,
  'management: a read': UNAVAILABLE,
  'management: a write': UNAVAILABLE,
};

describe('D1', () => {
  cells(
    'd1',
    D1_TROUBLES,
    WITHOUT_D1,
    isolatesOf,
    () => made,
    (revoked) => revokedMeanwhile.push(revoked),
  );
  cells('d1', [IS_SLOW], AS_EVER, isolatesOf, () => made);
});

test('each of the root key’s revocations while D1 was in trouble is in the audit log, once', async () => {
  const events = () =>
    rowsOf<{ action: string; target: string; jti: string | null; organization: string; count: number }>(
      `SELECT action, target, changes ->> 'jti' AS jti, organization_id AS organization, COUNT(*) AS count FROM audit_events
        WHERE action IN ('token.revoked', 'client.tokens_revoked') GROUP BY 1, 2, 3, 4`,
    );
  expect(revokedMeanwhile.length).toBe(D1_TROUBLES.flatMap((_, index) => isolatesOf(index)).length);
  const common = { organization: made.organization, count: 1 };
  const expected = revokedMeanwhile.flatMap(({ jti, clientId }) => [
    { action: 'token.revoked', target: made.seen.client_id, jti, ...common },
    { action: 'client.tokens_revoked', target: clientId, jti: null, ...common },
  ]);
  await vi.waitFor(async () => expect(await events()).toEqual(expect.arrayContaining(expected)), {
    timeout: 60_000,
    interval: 500,
  });
});
