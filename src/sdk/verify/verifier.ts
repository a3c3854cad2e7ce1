import { type CryptoKey, compactVerify, errors, type JWSHeaderParameters, type JWTPayload } from 'jose';
import { SdkError } from '../lib/errors.ts';
import { invalidOption, isObject } from '../lib/http.ts';
import { certificateThumbprint } from './certificate.ts';
import { type ChallengeOptions, challenge, type RefusalDetails, type Scheme } from './challenges.ts';
import { isRefusal, judgeClaims, judgeRights, listOf } from './claims.ts';
import {
  CLOCK_TOLERANCE,
  CLOCK_TOLERANCE_MAX,
  PROOF_ALGS,
  RETRY_AFTER,
  TOKEN_ALGS,
  TOKEN_LENGTH_MAX,
  TOKEN_TYPES,
} from './constants.ts';
import { Introspection } from './introspection.ts';
import { KeySet } from './keys.ts';
import { Nonces } from './nonces.ts';
import type {
  ResourceRequest,
  VerifiedToken,
  Verifier,
  VerifierEvent,
  VerifierOptions,
  VerifyOptions,
} from './options.ts';
import { judgeProof } from './proof.ts';
import { ReplayMemory, type ReplayStore } from './replay.ts';
import { NO_CHECK, type RevocationCheck } from './revocations.ts';
import { VerificationError } from './verification-error.ts';

/**
 * Returns a verifier of the access tokens of one API: offline by the keys of the issuer, with the proof of possession that a token asks for
 * ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4)). Create it once and keep it.
 * @throws SdkError `invalid_option`
 * @example
 * const orders = verifier({ issuer: 'https://auth.example.com', audience: 'https://orders.example' });
 * const { client_id, scopes } = await orders.authenticate(request, { scope: 'orders:read' });
 */
export function verifier(options: VerifierOptions): Verifier {
  return new TokenVerifier(options);
}

/** An access token as it was presented. */
interface Presented {
  readonly token: string;
  readonly scheme: Scheme;
  readonly request?: ResourceRequest;
}

/** Why a token is refused. Becomes an answer at the end, because the challenges need the nonce. */
class Refused extends Error {
  readonly code: string;
  readonly details: RefusalDetails;

  constructor(code: string, message: string, details: RefusalDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

const NO_CREDENTIALS = 'The request has no access token.';

class TokenVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #types: ReadonlySet<unknown>;
  readonly #algorithms: string[];
  readonly #keys: KeySet;
  readonly #revocations: RevocationCheck;
  readonly #replays: ReplayStore;
  readonly #nonces: Nonces | undefined;
  readonly #challenges: ChallengeOptions;
  readonly #tolerance: number;

  constructor(options: VerifierOptions) {
    const {
      audience,
      algorithms = TOKEN_ALGS,
      types = TOKEN_TYPES,
      clockTolerance = CLOCK_TOLERANCE,
      dpop = {},
    } = options;
    if (typeof audience !== 'string' || audience === '') throw invalidOption('audience is required.');
    if (!(clockTolerance >= 0 && clockTolerance <= CLOCK_TOLERANCE_MAX)) {
      throw invalidOption(`clockTolerance must be from 0 to ${CLOCK_TOLERANCE_MAX} seconds.`);
    }
    const symmetric = algorithms.find((alg) => /^(none|HS\d+)$/i.test(alg));
    if (symmetric !== undefined)
      throw invalidOption(`algorithms must not have ${symmetric}: it needs a secret, not a public key.`);
    if (options.baseUrl !== undefined && !URL.canParse(options.baseUrl))
      throw invalidOption(`baseUrl is not a URL: ${options.baseUrl}`);
    this.#options = options;
    this.#types = new Set(types.map((type) => type.toLowerCase()));
    this.#algorithms = [...algorithms];
    this.#tolerance = clockTolerance;
    this.#keys = new KeySet(options, (event) => this.#notify(event));
    this.#revocations = this.#checkOf(options);
    this.#replays = dpop.replays ?? new ReplayMemory();
    const nonces = dpop.nonces === undefined || dpop.nonces === false ? undefined : new Nonces(dpop.nonces);
    this.#nonces = nonces;
    this.#challenges = {
      schemes: dpop.required ? ['DPoP'] : ['Bearer', 'DPoP'],
      algs: dpop.algorithms ?? PROOF_ALGS,
      resourceMetadata: options.resourceMetadata,
      nonce: () => nonces?.offer(Date.now()),
    };
  }

