import { expect, test } from 'vitest';
import { withRefusal } from '../../src/client-gate/refusal-memory.ts';
import type { NotedRefusal } from '../../src/gates/protocol.ts';

let moment = 0;

function refusal(fields: Partial<NotedRefusal> = {}): NotedRefusal {
  moment++;
  return {
    first_at: moment,
    last_at: moment,
    count: 1,
    request_id: `request ${moment}`,
    reason: 'wrong_secret',
    endpoint: 'token',
    status: 401,
    error: 'invalid_client',
    address: '192.0.2.1',
    is_proven: false,
    ...fields,
  };
}

const noted = (refusals: readonly NotedRefusal[]) => refusals.reduce(withRefusal, [] as readonly NotedRefusal[]);
const many = (count: number, fields: (index: number) => Partial<NotedRefusal>) =>
  Array.from({ length: count }, (_, index) => refusal(fields(index)));

test('refusals that differ only in their time are one, with the first and the last time and a count', () => {
  const [first, second, other] = [refusal(), refusal({ count: 3 }), refusal({ address: '192.0.2.2' })];
  expect(noted([first, second, other])).toEqual([{ ...second, first_at: first.first_at, count: 4 }, other]);
});

test('a report that arrives late does not replace the last request id', () => {
  const [early, late] = [refusal(), refusal()];
  expect(noted([late, early])).toEqual([{ ...late, first_at: early.first_at, count: 2 }]);
});

test('at most 50 are kept', () => {
  expect(noted(many(80, (index) => ({ address: `a${index}` })))).toHaveLength(50);
});

test('strangers displace no refusal of a request that proves to be the client’s', () => {
  const own = many(25, (index) => ({ is_proven: true, reason: 'invalid_scope', scopes: [`s${index}`] }));
  const kept = noted([...own, ...many(500, (index) => ({ address: `a${index}` }))]);
  expect(kept.filter(({ is_proven }) => is_proven)).toEqual(own);
});

test('the client’s own refusals leave the others half of the list', () => {
  const others = many(25, (index) => ({ address: `a${index}` }));
  const own = many(200, (index) => ({ is_proven: true, scopes: [`s${index}`] }));
  expect(noted([...others, ...own]).filter(({ is_proven }) => !is_proven)).toEqual(others);
});

test('a flood for one reason does not displace another reason', () => {
  const audience = refusal({ reason: 'wrong_audience' });
  const kept = noted([audience, ...many(500, (index) => ({ address: `a${index}` }))]);
  expect(kept).toContain(audience);
  expect(kept.at(-1)?.address).toBe('a499');
});
