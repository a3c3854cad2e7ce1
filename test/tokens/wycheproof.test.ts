import files, { type Group, type Vector } from 'virtual:wycheproof';
import { base64url, compactVerify, type JWK } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { isCanonicalCompact } from '../../src/jwt/compact.ts';
import { importPublishedKey } from '../../src/keys/signing-key.ts';
import type { SigningAlg } from '../../src/store/client-record.ts';
import { SIGNING_ALGS } from '../../src/store/client-record.ts';
import { keyAmong } from '../../src/tokens/verify.ts';
import { segment } from './forge.ts';

type Keys = Parameters<typeof keyAmong>[0];

const FILES = {
  jws: 'json_web_signature_test.json',
  jwk: 'json_web_key_test.json',
  ES256: 'ecdsa_secp256r1_sha256_p1363_test.json',
  EdDSA: 'ed25519_test.json',
  RS256: 'rsa_signature_2048_sha256_test.json',
  PS256: 'rsa_pss_2048_sha256_mgf1_32_test.json',
};

/** The groups of a file; where it is absent a test that is skipped says so. */
function groupsOf(file: string): readonly Group[] {
  const groups = files[file]?.testGroups;
  if (!groups) {
    test.skip(`J7: ${file} is not there`, () => {});
    return [];
  }
  console.log(`${file}: ${groups.flatMap(({ tests }) => tests).length} vectors`);
  return groups;
}

/** Whether our verifying takes a text for a JWS by one of these keys: all that happens before the claims of a token are looked at. */
async function isTaken(jws: unknown, keys: Keys): Promise<boolean> {
  if (typeof jws !== 'string' || !isCanonicalCompact(jws)) return false;
  return compactVerify(jws, keyAmong(keys)).then(
    () => true,
    () => false,
  );
}

/** The keys as a ring holds them. What does not import, or is for no algorithm of ours, is in none. */
async function ringOf(jwks: readonly JWK[]): Promise<Keys> {
  const keys = await Promise.all(
    jwks.map(async (jwk) => {
      const alg = SIGNING_ALGS.find((one) => one === jwk.alg);
      if (!alg || jwk.kid === undefined) return [];
      const publicKey = await importPublishedKey(jwk, alg).catch(() => undefined);
      return publicKey ? [[jwk.kid, { alg, publicKey }] as const] : [];
    }),
  );
  return new Map(keys.flat());
}

function keysOf(group: Group): readonly JWK[] {
  const found = group.public ?? group.private;
  return found?.keys ?? (found ? [found] : []);
}

function name({ tcId, comment, flags, result }: Vector): string {
  return `${result} ${tcId} ${comment || flags.join()}`;
}

describe('JSON Web Signature', () => {
  groupsOf(FILES.jws).forEach((group, index) => {
    const { comment, tests } = group;
    const keys = keysOf(group);
    const alg = keys[0]?.alg;
    const title = `J7: group ${index}, ${comment}`;

    const expectAll = (vectors: typeof tests, taken: boolean) => async () => {
      const ring = await ringOf(keys);
      const wrong = [];
      for (const vector of vectors) if ((await isTaken(vector.jws, ring)) !== taken) wrong.push(name(vector));
      expect(wrong).toEqual([]);
    };

    if (!SIGNING_ALGS.some((one) => one === alg)) {
      const reason = `a ring holds no key for ${alg ?? 'no algorithm in particular'}`;
      test(`${title}: none of ${tests.length} vectors is taken, as ${reason}`, expectAll(tests, false));
      return;
    }
    const invalid = tests.filter(({ result }) => result === 'invalid');
    const valid = tests.filter(({ result }) => result === 'valid');
    const empty = valid.filter((vector) => vector.comment === 'emptyPayload');
    const full = valid.filter((vector) => !empty.includes(vector));
    if (invalid.length > 0) {
      test(`${title}: all ${invalid.length} invalid vectors are refused`, expectAll(invalid, false));
    }
    if (full.length > 0) test(`${title}: all ${full.length} valid vectors are taken`, expectAll(full, true));
    for (const vector of empty) {
      test(
        `${title}: ${name(vector)} is refused all the same, as nothing is no claims set`,
        expectAll([vector], false),
      );
    }
  });
});

describe('JSON Web Key', () => {
  for (const group of groupsOf(FILES.jwk)) {
    const keys = keysOf(group);
    for (const vector of group.tests) {
      const title = `J7: ${group.comment}: ${name(vector)}`;
      if (keys.some(({ kty }) => kty === 'oct')) {
        test.skip(`${title}, as a ring holds no symmetric key`, () => {});
      } else if (vector.comment === 'rejectsKeyWithRocaVulnerability') {
        test.skip(`${title}, as a ring holds only keys that the service made itself`, () => {});
      } else {
        test(title, async () => {
          expect(await isTaken(vector.jws, await ringOf(keys))).toBe(vector.result === 'valid');
        });
      }
    }
  }
});

describe('signatures', () => {
  describe.each(['ES256', 'EdDSA', 'RS256'] as const)('%s', (alg) => {
    const vectors = groupsOf(FILES[alg]).flatMap((group) => group.tests.map((vector) => ({ group, vector })));

    for (const result of ['invalid', 'valid', 'acceptable'] as const) {
      const chosen = vectors.filter(({ vector }) => vector.result === result);
      if (chosen.length === 0) continue;
      const policy = result === 'valid' ? 'are taken' : 'are refused';
      test(`J7: all ${chosen.length} ${result} vectors ${policy}`, async () => {
        const wrong = [];
        for (const { group, vector } of chosen) {
          if ((await isSignature(alg, group, vector)) !== (result === 'valid')) wrong.push(name(vector));
        }
        expect(wrong).toEqual([]);
      });
    }
  });

  const pss = groupsOf(FILES.PS256).flatMap((group) => group.tests.map((vector) => ({ group, vector })));
  if (pss.length > 0) {
    test(`J7: of ${pss.length} vectors for RSASSA-PSS, none is taken for RS256 but the one that is`, async () => {
      for (const { group, vector } of pss) {
        const isPkcs1 = vector.flags.includes('WrongPrimitive');
        expect([name(vector), await isSignature('RS256', group, vector)]).toEqual([name(vector), isPkcs1]);
      }
    });
  }

  /**
   * Whether the signature is taken, by way of a JWS that has it. A vector's message is no JWS signing input, so it takes the place of
   * that at the last step, where jose calls the runtime.
   */
  async function isSignature(
    alg: SigningAlg,
    { publicKeyJwk, keyJwk, publicKey }: Group,
    { msg, sig }: Vector,
  ): Promise<boolean> {
    const point = () => ({ kty: 'EC', crv: 'P-256', x: hexToBase64url(publicKey.wx), y: hexToBase64url(publicKey.wy) });
    const jwk = { ...(publicKeyJwk ?? keyJwk ?? point()), alg };
    const keys = new Map([['vector', { alg, publicKey: await importPublishedKey(jwk, alg) }]]);
    const jws = `${segment({ alg, kid: 'vector' })}.${segment({})}.${hexToBase64url(sig)}`;

    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const spy = vi
      .spyOn(crypto.subtle, 'verify')
      .mockImplementation((algorithm, key, signature) => verify(algorithm, key, signature, fromHex(msg)));
    try {
      return await isTaken(jws, keys);
    } finally {
      spy.mockRestore();
    }
  }

  function hexToBase64url(text: string): string {
    return base64url.encode(fromHex(text));
  }

  function fromHex(text: string): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  }
});
