import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { calculateJwkThumbprint, decodeJwt } from 'jose';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { DPOP_PROOF_AGE, SIGNER_CLOCK_SKEW } from '../../../src/oauth/constants.ts';
import { gateOf } from '../../client-gate/gate.ts';
import {
  api,
  type Credentials,
  createClient,
  done,
  getToken,
  introspect,
  manage,
  requestToken,
  send,
  type TokenAnswer,
  world,
} from '../../http.ts';
import { requestLines } from '../../log/lines.ts';
import { ask, askWith, assertionOf, keyWorld, proofOf, seconds } from '../../machines.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { readError, readToken } from '../answers.ts';

let scene: Awaited<ReturnType<typeof world>>;
let holder: Signer;
let jkt: string;

beforeAll(async () => {
  scene = await world('dpop-bound', { requestable_claims: ['tenant'] });
  holder = await newSigner('ES256');
  jkt = await calculateJwkThumbprint(holder.publicJwk);
});

afterEach(() => void vi.useRealTimers());

function askProving(client: Credentials, dpop: string, form: Record<string, string> = {}): Promise<Response> {
  return ask({ grant_type: 'client_credentials', ...client, ...form }, { dpop });
}

async function boundToken(client: Credentials = scene.worker): Promise<TokenAnswer> {
  return (await readToken(await askProving(client, await proofOf(holder)))).answer;
}

describe('a token for a proof', () => {
  test('RFC 9449 5, 6.1: of a client with a secret is of the type DPoP and confirms the proof’s key', async () => {
    const { answer, claims } = await readToken(await askProving(scene.worker, await proofOf(holder)));
    expect([answer.token_type, claims.cnf]).toEqual(['DPoP', { jkt }]);
  });

  test('RFC 9449 5, 6.1: of a client with a key confirms the proof’s key, which may be the one that it authenticates with, or another', async () => {
    const { signer, clientId } = await keyWorld('dpop-bound-key');
    for (const one of [signer, holder]) {
      const assertion = await assertionOf(clientId, signer);
      const { answer, claims } = await readToken(await askWith(assertion, {}, { dpop: await proofOf(one) }));
      const expected = { jkt: await calculateJwkThumbprint(one.publicJwk) };
      expect([answer.token_type, claims.cnf]).toEqual(['DPoP', expected]);
    }
  });

  test('without a proof it confirms nothing', async () => {
    const answer = await getToken(scene.worker);
    expect(answer.token_type).toBe('Bearer');
    expect(decodeJwt(answer.access_token)).not.toHaveProperty('cnf');
  });

  test('RFC 9449 6.2, RFC 7662 2.2: introspection tells what it confirms, strongly and at the edge', async () => {
    const { access_token } = await boundToken();
    for (const introspection of ['strong', 'edge']) {
      const answer = await introspect(scene.api, access_token, { introspection });
      expect(await answer.json()).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } });
    }
    const bearer = await (await introspect(scene.api, (await getToken(scene.worker)).access_token)).json<object>();
    expect(bearer).toMatchObject({ active: true, token_type: 'Bearer' });
    expect(bearer).not.toHaveProperty('cnf');
  });

  test('it is revoked as any other is', async () => {
    const { access_token } = await boundToken();
    await done('POST', 'tokens/revoke', { body: { token: access_token } });
    expect(await (await introspect(scene.api, access_token)).json()).toEqual({ active: false });
  });
});

describe('what it confirms is the proof’s key alone', () => {
  test('no claim that is asked for takes its place', async () => {
    const claims = JSON.stringify({ cnf: 'mine' });
    const proof = await proofOf(holder);
    expect(await readError(await askProving(scene.worker, proof, { claims }))).toEqual({
      status: 400,
      error: 'invalid_request',
    });
    const asked = await askProving(scene.worker, await proofOf(holder), { claims: JSON.stringify({ tenant: 'a' }) });
    expect((await readToken(asked)).claims).toMatchObject({ tenant: 'a', cnf: { jkt } });
  });

  test('no claim of the client’s takes its place', async () => {
    const client = { organization_id: scene.organization, client_name: 'claims' };
    for (const fields of [{ claims: { cnf: { jkt: 'mine' } } }, { requestable_claims: ['cnf'] }]) {
      expect((await manage('clients', { ...client, ...fields })).status).toBe(422);
    }
    const body = { claims: { cnf: { jkt: 'mine' } } };
    expect((await api('PATCH', `clients/${scene.worker.client_id}`, { body })).status).toBe(422);
  });

  test('a thumbprint that the proof claims for itself counts for nothing', async () => {
    const claims = { cnf: { jkt: 'mine' }, jkt: 'mine' };
    const { claims: given } = await readToken(await askProving(scene.worker, await proofOf(holder, claims)));
    expect(given.cnf).toEqual({ jkt });
  });
});

