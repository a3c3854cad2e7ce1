import { describe, expect, test } from 'vitest';
import { expiryOf } from '../../src/console/pages/api-keys/expiry.ts';
import { grantablePresets, PRESETS, presetOf, SCOPES } from '../../src/console/pages/api-keys/scopes.ts';
import { type ChangeEvent, differencesOf, listChanges } from '../../src/console/pages/audit/differences.ts';
import { readFilters, writeFilters } from '../../src/console/pages/audit/filters.ts';
import { actorAddress, targetAddress } from '../../src/console/pages/audit/links.ts';
import { type MasterKey, nextStep } from '../../src/console/pages/master-keys/advice.ts';
import {
  consequencesOf,
  duration,
  isFresh,
  phasesOf,
  rotatableFrom,
  type SigningKey,
} from '../../src/console/pages/signing-keys/timeline.ts';
import { EVENT_GROUPS, URGENT_EVENTS } from '../../src/console/pages/webhooks/events.ts';
import { healthOf, lastAnswer } from '../../src/console/pages/webhooks/health.ts';
import { type CopyOptions, copyLines, IncompleteCopyError } from '../../src/lib/copy-lines.ts';
import { WEBHOOK_EVENTS } from '../../src/store/webhook-events.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const MINUTE = 60_000;
const at = (ms: number) => new Date(ms).toISOString();

describe('API keys', () => {
  test('every preset has scopes that exist', () => {
    for (const { value, scopes } of PRESETS) expect(presetOf(scopes), value).toBe(value);
    expect(PRESETS.find(({ value }) => value === 'read')?.scopes.every((scope) => scope.endsWith(':read'))).toBe(true);
    expect(presetOf(['roles:read'])).toBe('custom');
  });

  test('a session is offered only the presets whose scopes it has', () => {
    const own = SCOPES.filter((scope) => scope.endsWith(':read'));
    expect(grantablePresets(own).map(({ value }) => value)).toEqual(['read']);
    expect(grantablePresets(['clients:read'])).toEqual([]);
  });

  test('a key is marked in its last 14 days', () => {
    expect(expiryOf(null, NOW)).toBe('never');
    expect(expiryOf(at(NOW + 15 * 1440 * MINUTE), NOW)).toBe('later');
    expect(expiryOf(at(NOW + 14 * 1440 * MINUTE), NOW)).toBe('soon');
    expect(expiryOf(at(NOW), NOW)).toBe('expired');
  });
});

describe('the audit log', () => {
  const event = (id: string, action: string, changes: Record<string, unknown>): ChangeEvent => ({
    id,
    at: at(NOW),
    action,
    target: 'emc_1',
    changes,
  });
  const created = event('evt_1', 'client.created', {
    client_name: 'a',
    roles: ['x'],
    rate_limit: { per_minute: 1, burst: 2 },
  });

  test('filters survive the address', () => {
    const filters = { actor: 'key_1', action: 'client.updated', target: 'emc_ü&1', request_id: 'r', from: at(NOW) };
    expect(readFilters(writeFilters(filters))).toEqual(filters);
    expect(writeFilters({ actor: ' ' })).toBe('');
    expect(readFilters('?from=yesterday&actor=&other=1')).toEqual({});
  });

  test('a difference has the value of the last event before that set the field', () => {
    const renamed = event('evt_2', 'client.updated', { client_name: 'b' });
    const last = event('evt_3', 'client.updated', { client_name: 'c', roles: ['x', 'y'] });
    expect(differencesOf(last, [renamed, created])).toEqual([
      { field: 'client_name', before: 'b', after: 'c', isBeforeKnown: true },
      { field: 'roles', before: ['x'], after: ['x', 'y'], isBeforeKnown: true },
    ]);
  });

  test('of an object only the members that differ are shown', () => {
    const update = event('evt_2', 'client.updated', { rate_limit: { per_minute: 5, burst: 2 } });
    expect(differencesOf(update, [created])).toEqual([
      { field: 'rate_limit.per_minute', before: 1, after: 5, isBeforeKnown: true },
    ]);
  });

  test('an object that was none is shown by its members, without those that have no value', () => {
    const before = event('evt_1', 'client.created', { quota: null });
    const update = event('evt_2', 'client.updated', { quota: { tokens_per_day: 5, tokens_per_month: null } });
    expect(differencesOf(update, [before])).toEqual([
      { field: 'quota.tokens_per_day', before: undefined, after: 5, isBeforeKnown: true },
    ]);
  });

  test('a value is not invented: the creation is not kept any more, or a deletion elsewhere changed the field', () => {
    const update = event('evt_3', 'client.updated', { roles: [] });
    const removal = event('evt_2', 'client.updated', { removed: { roles: ['x'] }, cascade_of: 'evt_9' });
    expect(differencesOf(update, [])).toEqual([{ field: 'roles', before: undefined, after: [], isBeforeKnown: false }]);
    expect(differencesOf(update, [removal, created])[0]?.isBeforeKnown).toBe(false);
  });

  test('a creation had nothing before, and facts of other events have no value before', () => {
    expect(differencesOf(created, []).every(({ before, isBeforeKnown }) => before === undefined && isBeforeKnown)).toBe(
      true,
    );
    const rotated = event('evt_2', 'client.secret_rotated', { hint: 'x7Qe' });
    expect(differencesOf(rotated, [created])[0]?.isBeforeKnown).toBe(false);
  });

  test('lists are compared by their members', () => {
    expect(listChanges(['a', { b: 1 }], [{ b: 1 }, 'c'])).toEqual({ added: ['c'], removed: ['a'], kept: 1 });
    expect(listChanges(null, ['a'])).toBeUndefined();
  });

  test('targets and actors have addresses, and what was deleted has none', () => {
    const of = (action: string, target: string, organization_id: string | null = 'org_1') =>
      targetAddress({ action, target, organization_id });
    expect(of('client.updated', 'a/b')).toBe('/organizations/org_1/clients/a%2Fb');
    expect(of('token.revoked', 'emc_1')).toBe('/organizations/org_1/clients/emc_1');
    expect(of('client.deleted', 'emc_1')).toBeUndefined();
    expect(of('webhook.updated', 'wh_1', null)).toBe('/webhooks/wh_1');
    expect(of('signing_keys.revoked', 'kid', null)).toBe('/signing-keys');
    expect(of('role.updated', 'role_1', null)).toBeUndefined();
    expect(actorAddress({ actor: 'key_1', organization_id: 'org_1' })).toBe('/organizations/org_1/api-keys');
    expect(actorAddress({ actor: 'root', organization_id: 'org_1' })).toBeUndefined();
  });
});