  verify(token: string, options: VerifyOptions = {}): Promise<VerifiedToken> {
    return this.#answering(() => this.#judge({ token, scheme: 'Bearer' }, options), options);
  }

  authenticate(request: ResourceRequest, options: VerifyOptions = {}): Promise<VerifiedToken> {
    return this.#answering(() => this.#judge(presented(request), options), options);
  }

  async #judge({ token: raw, scheme, request }: Presented, options: VerifyOptions): Promise<VerifiedToken> {
    const claims = await this.#verifySignature(raw, scheme);
    const token = judgeClaims(claims, this.#options, Date.now());
    if (isRefusal(token)) throw new Refused(token.code, token.message, { scheme });
    await this.#requirePossession(token, { token: raw, scheme, ...(request && { request }) }, options);
    if (await this.#revocations.isRevoked(token, raw))
      throw new Refused('invalid_token', 'The token is revoked.', { scheme });
    const refusal = judgeRights(token, this.#options, options);
    if (refusal) throw new Refused(refusal.code, refusal.message, { scheme, scope: refusal.scope });
    return token;
  }

  /** Verifies the signature with a key of the issuer, and the header ([RFC 8725](https://www.rfc-editor.org/rfc/rfc8725)). @returns the claims */
  async #verifySignature(token: string, scheme: Scheme): Promise<JWTPayload> {
    const malformed = () =>
      new Refused('invalid_token', 'The token is not a signed JWT of the expected type.', { scheme });
    if (typeof token !== 'string' || token.length > TOKEN_LENGTH_MAX) throw malformed();
    let keys: readonly CryptoKey[] = [];
    const keyOf = async (header: JWSHeaderParameters): Promise<CryptoKey> => {
      if (!this.#types.has(typeof header.typ === 'string' ? header.typ.toLowerCase() : header.typ)) throw malformed();
      keys = await this.#keys.find(header);
      const [first] = keys;
      if (!first) throw new Refused('invalid_token', 'No key of the issuer has made the signature.', { scheme });
      return first;
    };
    const algorithms = { algorithms: this.#algorithms };
    try {
      const { payload } = await compactVerify(token, keyOf, algorithms);
      return claimsOf(payload) ?? Promise.reject(malformed());
    } catch (error) {
      if (error instanceof Refused || error instanceof SdkError) throw error;
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw malformed();
      for (const key of keys.slice(1)) {
        const verified = await compactVerify(token, key, algorithms).catch(() => undefined);
        const claims = verified && claimsOf(verified.payload);
        if (claims) return claims;
      }
      throw new Refused('invalid_token', 'The signature of the token is wrong.', { scheme });
    }
  }

  /**
   * Requires the proofs of possession that a token names in `cnf` ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800)). A member that is not
   * known is a proof that nobody checked.
   */
  async #requirePossession(
    token: VerifiedToken,
    presentation: Presented,
    { certificate }: VerifyOptions,
  ): Promise<void> {
    const { scheme, request } = presentation;
    const { cnf } = token.claims;
    const refuse = (message: string) => new Refused('invalid_token', message, { scheme });
    if (cnf !== undefined && !isObject(cnf)) throw refuse('The cnf of the token is no object.');
    const { jkt, 'x5t#S256': x5t, ...others } = cnf ?? {};
    const isEmpty = cnf !== undefined && jkt === undefined && x5t === undefined;
    if (isEmpty || Object.keys(others).length > 0) throw refuse('The token is bound in a way that is not known here.');
    if (x5t !== undefined) {
      // Behind a proxy, the certificate of the connection is the proxy's.
      const shown = request && this.#options.certificate ? this.#options.certificate(request) : certificate;
      const thumbprint = shown === undefined ? undefined : await certificateThumbprint(shown);
      if (thumbprint === undefined || thumbprint !== x5t) throw refuse('The token is bound to another certificate.');
    }
    if (jkt === undefined) {
      if (scheme === 'DPoP') throw refuse('The token is not bound to a DPoP key.');
      if (this.#options.dpop?.required) throw refuse('The token must be bound to a DPoP key.');
      return;
    }
    if (typeof jkt !== 'string' || scheme !== 'DPoP' || !request) throw refuse('The token is bound to a DPoP key.');
    await this.#requireProof(jkt, presentation.token, request);
  }

  async #requireProof(jkt: string, token: string, request: ResourceRequest): Promise<void> {
    const scheme = 'DPoP';
    const refuse = (message: string, code = 'invalid_dpop_proof') => new Refused(code, message, { scheme });
    const header = request.headers.get('DPoP');
    // Several headers are joined with commas, which no proof has.
    if (header === null || header.length > TOKEN_LENGTH_MAX) throw refuse('The request has no DPoP proof.');
    const now = Date.now();
    const url = locatedAt(request.url, this.#options.baseUrl);
    const { method } = request;
    const proof = await judgeProof(header, {
      method,
      url,
      token,
      jkt,
      algs: this.#challenges.algs,
      tolerance: this.#tolerance,
      now,
    });
    if (typeof proof === 'string') throw refuse(proof);
    if (this.#nonces && !(await this.#nonces.accepts(proof.nonce, now))) {
      throw refuse('The DPoP proof must have the nonce of the header DPoP-Nonce.', 'use_dpop_nonce');
    }
    if (!(await this.#use(proof.id, proof.expiresAt))) throw refuse('The DPoP proof was used before.');
  }

  async #use(id: string, expiresAt: number): Promise<boolean> {
    try {
      return await this.#replays.use(id, expiresAt);
    } catch (cause) {
      if (cause instanceof SdkError) throw cause;
      throw new SdkError('replays_unavailable', 'The store of used proofs failed.', { isTemporary: true, cause });
    }
  }

  /** Turns every failure into the answer for the caller. */
  async #answering(judge: () => Promise<VerifiedToken>, { scope }: VerifyOptions): Promise<VerifiedToken> {
    try {
      return await judge();
    } catch (cause) {
      const error = await this.#answerTo(cause, scope);
      this.#notify({ type: 'refused', error });
      throw error;
    }
  }

  #answerTo(cause: unknown, scope: VerifyOptions['scope']): Promise<VerificationError> | VerificationError {
    if (cause instanceof Refused) {
      // A request without credentials learns what it needs (RFC 6750 section 3).
      const wanted = cause.code === 'missing_token' ? [...listOf(this.#options.scope), ...listOf(scope)] : undefined;
      return challenge(cause.code, cause.message, { scope: wanted, ...cause.details }, this.#challenges);
    }
    const retryAfter = Math.max(
      1,
      Math.ceil((cause instanceof SdkError ? cause.retryAfter : undefined) ?? RETRY_AFTER),
    );
    const headers = { 'Retry-After': String(retryAfter) };
    const message = 'The token cannot be judged at the moment.';
    return new VerificationError('temporarily_unavailable', message, { status: 503, headers, retryAfter, cause });
  }

  #checkOf(options: VerifierOptions): RevocationCheck {
    switch (options.revocations) {
      case 'introspection':
        return new Introspection(options, (event) => this.#notify(event));
      case undefined:
      case 'none':
        return NO_CHECK;
      default:
        throw invalidOption(`revocations must be none, feed or introspection, not ${options.revocations}.`);
    }
  }

  #notify(event: VerifierEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // A broken hook must not change an answer.
    }
  }
}

const AUTHORIZATION = /^(Bearer|DPoP) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Reads the access token of a request ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). */
function presented(request: ResourceRequest): Presented {
  const header = request.headers.get('Authorization')?.trim() ?? '';
  const scheme = /^(bearer|dpop)(?![^\s,])/i.exec(header)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new Refused('missing_token', NO_CREDENTIALS);
  const name = scheme === 'dpop' ? 'DPoP' : 'Bearer';
  const token = AUTHORIZATION.exec(header)?.[2];
  if (token === undefined) {
    throw new Refused('invalid_request', 'The header Authorization must have one access token.', { scheme: name });
  }
  return { token, scheme: name, request };
}

/** Returns the URL under which the client sent a request. */
function locatedAt(url: string, baseUrl: string | undefined): string {
  if (baseUrl === undefined || !URL.canParse(url)) return url;
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname.replace(/\/$/, '')}${new URL(url).pathname}`;
}

function claimsOf(payload: Uint8Array): JWTPayload | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return isObject(claims) ? (claims as JWTPayload) : undefined;
  } catch {
    return undefined;
  }
}
