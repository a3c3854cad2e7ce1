import { describe, expect, test } from 'vitest';
import type { ScopeUses } from '../../src/gates/protocol.ts';
import { compareRemoval, judge, type Observation } from '../../src/management/least-privilege/judge.ts';
import type { HeldRole } from '../../src/store/held-roles.ts';

const HOUR = 3_600_000;
const DAY = 24;
/** The hour of the threshold, and the threshold itself. */
const H = 500_000;
const SINCE = H * HOUR;
const A = 'https://a.example.com';
const B = 'https://b.example.com';

const grant = (resource_server: string, ...scopes: string[]) => ({ resource_server, scopes });
const observed = (servers: ScopeUses['servers'], others = 0, since = 1): Observation => ({
  kind: 'observed',
  uses: { since, grants: 0, others, servers },
});
const server = (
  scopes: ScopeUses['servers'][number]['scopes'],
  more: Partial<ScopeUses['servers'][number]> = {},
): ScopeUses['servers'][number] => ({ resource: A, since: 0, all: 0, issued: 0, scopes, ...more });
const role = (name: string, ...grants: HeldRole['grants']): HeldRole => ({
  id: name,
  name,
  version: 1,
  updatedAt: 0,
  isShared: false,
  grants,
});

/** Returns how `x` at A is judged. */
function judgeX(observation: Observation) {
  const [judged] = judge([grant(A, 'x')], [], observation, SINCE).scopes;
  return [judged?.doubt ?? judged?.status, judged?.unusedSince ?? null] as const;
}

describe('a scope is judged', () => {
  test.each<[string, Observation, string, number | null]>([
    ['never noted', observed([]), 'unused', 1],
    ['requested in the last hour before', observed([server([['x', H - 1, 0, 0, 0]])]), 'unused', SINCE],
    ['requested in the hour', observed([server([['x', H, 0, 0, 0]])]), 'used', null],
    ['introspected in the hour', observed([server([['x', 0, 0, H, 0]])]), 'used', null],
    ['with a token that may live', observed([server([['x', H - DAY, H - DAY, 0, 0]])]), 'used', null],
    ['with a token that has expired', observed([server([['x', H - DAY - 1, H - DAY - 1, 0, 0]])]), 'unused', SINCE],
    ['issued without its name', observed([server([], { all: H - DAY })]), 'issued_unnamed', null],
    ['so issued, and expired', observed([server([], { all: H - DAY - 1 })]), 'unused', SINCE],
    [
      'so issued before it was granted',
      observed([server([['x', 0, 0, 0, SINCE - HOUR]], { all: H - 2 })]),
      'unused',
      SINCE - HOUR,
    ],
    ['granted later', observed([server([['x', 0, 0, 0, SINCE + 1]])]), 'observed_too_briefly', null],
    ['granted in time', observed([server([['x', 0, 0, 0, SINCE]])]), 'unused', SINCE],
    ['at a server granted later', observed([server([], { since: SINCE + 1 })]), 'observed_too_briefly', null],
    ['observed later', observed([], 0, SINCE + 1), 'observed_too_briefly', null],
    ['without a note, and others had no room', observed([server([])], H - DAY), 'too_many_scopes', null],
    ['with a note, and others had no room', observed([server([['x', H - 90, 0, 0, 0]])], H), 'unused', (H - 89) * HOUR],
    ['without a note, and others had no room long ago', observed([], H - DAY - 1), 'unused', 1],
    ['never used', { kind: 'never_used', since: SINCE }, 'unused', SINCE],
    ['never used, and granted later', { kind: 'never_used', since: SINCE + 1 }, 'observed_too_briefly', null],
    ['unknown', { kind: 'unknown', reason: 'gate_older' }, 'gate_older', null],
  ])('%s', (_, observation, verdict, unusedSince) => {
    expect(judgeX(observation)).toEqual([verdict, unusedSince]);
  });

  test.each([
    [H, 'used'],
    [H - DAY - 1, 'unused'],
  ])('a grant without scopes by the last token, in hour %i: %s', (all, status) => {
    const { scopes, needed } = judge([grant(A)], [], observed([server([], { all })]), SINCE);
    expect(scopes).toMatchObject([{ resource: A, scope: null, status }]);
    expect(needed).toEqual(status === 'used' ? [grant(A)] : []);
  });
});

describe('what is needed', () => {
  test('leaves a grant without scopes if a token was issued there', () => {
    const uses = (issued: number) => observed([server([], { issued })]);
    expect(judge([grant(A, 'x')], [], uses(H - 1), SINCE).needed).toEqual([grant(A)]);
    expect(judge([grant(A, 'x')], [], uses(H - DAY - 1), SINCE).needed).toEqual([]);
    expect(judge([grant(A, 'x')], [], observed([], H - DAY), SINCE).needed).toEqual([grant(A, 'x')]);
  });

  test('is everything, if nothing is known', () => {
    const own = [grant(A, 'x'), grant(B)];
    const { needed, observedSince } = judge(
      own,
      [role('r', grant(A, 'y'))],
      { kind: 'unknown', reason: 'gate_behind' },
      SINCE,
    );
    expect([needed, observedSince]).toEqual([own, null]);
  });
});

describe('a removal', () => {
  const own = [grant(A, 'x', 'y'), grant(B, 'x')];
  const observation = observed([server([['y', H, H, 0, 0]])]);
  const judgement = judge(own, [role('r', grant(B, 'x', 'z'))], observation, SINCE);
  const compare = (...left: typeof own) => compareRemoval(own, left, judgement);

  test('of all that is unused holds what no role grants', () => {
    expect(judgement.needed).toEqual([grant(A, 'y')]);
    expect(compare(grant(A, 'y'))).toEqual({
      added: [],
      refused: [],
      held: [{ resource: A, scopes: ['x'], whole: false }],
      isEmpty: false,
    });
  });

  test('may be less, and in parts', () => {
    expect(compare(grant(B, 'x'), grant(A), grant(A, 'y'))).toMatchObject({ refused: [], held: [{ scopes: ['x'] }] });
    expect(compare(grant(B), grant(A, 'x', 'y'))).toMatchObject({ added: [], refused: [], held: [], isEmpty: false });
    expect(compare(...own)).toMatchObject({ isEmpty: true });
  });

  test('of what is used is refused, and so is an addition', () => {
    expect(compare(grant(B, 'x'))).toMatchObject({ refused: [{ resource: A, scope: 'y', why: 'used' }] });
    expect(compare(grant(A, 'x', 'y', 'more'), grant('https://c.example.com'))).toMatchObject({ added: [0, 1] });
    const unused = judge([grant(A, 'x')], [], observed([server([], { issued: H })]), SINCE);
    expect(compareRemoval([grant(A, 'x')], [], unused)).toMatchObject({
      refused: [{ resource: A, scope: null, why: 'used' }],
    });
  });
});