describe('a proof that was used', () => {
  async function expectReplayed(client: Credentials, proof: string): Promise<void> {
    const answers: Response[] = [];
    const lines = await requestLines(async () => answers.push(await askProving(client, proof)));
    for (const answer of answers) expect(await readError(answer)).toEqual({ status: 400, error: 'invalid_dpop_proof' });
    expect(lines).toMatchObject([{ reason: 'proof_replayed' }]);
  }

  test('RFC 9449 11.1: is refused, also after the gate was evicted', async () => {
    const proof = await proofOf(holder);
    await readToken(await askProving(scene.worker, proof));
    await expectReplayed(scene.worker, proof);
    await evictDurableObject(gateOf(scene.worker));
    await expectReplayed(scene.worker, proof);
  });

  test('RFC 9449 11.1: so is another with its jti', async () => {
    const jti = crypto.randomUUID();
    await readToken(await askProving(scene.worker, await proofOf(holder, { jti })));
    await expectReplayed(scene.worker, await proofOf(holder, { jti }));
  });

  test('gives one token to 50 requests at once', async () => {
    const proof = await proofOf(holder);
    const answers = await Promise.all(Array.from({ length: 50 }, () => askProving(scene.worker, proof)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(49).fill(400)]);
  });

  test('RFC 9449 11.1: is refused for as long as its age would have it taken, whatever the gate has forgotten meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const iat = seconds() + SIGNER_CLOCK_SKEW;
    const proof = await proofOf(holder, { iat });
    await readToken(await askProving(scene.worker, proof));
    vi.setSystemTime((iat + DPOP_PROOF_AGE) * 1000);
    await runDurableObjectAlarm(gateOf(scene.worker));
    await expectReplayed(scene.worker, proof);
    await evictDurableObject(gateOf(scene.worker));
    await expectReplayed(scene.worker, proof);
  });

  test('a jti that an assertion had is not used, nor one for an assertion that a proof had', async () => {
    const { signer, clientId } = await keyWorld('dpop-bound-jti');
    const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const asked = async (ofAssertion: string, ofProof: string) =>
      askWith(
        await assertionOf(clientId, signer, { jti: ofAssertion }),
        {},
        { dpop: await proofOf(signer, { jti: ofProof }) },
      );
    await readToken(await asked(one, other));
    await readToken(await asked(other, one));
    expect((await asked(one, crypto.randomUUID())).status).toBe(401);
    expect((await asked(crypto.randomUUID(), one)).status).toBe(400);
  });

  test('it is no other client’s', async () => {
    const proof = await proofOf(holder, { jti: 'of two clients' });
    const { worker } = await world('dpop-bound-other');
    for (const client of [scene.worker, worker]) await readToken(await askProving(client, proof));
  });

  test('takes its allowance, and the assertion beside it stays good', async () => {
    const { signer, clientId } = await keyWorld('dpop-bound-poor', { rate_limit: { per_minute: 1, burst: 5 } });
    const proof = await proofOf(holder);
    await readToken(await askWith(await assertionOf(clientId, signer), {}, { dpop: proof }));
    const assertion = await assertionOf(clientId, signer);
    for (let time = 0; time < 3; time++) {
      const { error } = await readError(await askWith(assertion, {}, { dpop: proof }));
      expect(error).toBe('invalid_dpop_proof');
    }
    await readToken(await askWith(assertion, {}, { dpop: await proofOf(holder) }));
    const next = await askWith(await assertionOf(clientId, signer), {}, { dpop: proof });
    expect(await readError(next)).toEqual({ status: 429, error: 'slow_down' });
  });

  test('one that was refused for the rate limit is not used', async () => {
    const { worker } = await world('dpop-bound-limited', { rate_limit: { per_minute: 60, burst: 1 } });
    vi.useFakeTimers({ toFake: ['Date'] });
    await boundToken(worker);
    const proof = await proofOf(holder);
    expect((await askProving(worker, proof)).status).toBe(429);
    vi.setSystemTime(Date.now() + 1000);
    expect((await askProving(worker, proof)).status).toBe(200);
  });

  test('one that was refused for the grant is used', async () => {
    const proof = await proofOf(holder);
    const refused = await askProving(scene.worker, proof, { scope: 'admin' });
    expect(await readError(refused)).toEqual({ status: 400, error: 'invalid_scope' });
    await expectReplayed(scene.worker, proof);
  });
});

