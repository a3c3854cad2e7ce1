import files, { type Group, type Vector } from 'virtual:wycheproof';
import { base64url, compactVerify, decodeProtectedHeader, importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { isCanonicalCompact, readUnverified } from '../../src/jwt/compact.ts';
import { isAmong, VERIFICATION_ALGS, type VerificationAlg } from '../../src/jwt/public-key.ts';
import { SIGNING_ALGS } from '../../src/jwt/signing-algs.ts';
import { importPublishedKey } from '../../src/keys/signing-key.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { importKeyOnce, isSignedBy, matchesKid } from '../../src/oauth/client-authentication/signature.ts';
import { keyFinder } from '../../src/tokens/verify.ts';
import { api } from '../http.ts';
import { askWith, assertionOf, keyClient, keyWorld, proofOf, seconds, TOKEN_URL } from '../machines.ts';
import type { Signer } from '../remote-keys/signers.ts';
import { forge, segment } from './forge.ts';

// Invalid vectors are refused everywhere. Vectors marked acceptable are refused too: docs/client-authentication.md says so.

type Keys = Parameters<typeof keyFinder>[0];

/** One of the ways in which signatures are verified here, without the checks of the claims. */
interface Verifying {
  readonly algs: readonly VerificationAlg[];
  /** Whether a text is accepted as a JWS signed with one of these keys. */
  readonly isTaken: (jws: string, jwks: readonly JWK[]) => Promise<boolean>;
}

const WAYS: Readonly<Record<string, Verifying>> = {
  'access tokens': { algs: SIGNING_ALGS, isTaken: async (jws, jwks) => isTakenOfOurselves(jws, await ringOf(jwks)) },
  'what others sign': { algs: VERIFICATION_ALGS, isTaken: isTakenOfOthers },
};

const FILES = {
  jws: 'json_web_signature_test.json',
  jwk: 'json_web_key_test.json',
  ES256: 'ecdsa_secp256r1_sha256_p1363_test.json',
  EdDSA: 'ed25519_test.json',
  RS256: 'rsa_signature_2048_sha256_test.json',
  PS256: 'rsa_pss_2048_sha256_mgf1_32_test.json',
};

const counted = new Set<string>();

/** The groups of a file. If it is absent, a skipped test says so. */
function groupsOf(file: string): readonly Group[] {
  const groups = files[file]?.testGroups;
  if (!groups) {
    test.skip(`J7: ${file} is not there`, () => {});
    return [];
  }
  if (!counted.has(file)) console.log(`${file}: ${groups.flatMap(({ tests }) => tests).length} vectors`);
  counted.add(file);
  return groups;
}

async function isTakenOfOurselves(jws: string, keys: Keys): Promise<boolean> {
  if (!isCanonicalCompact(jws)) return false;
  return compactVerify(jws, keyFinder(keys)).then(
    () => true,
    () => false,
  );
}

/** The keys as a key ring holds them. Keys that do not import, or have another algorithm, are left out. */
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

async function isTakenOfOthers(jws: string, jwks: readonly JWK[]): Promise<boolean> {
  // The payloads of the vectors are not claims, so the header is read from a JWT with claims of ours.
  const [header = '', , signature = ''] = jws.split('.');
  const read = isCanonicalCompact(jws) ? readUnverified(`${header}.${segment({})}.${signature}`) : undefined;
  const { alg = '', kid } = read?.header ?? {};
  if (!isAmong(VERIFICATION_ALGS, alg)) return false;
  for (const jwk of jwks) {
    const key = matchesKid(jwk, kid) ? await importKeyOnce(jwk, alg) : undefined;
    if (key && (await isSignedBy(new Redacted(jws), alg, [key]))) return true;
  }
  return false;
}

function keysOf(group: Group): readonly JWK[] {
  return keysIn(group.public ?? group.private);
}

function keysIn(found: Group['public']): readonly JWK[] {
  return found?.keys ?? (found ? [found] : []);
}

function name({ tcId, comment, flags, result }: Vector): string {
  return `${result} ${tcId} ${comment || flags.join()}`;
}

function algOf({ jws }: Vector): string | undefined {
  try {
    return decodeProtectedHeader(String(jws)).alg;
  } catch {
    return undefined;
  }
}

describe.each(Object.entries(WAYS))('JSON Web Signature, for %s', (_, { algs, isTaken }) => {
  groupsOf(FILES.jws).forEach((group, index) => {
    const { comment, tests } = group;
    const keys = keysOf(group);
    const title = `J7: group ${index}, ${comment}`;

    const expectAll = (vectors: typeof tests, taken: boolean) => async () => {
      const wrong = [];
      for (const vector of vectors) {
        if ((typeof vector.jws === 'string' && (await isTaken(vector.jws, keys))) !== taken) wrong.push(name(vector));
      }
      expect(wrong).toEqual([]);
    };

    const invalid = tests.filter(({ result }) => result === 'invalid');
    if (invalid.length > 0) {
      test(`${title}: all ${invalid.length} invalid vectors are refused`, expectAll(invalid, false));
    }
    const valid = tests.filter(({ result }) => result === 'valid');
    const [key] = keys;
    const isSpoken = (vector: Vector) =>
      key?.alg === algOf(vector) && algs.some((alg) => alg === key?.alg) && key?.kty !== 'oct';
    const foreign = valid.filter((vector) => !isSpoken(vector));
    if (foreign.length > 0) {
      test(
        `${title}: all ${foreign.length} valid vectors by a key for ${key?.alg} are refused all the same`,
        expectAll(foreign, false),
      );
    }
    const empty = valid.filter((vector) => isSpoken(vector) && vector.comment === 'emptyPayload');
    const full = valid.filter((vector) => isSpoken(vector) && vector.comment !== 'emptyPayload');
    if (full.length > 0) test(`${title}: all ${full.length} valid vectors are taken`, expectAll(full, true));
    for (const vector of empty) {
      test(
        `${title}: ${name(vector)} is refused all the same, as nothing is no claims set`,
        expectAll([vector], false),
      );
    }
  });
});

describe.each(Object.entries(WAYS))('JSON Web Key, for %s', (way, { isTaken }) => {
  for (const group of groupsOf(FILES.jwk)) {
    const keys = keysOf(group);
    for (const vector of group.tests) {
      const title = `J7: ${group.comment}: ${name(vector)}`;
      const isRefused = async () => expect(await isTaken(String(vector.jws), keys)).toBe(false);
      if (keys.some(({ kty }) => kty === 'oct')) {
        test(`${title}: refused, as no symmetric key is one here`, isRefused);
      } else if (way === 'access tokens' && vector.comment === 'rejectsKeyWithRocaVulnerability') {
        test.skip(`${title}, as a ring holds only keys that the service made itself`, () => {});
      } else if (vector.result === 'invalid') {
        test(`${title}: refused`, isRefused);
      } else {
        test(`${title}: taken`, async () => expect(await isTaken(String(vector.jws), keys)).toBe(true));
      }
    }
  }
});

describe.each(Object.entries(WAYS))('signatures, for %s', (_, { algs, isTaken }) => {
  describe.each((['ES256', 'EdDSA', 'RS256', 'PS256'] as const).filter((alg) => algs.includes(alg)))('%s', (alg) => {
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
   * Whether the signature is accepted, in a JWS that contains it. A vector's message is not a JWS signing input, so it replaces the
   * signing input at the last step, when jose calls the runtime.
   */
  async function isSignature(
    alg: VerificationAlg,
    { publicKeyJwk, keyJwk, publicKey }: Group,
    { msg, sig }: Vector,
  ): Promise<boolean> {
    const point = () => ({ kty: 'EC', crv: 'P-256', x: hexToBase64url(publicKey.wx), y: hexToBase64url(publicKey.wy) });
    const jwk = { ...(publicKeyJwk ?? keyJwk ?? point()), alg, kid: 'vector' };
    const jws = `${segment({ alg, kid: 'vector' })}.${segment({})}.${hexToBase64url(sig)}`;

    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const spy = vi
      .spyOn(crypto.subtle, 'verify')
      .mockImplementation((algorithm, key, signature) => verify(algorithm, key, signature, fromHex(msg)));
    try {
      return await isTaken(jws, [jwk]);
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

describe('over HTTP', () => {
  const tokenOf = async (response: Response) => [response.status, (await response.json<{ error?: string }>()).error];
  let scene: Awaited<ReturnType<typeof keyWorld>>;
  beforeAll(async () => {
    scene = await keyWorld('wycheproof');
  });

  /** A signer with a group's key, if machines may sign with it. */
  async function signerOf(group: Group): Promise<Signer | undefined> {
    const [publicJwk] = keysIn(group.public);
    const [privateJwk] = keysIn(group.private);
    const alg = VERIFICATION_ALGS.find((one) => one === privateJwk?.alg);
    if (!alg || !publicJwk || !privateJwk) return undefined;
    const { use: _, key_ops: __, ...bare } = privateJwk;
    const privateKey = await importJWK(bare, alg).catch(() => undefined);
    return privateKey instanceof Uint8Array || !privateKey ? undefined : { alg, privateKey, publicJwk, privateJwk };
  }

  groupsOf(FILES.jws).forEach((group, index) => {
    if (!group.public || !VERIFICATION_ALGS.some((alg) => alg === group.public?.alg)) return;
    test(`J7: group ${index}, ${group.comment}: with its key registered, none of ${group.tests.length} vectors is an assertion or a proof, but what the key signs is`, async () => {
      const signer = await signerOf(group);
      if (!signer) throw new Error('the key is one that machines sign with');
      const clientId = await keyClient(scene, `group ${index}`, [signer.publicJwk]);
      for (const { jws } of group.tests) {
        if (typeof jws !== 'string') continue;
        expect(await tokenOf(await askWith(jws))).toEqual([401, 'invalid_client']);
        const assertion = await assertionOf(scene.clientId, scene.signer);
        expect(await tokenOf(await askWith(assertion, {}, { dpop: jws }))).toEqual([400, 'invalid_dpop_proof']);
      }
      const header = { kid: signer.publicJwk.kid };
      const { key_ops: _, ...jwk } = signer.publicJwk;
      const dpop = await proofOf(signer, {}, { jwk });
      const response = await askWith(await assertionOf(clientId, signer, {}, header), {}, { dpop });
      expect(await response.json()).toMatchObject({ token_type: 'DPoP' });
    });
  });

  for (const group of groupsOf(FILES.jwk)) {
    const [vector] = group.tests;
    const [jwk] = keysIn(group.public);
    if (!vector || !jwk) continue;
    const isGood = vector.result === 'valid';
    const title = `J7: ${group.comment}: ${name(vector)}`;

    test(`${title}: the key is ${isGood ? 'registered' : 'not registered'}`, async () => {
      const { status } = await api('POST', 'clients', {
        body: {
          organization_id: scene.organization,
          client_name: `key ${vector.tcId}`,
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [jwk] },
        },
      });
      expect(status).toBe(isGood ? 201 : 422);
    });

    test(`${title}: a proof by the key is ${isGood ? 'taken' : 'refused'}`, async () => {
      const { alg, privateKey } = (await signerOf(group)) ?? scene.signer;
      const signing = SIGNING_ALGS.find((one) => one === alg) ?? 'ES256';
      const claims = { htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: crypto.randomUUID() };
      // Signs with the runtime itself, because jose does not sign with every key.
      const dpop = await forge({ alg: signing, typ: 'dpop+jwt', jwk }, claims, { alg: signing, privateKey });
      const response = await askWith(await assertionOf(scene.clientId, scene.signer), {}, { dpop });
      expect(await tokenOf(response)).toEqual(isGood ? [200, undefined] : [400, 'invalid_dpop_proof']);
    });
  }
});