describe('a copy of a stream', () => {
  const line = (id: string) => JSON.stringify({ at: at(NOW), id });
  const end = (next: string | null) => JSON.stringify({ complete: next === null, count: 1, next_cursor: next });

  const copy = async (streams: (readonly string[])[], attempts = 3) => {
    const starts: unknown[] = [];
    const lines: string[] = [];
    const options: CopyOptions = {
      open: async function* (start) {
        starts.push(start);
        const stream = streams.shift();
        if (!stream) throw new TypeError('broken');
        yield* stream;
      },
      write: (text) => void lines.push(text),
      breakOf: (error) => (error instanceof TypeError ? error.message : undefined),
      attempts,
      pause: async () => undefined,
    };
    const count = await copyLines(options);
    return { count, starts, lines };
  };

  test('continues at the cursor of a stream that is not complete', async () => {
    const { count, starts, lines } = await copy([
      [line('a'), end('c1')],
      [line('b'), end(null)],
    ]);
    expect([count, starts, lines]).toEqual([2, [{}, { cursor: 'c1' }], [line('a'), line('b')]]);
  });

  test('continues after the last item of a stream that broke, and has no item twice', async () => {
    const { count, starts, lines } = await copy([
      [line('a'), line('b')],
      [line('b'), line('c'), end(null)],
    ]);
    expect([count, starts, lines]).toEqual([3, [{}, { from: at(NOW) }], [line('a'), line('b'), line('c')]]);
  });

  test('that breaks again and again is no complete one', async () => {
    const error = await copy([[line('a')], [], []]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IncompleteCopyError);
    expect((error as IncompleteCopyError).progress).toEqual({ count: 1, last: { at: at(NOW), id: 'a' } });
  });
});

describe('webhooks', () => {
  test('every type of event is described once', () => {
    const described = EVENT_GROUPS.flatMap(({ events }) => Object.keys(events));
    expect(described.toSorted()).toEqual([...WEBHOOK_EVENTS]);
    expect(described).toEqual(expect.arrayContaining([...URGENT_EVENTS]));
  });

  test('one is healthy, failing or disabled, by whom it says', () => {
    const labels = [
      { status: 'active', disabled_reason: null, failing_since: null },
      { status: 'active', disabled_reason: null, failing_since: at(NOW) },
      { status: 'disabled', disabled_reason: null, failing_since: null },
      { status: 'disabled', disabled_reason: 'failing', failing_since: at(NOW) },
      { status: 'disabled', disabled_reason: 'gone', failing_since: null },
    ].map((fields) => healthOf(fields).label);
    expect(labels).toEqual(['Healthy', 'Failing', 'Disabled', 'Disabled: failing', 'Disabled: gone']);
  });

  test('the last answer of a delivery is its status, or why there is none', () => {
    expect(lastAnswer({ last_status: 500, last_fault: 'status', attempts: 1 })).toBe('HTTP 500');
    expect(lastAnswer({ last_status: null, last_fault: 'deadline', attempts: 1 })).toContain('15 seconds');
    expect(lastAnswer({ last_status: null, last_fault: null, attempts: 0 })).toBe('Not sent yet');
  });
});

