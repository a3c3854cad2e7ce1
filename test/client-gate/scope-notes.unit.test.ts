import { describe, expect, test } from 'vitest';
import { SCOPE_HOLD_MS, SCOPE_NOTES_BYTES_MAX } from '../../src/client-gate/constants.ts';
import { ScopeNotes } from '../../src/client-gate/scope-notes.ts';
import type { Grant, ScopeUses, StoredScopeHold } from '../../src/gates/protocol.ts';

const HOUR = 3_600_000;
const NOW = 500_000 * HOUR + 600_000;
const A = 'https://a.example.com';
const B = 'https://b.example.com';

const grant = (resource: string, ...scopes: string[]): Grant => ({
  resource,
  scopes,
  access_token_ttl: null,
  signing_alg: 'ES256',
});

function following(...grants: Grant[]): ScopeNotes {
  const notes = new ScopeNotes();
  notes.follow(grants, NOW);
  return notes;
}

/** Returns the notes after an eviction. */
function reloaded(notes: ScopeNotes, now = NOW): ScopeNotes {
  const row = JSON.parse(`{${notes.toRow(now)}}`) as { scopes: ScopeUses; scope_hold?: StoredScopeHold };
  return new ScopeNotes(row.scopes, row.scope_hold);
}

const serverOf = (notes: ScopeNotes, resource: string) =>
  notes.uses().servers.find((server) => server.resource === resource);

test('notes what was requested, issued and introspected, to the hour', () => {
  const notes = following(grant(A, 'x', 'y'), grant(B, 'x'));
  notes.noteToken(A, ['x'], true, NOW);
  notes.noteRequest(A, ['y', 'not granted'], NOW + HOUR);
  notes.noteToken(B, ['x'], false, NOW + 2 * HOUR);
  notes.noteIntrospection(A, 'x y gone', NOW + 3 * HOUR);
  expect(notes.uses()).toMatchObject({
    since: NOW,
    others: 0,
    servers: [
      {
        resource: A,
        since: 0,
        all: 0,
        issued: 0,
        scopes: [
          ['x', 500_000, 500_000, 500_003, 0],
          ['y', 500_001, 0, 500_003, 0],
        ],
      },
      { resource: B, since: 0, all: 500_002, issued: 0, scopes: [] },
    ],
  });
  expect(reloaded(notes).uses()).toEqual(notes.uses());
});

test('must be written once an hour, and never goes back', () => {
  const notes = following(grant(A, 'x'));
  const isWritten = () => {
    const isWanted = notes.isUnwritten;
    notes.toRow(NOW);
    return isWanted;
  };
  isWritten();
  const all: ((now: number) => void)[] = [
    (now) => notes.noteToken(A, ['x'], true, now),
    (now) => notes.noteToken(A, ['x'], false, now),
    (now) => notes.noteRequest(A, ['x'], now),
    (now) => notes.noteIntrospection(A, 'x', now),
  ];
  expect(all.map((note) => [note(NOW), isWritten()][1])).toEqual([true, true, false, true]);
  expect(all.map((note) => [note(NOW + HOUR / 2), isWritten()][1])).toEqual([false, false, false, false]);
  const before = notes.uses();
  for (const note of all) note(NOW - 5 * HOUR);
  expect(notes.uses()).toEqual(before);
  expect(all.map((note) => [note(NOW + HOUR), isWritten()][1])).toEqual([true, true, false, true]);
});

describe('follows the grants', () => {
  test('in any order, and forgets what is gone, but for the last token', () => {
    const notes = following(grant(A, 'x', 'y'), grant(B, 'x'));
    notes.noteToken(A, ['x', 'y'], true, NOW);
    notes.noteToken(B, ['x'], true, NOW);
    expect(notes.follow([grant(B, 'x'), grant(A, 'y', 'x')], NOW + HOUR)).toBe(false);
    expect(notes.follow([grant(A, 'y')], NOW + HOUR)).toBe(true);
    expect(notes.uses()).toMatchObject({ since: NOW, servers: [{ resource: A, issued: 500_000 }] });
    expect(serverOf(notes, A)?.scopes).toEqual([['y', 500_000, 500_000, 0, 0]]);
  });

  test('and notes since when the new ones are granted', () => {
    const notes = following(grant(A, 'x'));
    notes.follow([grant(A, 'x', 'y'), grant(B, 'x')], NOW + HOUR);
    expect(serverOf(notes, A)?.scopes).toEqual([['y', 0, 0, 0, NOW + HOUR]]);
    expect(serverOf(notes, B)).toMatchObject({ since: NOW + HOUR, scopes: [] });
    const again = reloaded(notes);
    again.follow([grant(A, 'x', 'y'), grant(B, 'x')], NOW + 9 * HOUR);
    expect(again.uses()).toEqual(notes.uses());
  });

  test('and begins again if code that did not know the notes stored other grants', () => {
    const notes = following(grant(A, 'x'));
    notes.noteToken(A, ['x'], true, NOW);
    const after = reloaded(notes);
    after.follow([grant(A, 'x', 'z')], NOW + HOUR);
    expect(after.uses()).toMatchObject({ since: NOW + HOUR, servers: [{ scopes: [['x', 500_000, 500_000, 0, 0]] }] });
  });

  test('and begins when the row has no notes yet', () => {
    const notes = new ScopeNotes(undefined);
    notes.follow([grant(A, 'x')], NOW);
    expect(notes.uses()).toMatchObject({ since: NOW, servers: [] });
  });
});

