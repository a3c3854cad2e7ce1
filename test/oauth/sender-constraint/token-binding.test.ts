import { calculateJwkThumbprint } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { certificates, jwkOf, NO_CERTIFICATE, tlsOf } from '../../certificates.ts';
import { type Credentials, done, introspect, world } from '../../http.ts';
import { withFault } from '../../instruments.ts';
import { ask, askWith, assertionOf, keyWorld, proofOf } from '../../machines.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { readError, readToken } from '../answers.ts';

// Certificate-bound tokens (RFC 8705 section 3), also together with DPoP (RFC 9449), which has its own files.

const { named, own, stranger } = certificates;
const BOUND = { tls_client_certificate_bound_access_tokens: true };

let holder: Signer;
let jkt: string;

beforeAll(async () => {
  holder = await newSigner('ES256');
  jkt = await calculateJwkThumbprint(holder.publicJwk);
});

function askAs(client: Partial<Credentials>, connection: Parameters<typeof ask>[1] = {}): Promise<Response> {
  return ask({ grant_type: 'client_credentials', ...(client as Credentials) }, connection);
}

/** A token's `cnf` and its `token_type`. */
async function boundTo(response: Response): Promise<{ token_type: string; cnf: unknown }> {
  const { answer, claims } = await readToken(response);
  return { token_type: answer.token_type, cnf: claims.cnf };
}

const byCertificate = ({ x5t }: { readonly x5t: string }) => ({ token_type: 'Bearer', cnf: { 'x5t#S256': x5t } });

async function expectMissing(response: Response): Promise<void> {
  expect(await readError(response)).toEqual({ status: 400, error: 'invalid_request' });
}

describe('RFC 8705 3: a client whose tokens are bound to certificates gets one with the SHA-256 of the connection’s', () => {
  test('with a secret', async () => {
    const { worker } = await world('bound-secret', BOUND);
    for (const one of [named, own])
      expect(await boundTo(await askAs(worker, { tls: tlsOf(one) }))).toEqual(byCertificate(one));
  });

  test('with a key', async () => {
    const { signer, clientId } = await keyWorld('bound-key', BOUND);
    const answer = await askWith(await assertionOf(clientId, signer), {}, { tls: tlsOf(named) });
    expect(await boundTo(answer)).toEqual(byCertificate(named));
  });

  test('with a certificate by its subject: each token is bound to the one that it was given for', async () => {
    const { worker } = await world('bound-subject', {
      ...BOUND,
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: named.subject,
    });
    for (const one of [named, certificates.nameless]) {
      const answer = await askAs({ client_id: worker.client_id }, { tls: tlsOf(one) });
      expect(await boundTo(answer)).toEqual(byCertificate(one));
    }
  });

  test('with a certificate that is registered', async () => {
    const { worker } = await world('bound-self-signed', {
      ...BOUND,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [await jwkOf(own)] },
    });
    const tls = tlsOf(own, { certVerified: 'FAILED:self signed certificate' });
    expect(await boundTo(await askAs({ client_id: worker.client_id }, { tls }))).toEqual(byCertificate(own));
  });

  test('whose chain leads nowhere: whoever has its key is its holder', async () => {
    const { worker } = await world('bound-unverified', BOUND);
    const tls = tlsOf(own, { certVerified: 'FAILED:self signed certificate' });
    expect(await boundTo(await askAs(worker, { tls }))).toEqual(byCertificate(own));
  });
});

describe('RFC 8705 3: without a certificate it gets invalid_request', () => {
  test('and no token, and it takes its allowance', async () => {
    const { worker } = await world('bound-missing', { ...BOUND, rate_limit: { per_minute: 1, burst: 4 } });
    for (const connection of [{}, { tls: NO_CERTIFICATE }, { tls: tlsOf(named, { certFingerprintSHA256: '' }) }]) {
      await expectMissing(await askAs(worker, connection));
    }
    await readToken(await askAs(worker, { tls: tlsOf(named) }));
    expect((await askAs(worker)).status).toBe(429);
  });

  test('and the assertion that it came with stays good', async () => {
    const { signer, clientId } = await keyWorld('bound-missing-key', BOUND);
    const assertion = await assertionOf(clientId, signer);
    await expectMissing(await askWith(assertion));
    await readToken(await askWith(assertion, {}, { tls: tlsOf(named) }));
  });

  test('nor is it bound to one that was revoked', async () => {
    const { worker } = await world('bound-revoked', BOUND);
    for (const certRevoked of ['1', '', undefined]) {
      await expectMissing(await askAs(worker, { tls: tlsOf(named, { certRevoked }) }));
    }
  });

  test('nor does the key of a proof stand in for it', async () => {
    const { worker } = await world('bound-not-by-proof', BOUND);
    await expectMissing(await askAs(worker, { dpop: await proofOf(holder) }));
  });

  test('which who does not know the secret is not told', async () => {
    const { worker, api } = await world('bound-guess', BOUND);
    const guess = { ...worker, client_secret: api.client_secret };
    expect(await readError(await askAs(guess))).toEqual({ status: 401, error: 'invalid_client' });
  });
});

