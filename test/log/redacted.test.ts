import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { type LogEvent, log, loggable } from '../../src/log/log.ts';
import { Redacted } from '../../src/log/redacted.ts';
import type { Parameters } from '../../src/oauth/request/parameters.ts';
import { readConfig } from '../../src/platform/config.ts';
import { consoleOf } from './lines.ts';

const SECRET = 'ems_a-secret-that-nobody-may-see';
const secret = new Redacted(SECRET);

class Holder extends Error {
  readonly secret = secret;
}

test.each([
  ['in a template', () => `${secret}`],
  ['joined to a text', () => `the secret: ${String(secret)}${[secret].join()}`],
  ['added to a text', () => 'a'.concat(secret as unknown as string)],
  ['as a number', () => String(Number(secret))],
  ['as JSON', () => JSON.stringify(secret)],
  ['as JSON, deep in an object', () => JSON.stringify({ a: [{ secret }] })],
  ['inspected', () => inspect(secret)],
  ['inspected with all there is', () => inspect(secret, { showHidden: true, depth: 9, customInspect: false })],
  ['inspected in an object', () => inspect({ a: [{ secret }], b: new Map([[secret, secret]]) }, { depth: 9 })],
  ['inspected in an error', () => inspect(new Holder('x', { cause: secret }), { depth: 9 })],
  ['as an error’s message', () => new Error(secret as unknown as string).message],
  ['by its properties', () => JSON.stringify([Reflect.ownKeys(secret), Object.entries(secret), { ...secret }])],
  ['cloned', () => JSON.stringify(structuredClone({ secret: { ...secret } }))],
  [
    'as a date, a URL’s query and a form',
    () => `${new URLSearchParams({ secret: String(secret) })}${encodeURI(`${secret}`)}`,
  ],
])('what is redacted shows nothing %s', (_, show) => {
  const shown = show();
  expect(shown).not.toContain('nobody');
  expect(shown).not.toContain(SECRET.slice(4, 12));
});

test('whoever is to have it has it', () => {
  expect(secret.reveal()).toBe(SECRET);
});

test('the keys of the service are redacted in its configuration', () => {
  const [key, root] = ['q'.repeat(43), 'r'.repeat(40)];
  const config = readConfig({ ISSUER: 'https://auth.example.com', MASTER_KEY: key, ROOT_API_KEY: root });
  const shown = inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config);
  expect(shown).not.toContain(root);
  expect(shown).not.toContain('170'); // The first byte of the master key.
  expect(config.rootApiKey.reveal()).toBe(root);
  expect(config.masterKeys[0]?.reveal()[0]).toBe(170);
});

// Checked by the type checker: `npm run check` fails if one of these lines is no longer an error.
test('the types let no secret be read as a plain parameter, or be logged', () => {
  const uses = (parameters: Parameters) => {
    parameters.get('scope');
    // @ts-expect-error
    parameters.get('client_secret');
    // @ts-expect-error
    parameters.get('client_assertion');
    // @ts-expect-error
    parameters.all('token');
    // @ts-expect-error
    parameters.secret('scope');
  };
  const alarm = {
    event: 'gate_alarm',
    copies: 0,
    copies_failed: 0,
    events: 0,
    events_failed: 0,
    revocations: 0,
    revocations_failed: 0,
    usage_counts: 0,
  } as const;
  const events: LogEvent[] = [
    { ...alarm, client_id: loggable('emc_x') },
    // @ts-expect-error
    { ...alarm, client_id: secret },
    // @ts-expect-error
    { ...alarm, client_id: 'any text' },
    // @ts-expect-error
    { event: 'store_unavailable', store: secret },
    // @ts-expect-error
    { event: 'misconfigured', detail: secret },
    // @ts-expect-error
    { event: 'scheduled', task: 'anything', ok: true, ms: 0, counts: {} },
    // @ts-expect-error
    { event: 'scheduled', task: 'purge', ok: true, ms: 0, counts: { secret } },
    // @ts-expect-error
    { event: 'anything', secret },
  ];
  expect([uses, events.length]).toEqual([uses, 8]);
});

test('one that came past the types shows nothing in the log either', async () => {
  const [line] = await consoleOf(() => log({ event: 'misconfigured', detail: secret } as unknown as LogEvent));
  expect(line?.text).toBe('{"event":"misconfigured","detail":"[redacted]"}');
});