describe('stays within its bound', () => {
  const bytes = (notes: ScopeNotes) => new TextEncoder().encode(notes.toRow(NOW)).byteLength;
  const many = (servers: number, scopes: number, length = 0) =>
    Array.from({ length: servers }, (_, server) =>
      grant(
        `https://api-${server}.example.com`,
        ...Array.from({ length: scopes }, (__, scope) => `things-${scope}:read`.padEnd(length, '.')),
      ),
    );

  test('and notes each of 1,000 scopes at 50 resource servers', () => {
    const grants = many(50, 20);
    const notes = following(...grants);
    for (const { resource, scopes } of grants) {
      notes.noteToken(resource, scopes, true, NOW);
      notes.noteIntrospection(resource, scopes.join(' '), NOW);
    }
    const { others, servers } = notes.uses();
    expect([others, servers.length, servers.flatMap((server) => server.scopes).length]).toEqual([0, 50, 1000]);
    expect(bytes(notes)).toBeLessThan(SCOPE_NOTES_BYTES_MAX + 1024);
  });

  test.each([
    ['50 times 1,000 scopes', many(50, 1000)],
    ['scopes with long names', many(5, 1000, 200)],
    ['thousands of resource servers', many(5000, 1)],
  ])('with %s: those without room share one time', (_, grants) => {
    const notes = following(...grants);
    for (const { resource, scopes } of grants) {
      notes.noteToken(resource, scopes, true, NOW);
      notes.noteToken(resource, scopes, false, NOW);
      notes.noteIntrospection(resource, scopes.join(' '), NOW);
    }
    expect(notes.uses().others).toBe(500_000);
    expect(bytes(notes)).toBeLessThan(SCOPE_NOTES_BYTES_MAX + 1024);
    // A scope without a note of its own counts as used then.
    const last = grants.at(-1) as Grant;
    const held = [{ resource: last.resource, scopes: last.scopes.slice(-1), whole: false }];
    expect(notes.hold('a', held, NOW, NOW)).toHaveLength(1);
    expect(notes.hold('a', held, NOW + HOUR, NOW)).toEqual([]);
  });

  test('and begins again if there is no room to note when scopes were granted', () => {
    const notes = following(grant(A, 'x'));
    notes.follow([grant(A, 'x', ...(many(1, 3000)[0]?.scopes ?? []))], NOW + HOUR);
    expect(notes.uses().since).toBe(NOW + HOUR);
  });
});

describe('a hold', () => {
  const write = { resource: A, scopes: ['write'], whole: false };
  const used = (notes: ScopeNotes, since: number, held = write) => notes.hold('one', [held], since, NOW + 9 * HOUR);

  test('is refused if a scope was used, in whichever way, or if that cannot be known', () => {
    const uses: [(notes: ScopeNotes) => void, number][] = [
      [(notes) => notes.noteToken(A, ['write'], true, NOW + HOUR), 1],
      [(notes) => notes.noteToken(A, ['read', 'write'], false, NOW + HOUR), 1],
      [(notes) => notes.noteRequest(A, ['write'], NOW + HOUR), 1],
      [(notes) => notes.noteIntrospection(A, 'write', NOW + HOUR), 1],
      [(notes) => notes.noteToken(A, ['read'], true, NOW + HOUR), 0],
      [() => undefined, 0],
    ];
    for (const [use, count] of uses) {
      const notes = following(grant(A, 'read', 'write'));
      use(notes);
      // The hour ends at its end.
      expect(used(notes, NOW + 2 * HOUR - 600_001)).toHaveLength(count);
      expect(used(notes, NOW + 2 * HOUR - 600_000)).toEqual([]);
    }
    expect(used(following(grant(A, 'read', 'write')), NOW - 1)).toEqual([{ resource: A, scope: 'write' }]);
  });

  test('of a whole grant is refused if a token was issued there', () => {
    const notes = following(grant(A, 'read', 'write'));
    notes.noteToken(A, ['read'], true, NOW + HOUR);
    const whole = { ...write, whole: true };
    expect(used(notes, NOW + HOUR, whole)).toEqual([{ resource: A, scope: null }]);
    expect(used(notes, NOW + 2 * HOUR, whole)).toEqual([]);
    expect(notes.isHeld(A, ['read'], NOW + 9 * HOUR)).toBe(true);
  });

  test('ends by itself, by its release, and when the scopes are gone', () => {
    const notes = following(grant(A, 'read', 'write'));
    const isHeld = (now: number) => notes.isHeld(A, ['read', 'write'], now);
    notes.hold('one', [write], NOW + HOUR, NOW + HOUR);
    expect([isHeld(NOW + HOUR + SCOPE_HOLD_MS - 1), isHeld(NOW + HOUR + SCOPE_HOLD_MS)]).toEqual([true, false]);
    expect([notes.isHeld(A, ['read'], NOW + HOUR), notes.isHeld(B, ['write'], NOW + HOUR)]).toEqual([false, false]);
    notes.release('two');
    expect(isHeld(NOW + HOUR)).toBe(true);
    notes.release('one');
    expect(isHeld(NOW + HOUR)).toBe(false);

    notes.hold('two', [write], NOW + HOUR, NOW + HOUR);
    notes.follow([grant(A, 'read', 'write', 'more')], NOW + HOUR);
    expect(isHeld(NOW + HOUR)).toBe(true);
    notes.follow([grant(A, 'read')], NOW + HOUR);
    expect([isHeld(NOW + HOUR), notes.hasHold]).toEqual([false, false]);
  });
});