test('a client whose tokens are not bound to certificates gets one that is bound to nothing, over whatever connection', async () => {
  const { worker } = await world('unbound');
  expect(await boundTo(await askAs(worker, { tls: tlsOf(named) }))).toEqual({ token_type: 'Bearer', cnf: undefined });
  const { worker: certified } = await world('unbound-certified', {
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: named.subject,
  });
  const answer = await askAs({ client_id: certified.client_id }, { tls: tlsOf(named) });
  expect(await boundTo(answer)).toEqual({ token_type: 'Bearer', cnf: undefined });
});

test('it is bound from the moment that it is told to be, and no longer than it is', async () => {
  const { worker } = await world('bound-changed');
  const change = (bound: boolean) =>
    done('PATCH', `clients/${worker.client_id}`, { body: { tls_client_certificate_bound_access_tokens: bound } });
  await readToken(await askAs(worker));
  await change(true);
  await expectMissing(await askAs(worker));
  expect(await boundTo(await askAs(worker, { tls: tlsOf(named) }))).toEqual(byCertificate(named));
  await change(false);
  await readToken(await askAs(worker));
});

test('RFC 8705 3.2: introspection tells what a token is bound to, whatever connection asks', async () => {
  const { worker, api } = await world('bound-introspected', BOUND);
  const { answer } = await readToken(await askAs(worker, { tls: tlsOf(named) }));
  const expected = { active: true, token_type: 'Bearer', cnf: { 'x5t#S256': named.x5t } };
  expect(await (await introspect(api, answer.access_token)).json()).toMatchObject(expected);
  const elsewhere = { path: '/oauth2/introspect', tls: tlsOf(stranger) };
  expect(await (await ask({ ...api, token: answer.access_token }, elsewhere)).json()).toMatchObject(expected);
});

describe('a key and a certificate', () => {
  test('a token may be bound to both', async () => {
    const { worker, api } = await world('bound-both', { ...BOUND, dpop_bound_access_tokens: true });
    const response = await askAs(worker, { tls: tlsOf(named), dpop: await proofOf(holder) });
    const { answer, claims } = await readToken(response);
    const cnf = { jkt, 'x5t#S256': named.x5t };
    expect([answer.token_type, claims.cnf]).toEqual(['DPoP', cnf]);
    expect(await (await introspect(api, answer.access_token)).json()).toMatchObject({ token_type: 'DPoP', cnf });
    await expectMissing(await askAs(worker, { tls: tlsOf(named) }));
    await expectMissing(await askAs(worker, { dpop: await proofOf(holder) }));
  });

  test('the strict profile asks for one of them: a proof is what counts where there are both', async () => {
    const { signer, clientId } = await keyWorld('bound-strict', { security_profile: 'strict' });
    const asked = async (connection: Parameters<typeof ask>[1]) =>
      askWith(await assertionOf(clientId, signer), {}, connection);
    await expectMissing(await asked({}));
    await expectMissing(await asked({ tls: tlsOf(named, { certRevoked: '1' }) }));
    const tls = tlsOf(named);
    expect(await boundTo(await asked({ tls }))).toEqual(byCertificate(named));
    const byKey = { token_type: 'DPoP', cnf: { jkt } };
    expect(await boundTo(await asked({ dpop: await proofOf(holder) }))).toEqual(byKey);
    expect(await boundTo(await asked({ tls, dpop: await proofOf(holder) }))).toEqual(byKey);
  });

  test('the strict profile, where the client’s tokens are bound to certificates: to both', async () => {
    const { signer, clientId } = await keyWorld('bound-strict-both', { security_profile: 'strict', ...BOUND });
    const answer = await askWith(
      await assertionOf(clientId, signer),
      {},
      { tls: tlsOf(named), dpop: await proofOf(holder) },
    );
    expect((await boundTo(answer)).cnf).toEqual({ jkt, 'x5t#S256': named.x5t });
  });
});

describe('a gate of an older version, which knows of no binding', () => {
  /** Sends a request while the client's gate answers like a version that did not bind tokens. */
  function askOlder({ client_id }: Pick<Credentials, 'client_id'>, during: () => Promise<Response>): Promise<Response> {
    const answer = async (call: () => Promise<unknown>) => {
      const { confirmation, wants_dpop_nonce, ...older } = (await call()) as Record<string, unknown>;
      return older;
    };
    return withFault(`gate:${client_id}`, answer, during);
  }

  test('a request with a proof gets 503, never a token that anybody can use', async () => {
    const { worker } = await world('older');
    const answer = await askOlder(worker, async () => askAs(worker, { dpop: await proofOf(holder) }));
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(await readError(answer)).toEqual({ status: 503, error: 'temporarily_unavailable' });
    expect(await boundTo(await askAs(worker, { dpop: await proofOf(holder) }))).toMatchObject({ token_type: 'DPoP' });
  });

  test('a request with a certificate gets 503 as well: its token may have to be bound', async () => {
    const { worker } = await world('older-certificate', BOUND);
    const answer = await askOlder(worker, () => askAs(worker, { tls: tlsOf(named) }));
    expect(await readError(answer)).toEqual({ status: 503, error: 'temporarily_unavailable' });
    expect(await boundTo(await askAs(worker, { tls: tlsOf(named) }))).toEqual(byCertificate(named));
  });

  test('a request with neither gets what it always got', async () => {
    const { worker } = await world('older-bearer');
    expect(await boundTo(await askOlder(worker, () => askAs(worker)))).toEqual({
      token_type: 'Bearer',
      cnf: undefined,
    });
  });
});