describe('a client whose every token must be bound to a key', () => {
  let bound: Credentials;

  beforeAll(async () => {
    bound = await createClient({
      organization_id: scene.organization,
      client_name: 'bound',
      dpop_bound_access_tokens: true,
      grants: [{ resource_server: scene.identifier, scopes: ['read'] }],
    });
  });

  test('RFC 9449 5.2: without a proof gets invalid_request, and with one a token', async () => {
    expect(await readError(await requestToken(bound))).toEqual({ status: 400, error: 'invalid_request' });
    expect((await boundToken(bound)).token_type).toBe('DPoP');
  });

  test('a certificate is no proof of a key', async () => {
    const tls = {
      certPresented: '1',
      certVerified: 'SUCCESS',
      certRevoked: '0',
      certFingerprintSHA256: 'a'.repeat(64),
    };
    const answer = await ask({ grant_type: 'client_credentials', ...bound }, { tls });
    expect(await readError(answer)).toEqual({ status: 400, error: 'invalid_request' });
  });

  test('who does not know the secret is told nothing of it', async () => {
    const guess = { ...bound, client_secret: scene.worker.client_secret };
    expect(await readError(await requestToken(guess))).toEqual({ status: 401, error: 'invalid_client' });
  });

  test('is so from the moment that it is told to be, and no longer than it is', async () => {
    const path = `clients/${bound.client_id}`;
    await done('PATCH', path, { body: { dpop_bound_access_tokens: false } });
    expect((await getToken(bound)).token_type).toBe('Bearer');
    await done('PATCH', path, { body: { dpop_bound_access_tokens: true } });
    expect((await requestToken(bound)).status).toBe(400);
  });
});

describe('the strict profile', () => {
  test('FAPI 2.0 5.4.1: a proof signed with RS256 is refused, with any other algorithm it is taken', async () => {
    const { signer, clientId } = await keyWorld('dpop-bound-strict', { security_profile: 'strict' });
    const asked = async (alg: Signer['alg']) =>
      askWith(await assertionOf(clientId, signer), {}, { dpop: await proofOf(await newSigner(alg)) });
    expect(await readError(await asked('RS256'))).toEqual({ status: 400, error: 'invalid_dpop_proof' });
    for (const alg of ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const) await readToken(await asked(alg));
  });
});

describe('beside the token endpoint', () => {
  test('a proof at introspection and revocation counts for nothing, whatever it is', async () => {
    const { access_token: token } = await boundToken();
    const used = await proofOf(holder);
    await readToken(await askProving(scene.worker, used));
    for (const dpop of ['nonsense', used, `${used}, ${used}`]) {
      const introspected = await ask({ ...scene.api, token }, { dpop, path: '/oauth2/introspect' });
      expect(await introspected.json()).toMatchObject({ active: true });
    }
    for (const dpop of ['nonsense', used]) {
      const revoked = await ask({ ...scene.worker, token }, { dpop, path: '/oauth2/revoke' });
      expect(revoked.status).toBe(200);
    }
    expect(await (await introspect(scene.api, token)).json()).toEqual({ active: false });
  });

  test('the key of a proof authenticates nobody', async () => {
    const { clientId, signer } = await keyWorld('dpop-bound-nobody');
    const answer = await ask(
      { grant_type: 'client_credentials', client_id: clientId },
      { dpop: await proofOf(signer, { iss: clientId, sub: clientId }) },
    );
    expect(await readError(answer)).toEqual({ status: 401, error: 'invalid_client' });
  });

  test('RFC 9449 5.1: the metadata name the algorithms that proofs may be signed with', async () => {
    const metadata = await (await send('/.well-known/oauth-authorization-server')).json<Record<string, string[]>>();
    const algs = metadata.dpop_signing_alg_values_supported ?? [];
    expect(algs.length).toBeGreaterThan(0);
    for (const alg of algs) {
      const signer = await newSigner(alg as Signer['alg']);
      await readToken(await askProving(scene.worker, await proofOf(signer)));
    }
  });
});
