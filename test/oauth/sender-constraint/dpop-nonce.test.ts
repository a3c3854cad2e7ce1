import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deriveMasterKeys } from '../../../src/credentials/master-key.ts';
import { Redacted } from '../../../src/log/redacted.ts';
import { DPOP_NONCE_STEP, DPOP_NONCE_STEPS } from '../../../src/oauth/constants.ts';
import { DpopNonces } from '../../../src/oauth/sender-constraint/dpop-nonce.ts';
import { readConfig } from '../../../src/platform/config.ts';
import { type Credentials, world } from '../../http.ts';
import { startNewIsolate } from '../../instruments.ts';
import { ask, askWith, assertionOf, keyWorld, proofOf } from '../../machines.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { readError, readToken } from '../answers.ts';

// RFC 9449 section 8.

const OURS = readConfig(env).masterKeys;
const THEIRS = [new Redacted(new Uint8Array(32).fill(7))];
const nonces = noncesOf(OURS);

let holder: Signer;
let worker: Credentials;

beforeAll(async () => {
  holder = await newSigner('ES256');
  ({ worker } = await world('dpop-nonce', {
    dpop_nonce_required: true,
    rate_limit: { per_minute: 60_000, burst: 500 },
  }));
});

afterEach(() => void vi.useRealTimers());

function noncesOf(masterKeys: readonly Redacted<Uint8Array<ArrayBuffer>>[]): DpopNonces {
  return new DpopNonces(() => deriveMasterKeys(masterKeys));
}

async function present(nonce: unknown, client: Credentials = worker): Promise<Response> {
  return ask({ grant_type: 'client_credentials', ...client }, { dpop: await proofOf(holder, { nonce }) });
}

/** Reads a `use_dpop_nonce` error, and returns its nonce. */
async function readChallenge(response: Response): Promise<string> {
  expect(await readError(response)).toEqual({ status: 400, error: 'use_dpop_nonce' });
  return response.headers.get('DPoP-Nonce') ?? '';
}

test('a client that must have a nonce is told which, and gets a token with it', async () => {
  const nonce = await readChallenge(await present(undefined));
  // RFC 9449 section 8.1: NQCHAR
  expect(nonce).toMatch(/^[\x21\x23-\x5B\x5D-\x7E]+$/);
  const { answer } = await readToken(await present(nonce));
  expect(answer.token_type).toBe('DPoP');
});

test('RFC 9449 8.2: with each token it is told the next one, which is good', async () => {
  const answer = await present(await nonces.current(Date.now()));
  await readToken(answer.clone());
  const next = answer.headers.get('DPoP-Nonce');
  await readToken(await present(next));
});

test('the next one is another once its time has come', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const first = (await present(await nonces.current(Date.now()))).headers.get('DPoP-Nonce');
  vi.setSystemTime(Date.now() + DPOP_NONCE_STEP * 1000);
  const second = (await present(first)).headers.get('DPoP-Nonce');
  expect(second).not.toBe(first);
  await readToken(await present(second));
});

test('a client that need not have one is told none, and may have one all the same', async () => {
  const { worker: free } = await world('dpop-nonce-free');
  for (const nonce of [undefined, await nonces.current(Date.now())]) {
    const answer = await present(nonce, free);
    expect([answer.status, answer.headers.get('DPoP-Nonce')]).toEqual([200, null]);
  }
});

