import { expect, test, vi } from 'vitest';
import { type LogEvent, log, loggable } from '../../src/log/log.ts';
import { ConfigurationError } from '../../src/platform/config.ts';
import { logFailure } from '../../src/platform/failures.ts';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { requestToken, world } from '../http.ts';
import { consoleOf } from './lines.ts';

const scheduled = { event: 'scheduled', task: 'purge', ok: true, ms: 12, counts: { deleted: 3 } } as const;
const alarm = {
  event: 'gate_alarm',
  client_id: loggable('emc_x'),
  copies: 1,
  copies_failed: 0,
  events: 2,
  events_failed: 0,
  revocations: 0,
  revocations_failed: 0,
  usage_counts: 3,
} as const;

test('an event is one line of JSON, and an error where the fault is ours', async () => {
  const events: [LogEvent, 'log' | 'error'][] = [
    [scheduled, 'log'],
    [{ ...scheduled, ok: false }, 'error'],
    [alarm, 'log'],
    [{ ...alarm, copies_failed: 1 }, 'error'],
    [{ ...alarm, events_failed: 1 }, 'error'],
    [{ event: 'store_unavailable', store: 'd1' }, 'error'],
  ];
  for (const [event, method] of events) {
    expect(await consoleOf(() => log(event))).toEqual([{ method, text: JSON.stringify(event) }]);
  }
});

test('a text is cut to 200 characters of visible ASCII: nothing in it is a second line, or commands a terminal', async () => {
  const long = loggable(`\u001b[2J\n{"event":"forged"}\r\u2028é${'x'.repeat(300)}`);
  const [line] = await consoleOf(() => log({ event: 'misconfigured', detail: long }));
  expect(line?.text).toMatch(/^[\x20-\x7e]+$/);
  const { detail } = JSON.parse(line?.text ?? '') as { detail: string };
  expect(detail).toBe(`?[2J?{"event":"forged"}???${'x'.repeat(200 - '?[2J?{"event":"forged"}???'.length)}`);
});

test('a console that fails, and an event that cannot be serialized, fail no one', async () => {
  const { worker } = await world('mute');
  const spies = (['log', 'error'] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation(() => {
      throw new Error('no console');
    }),
  );
  try {
    expect((await requestToken(worker)).status).toBe(200);
    log({ ...scheduled, ok: false });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  expect(await consoleOf(() => log({ ...scheduled, ms: 1n as unknown as number }))).toEqual([]);
});

test('a failure outside a request is a line of its own', async () => {
  const lines = await consoleOf(() => {
    logFailure(new StoreUnavailableError('kv', new Error('Failed query: params: ems_secret')));
    logFailure(new ConfigurationError('MASTER_KEY is missing: set it.'));
    logFailure('ems_secret');
  });
  expect(lines.map(({ text }) => text)).toEqual([
    '{"event":"store_unavailable","store":"kv"}',
    '{"event":"misconfigured","detail":"MASTER_KEY is missing: set it."}',
    '{"event":"unexpected_error","error":{"name":"string","frames":[]}}',
  ]);
});

test('an error that nobody expected is told by its class and five frames, and never by its message', async () => {
  const secretly = (message: string) => {
    const error = new TypeError(message);
    return error;
  };
  const deep = (depth: number): Error =>
    depth === 0 ? secretly('ems_secret\n    at ems_secret (ems_secret:1:2)') : deep(depth - 1);
  const changed = secretly('ems_secret\n    at ems_secret (ems_secret:1:2)');
  // The runtime formats a stack when it is first read, and does not change it later.
  expect(changed.stack).toContain('ems_secret');
  changed.message = 'another';
  const lines = await consoleOf(() => {
    logFailure(deep(9));
    logFailure(changed);
  });
  expect(lines.map(({ text }) => text).join()).not.toContain('ems_secret');
  const [whole, none] = lines.map(
    ({ text }) => (JSON.parse(text) as { error: { name: string; frames: string[] } }).error,
  );
  expect(whole).toMatchObject({ name: 'TypeError', frames: Array(5).fill(expect.stringMatching(/^ {4}at /)) });
  expect(whole?.frames[0]).toContain('secretly');
  expect(none).toEqual({ name: 'TypeError', frames: [] });
});