describe('signing keys', () => {
  const key = (fields: Partial<SigningKey>): SigningKey => ({
    kid: 'k',
    alg: 'ES256',
    status: 'active',
    created_at: at(NOW - 60 * MINUTE),
    activated_at: null,
    retired_at: null,
    signs_from: at(NOW - 46 * MINUTE),
    ...fields,
  });

  test('the first key signs at once, a next one is published, and a retiring one stays until its last token has expired', () => {
    const first = key({ activated_at: at(NOW - 60 * MINUTE), signs_from: at(NOW - 60 * MINUTE) });
    expect(phasesOf(first)).toEqual([{ name: 'signs', from: NOW - 60 * MINUTE, to: undefined }]);
    expect(phasesOf(key({ status: 'next' }))).toEqual([
      { name: 'published', from: NOW - 60 * MINUTE, to: NOW - 46 * MINUTE },
      { name: 'ready', from: NOW - 46 * MINUTE, to: undefined },
    ]);
    const retiring = key({ status: 'retiring', activated_at: at(NOW - 30 * MINUTE), retired_at: at(NOW) });
    expect(phasesOf(retiring)).toEqual([
      { name: 'published', from: NOW - 60 * MINUTE, to: NOW - 46 * MINUTE },
      { name: 'ready', from: NOW - 46 * MINUTE, to: NOW - 30 * MINUTE },
      { name: 'signs', from: NOW - 30 * MINUTE, to: NOW },
      { name: 'retires', from: NOW, to: NOW + (1440 + 4) * MINUTE },
    ]);
  });

  test('a key that an emergency activated signs when every verifier has it', () => {
    const early = key({ activated_at: at(NOW), signs_from: at(NOW + 5 * MINUTE) });
    expect(phasesOf(early)[1]).toEqual({ name: 'signs', from: NOW + 5 * MINUTE, to: undefined });
  });

  test('a rotation waits for the youngest next key', () => {
    const keys = [key({ status: 'next' }), key({ alg: 'RS256', status: 'next', signs_from: at(NOW + MINUTE) })];
    expect(rotatableFrom(keys, ['ES256'])).toBe(NOW - 46 * MINUTE);
    expect(rotatableFrom(keys, ['ES256', 'RS256'])).toBe(NOW + MINUTE);
    expect(rotatableFrom(keys, ['EdDSA'])).toBeUndefined();
  });

  test('an emergency pauses tokens only as long as the next key is too young', () => {
    const active = key({ kid: 'a', activated_at: at(NOW - 60 * MINUTE) });
    const young = key({ kid: 'n', status: 'next', signs_from: at(NOW + 10 * MINUTE) });
    const ready = key({ kid: 'n', status: 'next' });
    expect(consequencesOf(active, [active, young], NOW).pausedUntil).toBe(NOW + 10 * MINUTE);
    expect(consequencesOf(active, [active, ready], NOW)).toMatchObject({
      pausedUntil: undefined,
      isolates: 180,
      verifiers: 600,
      hasTokens: true,
    });
    expect(consequencesOf(young, [active, young], NOW)).toMatchObject({ pausedUntil: undefined, hasTokens: false });
    expect(consequencesOf(active, [active], NOW).pausedUntil).toBe(NOW + 14 * MINUTE);
  });

  test('a key that took over minutes ago is fresh, and one of the first ring is not', () => {
    expect(isFresh(key({ activated_at: at(NOW - MINUTE) }), NOW)).toBe(true);
    expect(isFresh(key({ activated_at: at(NOW - 4 * MINUTE) }), NOW)).toBe(false);
    expect(isFresh(key({ created_at: at(NOW), activated_at: at(NOW) }), NOW)).toBe(false);
  });

  test('durations have their two largest units', () => {
    expect([0, 59.2, 125, 3600, 90_061].map(duration)).toEqual(['0 s', '1 min', '2 min 5 s', '1 h', '1 d 1 h']);
  });
});

describe('master keys', () => {
  const key = (id: string, status: MasterKey['status'], fields: Partial<MasterKey> = {}): MasterKey => ({
    id,
    status,
    signing_keys: 0,
    webhooks: 0,
    may_go_at: null,
    ...fields,
  });
  const current = key('new', 'current', { signing_keys: 4, webhooks: 1 });

  test('the next step follows from what each key seals', () => {
    const step = (previous?: Partial<MasterKey>) =>
      nextStep(previous ? [current, key('old', 'previous', previous)] : [current, key('gone', 'retired')], NOW);
    expect(step()).toEqual({ do: 'nothing' });
    expect(step({})).toEqual({ do: 'decide', ids: ['old'] });
    expect(step({ signing_keys: 2, webhooks: 3 })).toEqual({ do: 'reseal', values: 5, total: 10 });
    expect(step({ may_go_at: at(NOW + MINUTE) })).toEqual({ do: 'wait', id: 'old', until: at(NOW + MINUTE) });
    expect(step({ may_go_at: at(NOW) })).toEqual({ do: 'remove', ids: ['old'] });
  });
});