describe.each([
  ['must', { dpop_nonce_required: true }],
  ['need not', {}],
])('of a client that %s have one', (which, fields) => {
  let client: Credentials;

  beforeAll(async () => {
    ({ worker: client } = await world(`dpop-nonce-${which.replace(' ', '-')}`, {
      ...fields,
      rate_limit: { per_minute: 60_000, burst: 500 },
    }));
  });

  const challenged = async (nonce: string, message?: string) => {
    const response = await present(nonce, client);
    expect(response.status, message).toBe(400);
    await readToken(await present(await readChallenge(response), client));
  };

  test('one that nobody made is refused, with one that is good', async () => {
    const good = await nonces.current(Date.now());
    const [step, tag] = [good.slice(0, -8), good.slice(-8)];
    const forgeries = ['', 'x', step, tag, `${step}00000000`, `${Number(step) + 1}${tag}`, ` ${good}`, `${good} `];
    const alike = [
      `0${good}`,
      `+${good}`,
      `${step}.0${tag}`,
      `${step}e0${tag}`,
      `0x${Number(step).toString(16)}${tag}`,
    ];
    for (const nonce of [...forgeries, ...alike, good.toLowerCase() === good ? 'y' : good.toLowerCase()]) {
      await challenged(nonce, nonce);
    }
  });

  test('one that was made under another MASTER_KEY is refused', async () => {
    await challenged(await noncesOf(THEIRS).current(Date.now()));
  });

  test('one that was ours is refused once it has expired, and not before', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const madeAt = Date.now();
    const nonce = await readChallenge(await present('wrong', client));
    vi.setSystemTime(madeAt + (DPOP_NONCE_STEPS - 1) * DPOP_NONCE_STEP * 1000);
    await readToken(await present(nonce, client));
    vi.setSystemTime(madeAt + DPOP_NONCE_STEPS * DPOP_NONCE_STEP * 1000);
    await challenged(nonce);
  });

  test('one of a clock that is ahead is taken for a step, and no more', async () => {
    const ahead = (steps: number) => nonces.current(Date.now() + steps * DPOP_NONCE_STEP * 1000);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    await readToken(await present(await ahead(1), client));
    await challenged(await ahead(2));
    await challenged(await ahead(1_000_000));
  });

  test('one is taken by an isolate that never handed one out', async () => {
    startNewIsolate();
    await readToken(await present(await nonces.current(Date.now()), client));
  });
});

test('one that was made before the MASTER_KEY was exchanged is taken for as long as the old one is set', async () => {
  const now = Date.now();
  const before = await noncesOf(THEIRS).current(now);
  expect(await noncesOf([...OURS, ...THEIRS]).isOurs(before, now)).toBe(true);
  expect(await noncesOf(OURS).isOurs(before, now)).toBe(false);
  // New nonces are made with the current master key.
  expect(await noncesOf(OURS).isOurs(await noncesOf([...OURS, ...THEIRS]).current(now), now)).toBe(true);
});

describe('a challenge', () => {
  test('takes no allowance', async () => {
    const { worker: poor } = await world('dpop-nonce-poor', {
      dpop_nonce_required: true,
      rate_limit: { per_minute: 1, burst: 1 },
    });
    for (let time = 0; time < 5; time++) await readChallenge(await present(undefined, poor));
    for (let time = 0; time < 5; time++) await readChallenge(await present('wrong', poor));
    await readToken(await present(await nonces.current(Date.now()), poor));
    expect((await present(await nonces.current(Date.now()), poor)).status).toBe(429);
  });

  test('spends neither the assertion nor the proof’s jti', async () => {
    const { signer, clientId } = await keyWorld('dpop-nonce-unspent', { dpop_nonce_required: true });
    const assertion = await assertionOf(clientId, signer);
    const asked = async (nonce?: string) =>
      askWith(assertion, {}, { dpop: await proofOf(holder, { nonce, jti: 'the same' }) });
    await readChallenge(await asked('wrong'));
    const nonce = await readChallenge(await asked());
    await readToken(await asked(nonce));
    expect((await asked(nonce)).status).toBe(401);
  });

  test('comes after the authentication, where the proof has no nonce: of a client that is not who it says, only a wrong one is told', async () => {
    const mistaken = { ...worker, client_secret: `${worker.client_secret.slice(0, -1)}!` };
    expect(await readError(await present(undefined, mistaken))).toEqual({ status: 401, error: 'invalid_client' });
  });
});

test('a client that must have a nonce, and need not send a proof, gets a bearer token without one', async () => {
  const { answer } = await readToken(await ask({ grant_type: 'client_credentials', ...worker }));
  expect(answer.token_type).toBe('Bearer');
});
