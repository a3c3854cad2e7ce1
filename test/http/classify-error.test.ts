import { expect, test } from 'vitest';
import { TooManyAttemptsError } from '../../src/gates/attempt-filter.ts';
import { FINGERPRINT_AGE } from '../../src/gates/constants.ts';
import { classifyError } from '../../src/http/classify-error.ts';
import { REMOTE_RETRY_AFTER, STORE_RETRY_AFTER } from '../../src/http/constants.ts';
import { ConfigurationError } from '../../src/platform/config.ts';
import { RemoteError } from '../../src/remote-keys/remote-error.ts';
import { NotYetError, StoreUnavailableError, UnknownUseError } from '../../src/store/errors.ts';

test.each([
  [
    new TooManyAttemptsError(),
    {
      kind: 'too_many_attempts',
      retryAfter: FINGERPRINT_AGE,
      message: new TooManyAttemptsError().message,
      log: { reason: 'too_many_attempts' },
    },
  ],
  [new NotYetError(4500, 1000), { kind: 'not_yet', retryAfter: 4, log: { reason: 'temporarily_unavailable' } }],
  [
    new UnknownUseError(4),
    {
      kind: 'unknown_use',
      retryAfter: 4,
      message: new UnknownUseError(4).message,
      log: { reason: 'use_unknown' },
    },
  ],
  [
    new RemoteError('deadline'),
    {
      kind: 'remote_keys_unavailable',
      retryAfter: REMOTE_RETRY_AFTER,
      log: { reason: 'remote_keys_unavailable', detail: 'deadline' },
    },
  ],
  [
    new StoreUnavailableError('kv', 'deadline'),
    { kind: 'store_unavailable', retryAfter: STORE_RETRY_AFTER, log: { reason: 'kv_unavailable', store: 'kv' } },
  ],
  [
    new ConfigurationError('ISSUER is missing.'),
    { kind: 'misconfigured', log: { reason: 'misconfigured', detail: 'ISSUER is missing.' } },
  ],
  ['a text', { kind: 'unexpected', log: { reason: 'unexpected', error: { name: 'string', frames: [] } } }],
])('%s is classified, with the reason that the log gives', (error, expected) => {
  expect(classifyError(error)).toEqual(expected);
});

test('the message of an unexpected error is not for the log', () => {
  expect(JSON.stringify(classifyError(new TypeError('ems_secret')))).not.toContain('ems_secret');
});
