import { describe, expect, test } from 'vitest';
import {
  type Answers,
  allowedMethods,
  bindingFor,
  METHODS,
  notesOn,
  recommend,
} from '../../src/console/pages/new-client/choose-method.ts';

const NOTHING: Answers = { place: 'own', keepsKey: false, certificate: 'none', needsForm: false, isBound: false };

describe('the recommended method', () => {
  test.each([
    [{}, 'client_secret_basic'],
    [{ keepsKey: true }, 'private_key_jwt'],
    [{ place: 'kubernetes' }, 'federated_jwt'],
    [{ place: 'github', keepsKey: true }, 'federated_jwt'],
    [{ place: 'cloud', certificate: 'authority' }, 'federated_jwt'],
    [{ certificate: 'authority', keepsKey: true }, 'tls_client_auth'],
    [{ certificate: 'self_signed' }, 'self_signed_tls_client_auth'],
    [{ place: 'third_party' }, 'client_secret_basic'],
    [{ place: 'third_party', keepsKey: true }, 'private_key_jwt'],
    [{ needsForm: true }, 'client_secret_post'],
    [{ place: 'kubernetes', keepsKey: true, needsForm: true }, 'client_secret_post'],
  ] as const)('of %j is %s', (answers, method) => {
    expect(recommend({ ...NOTHING, ...answers }).method).toBe(method);
  });

  test.each([
    [{}, 'private_key_jwt'],
    [{ place: 'kubernetes' }, 'private_key_jwt'],
    [{ needsForm: true }, 'private_key_jwt'],
    [{ certificate: 'authority' }, 'tls_client_auth'],
  ] as const)('of %j under the strict profile is %s', (answers, method) => {
    const recommended = recommend({ ...NOTHING, ...answers }, true);
    expect(recommended.method).toBe(method);
    expect(recommended.binding).not.toBe('none');
  });

  test('is one that the profile permits, with a reason, for all answers', () => {
    for (const isStrict of [false, true]) {
      for (const answers of everyAnswer()) {
        const { method, reason, notes } = recommend(answers, isStrict);
        expect(allowedMethods(isStrict)).toContain(method);
        expect(reason).toMatch(/^[A-Z].*\.$/);
        for (const note of notes) expect(note).toMatch(/^[A-Z].*\.$/);
      }
    }
  });
});

test('tokens are bound to the certificate that a client presents anyway, and otherwise by DPoP', () => {
  expect(METHODS.map((method) => bindingFor(method, true))).toEqual([
    'dpop',
    'dpop',
    'certificate',
    'certificate',
    'dpop',
    'dpop',
  ]);
  expect(METHODS.map((method) => bindingFor(method, false))).toEqual(METHODS.map(() => 'none'));
});

test('a method that the strict profile refuses is named so', () => {
  expect(notesOn({ method: 'client_secret_basic', binding: 'dpop' }, NOTHING, true).join()).toContain(
    'refuses this method',
  );
  expect(
    notesOn({ method: 'private_key_jwt', binding: 'dpop' }, { ...NOTHING, keepsKey: true }, true).join(),
  ).not.toContain('refuses');
});

function* everyAnswer(): Generator<Answers> {
  for (const place of ['kubernetes', 'github', 'cloud', 'own', 'third_party'] as const)
    for (const certificate of ['none', 'authority', 'self_signed'] as const)
      for (const keepsKey of [true, false])
        for (const needsForm of [true, false])
          for (const isBound of [true, false]) yield { place, certificate, keepsKey, needsForm, isBound };
}
