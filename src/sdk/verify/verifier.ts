import { SdkError } from '../lib/errors.ts';
import { invalidOption, isObject } from '../lib/http.ts';
import { ALGORITHMS } from './algorithms.ts';
import { certificateThumbprint, cloudflareCertificate } from './certificate.ts';
import { type ChallengeOptions, challenges } from './challenges.ts';
import { type ExpectedClaims, readClaims, requiredScopes, requireRights } from './claims.ts';
import { CLOCK_TOLERANCE, CLOCK_TOLERANCE_MAX, PROOF_ALGS, RETRY_AFTER, TOKEN_TYPES } from './constants.ts';
import { Issuer } from './issuer.ts';
import type { ExpectedHeader } from './keys.ts';
import { Nonces } from './nonces.ts';
import type {
  ReplayStore,
  ResourceRequest,
  RevocationCheck,
  VerifiedToken,
  Verifier,
  VerifierOptions,
  VerifyOptions,
} from './options.ts';
import { type Presented, presentedToken } from './presented-token.ts';
import { ProofReader } from './proof.ts';
import { Refusal, type RefusalReason } from './refusal.ts';
import { ReplayMemory } from './replay.ts';
import { revocationCheck } from './revocations.ts';
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

const NO_OPTIONS: VerifyOptions = {};
const STATUSES: Readonly<Record<string, number>> = { invalid_request: 400, insufficient_scope: 403 };

class TokenVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #header: ExpectedHeader;
  readonly #claims: ExpectedClaims;
  readonly #issuer: Issuer;
  readonly #revocations: RevocationCheck;
  readonly #proofs = new ProofReader();
  readonly #replays: ReplayStore;
  readonly #nonces: Nonces | undefined;
  readonly #challenges: ChallengeOptions;

  constructor(options: VerifierOptions) {
    const { issuer, audience, acceptForeignAudiences = false, clockTolerance = CLOCK_TOLERANCE, dpop = {} } = options;
    const { algorithms = ALGORITHMS, types = TOKEN_TYPES, baseUrl, resourceMetadata } = options;
    if (typeof audience !== 'string' || audience === '') throw invalidOption('audience is required.');
    if (!(clockTolerance >= 0 && clockTolerance <= CLOCK_TOLERANCE_MAX)) {
      throw invalidOption(`clockTolerance must be from 0 to ${CLOCK_TOLERANCE_MAX} seconds.`);
    }
    const { algorithms: proofAlgorithms = PROOF_ALGS, nonces = false } = dpop;
    requireAlgorithms('algorithms', algorithms);
    requireAlgorithms('dpop.algorithms', proofAlgorithms);
    for (const [name, url] of Object.entries({ baseUrl, resourceMetadata })) {
      if (url !== undefined && !URL.canParse(url)) throw invalidOption(`${name} is not a URL: ${url}`);
    }
    this.#options = options;
    const shortTypes = types.map((type) => type.toLowerCase().replace(/^application\//, ''));
    this.#header = { types: new Set(shortTypes), algorithms: new Set(algorithms) };
    this.#claims = { issuer, audience, acceptForeignAudiences, tolerance: clockTolerance };
    this.#issuer = new Issuer(options);
    this.#revocations = revocationCheck(this.#issuer);
    this.#replays = dpop.replays ?? new ReplayMemory();
    if (nonces !== false) this.#nonces = new Nonces(nonces);
    this.#challenges = {
      schemes: dpop.required ? ['DPoP'] : ['Bearer', 'DPoP'],
      algorithms: proofAlgorithms,
      resourceMetadata,
    };
  }

  async verify(token: string, options = NO_OPTIONS): Promise<VerifiedToken> {
    const presented: Presented = { token, scheme: 'Bearer' };
    try {
      return await this.#judge(presented, options);
    } catch (error) {
      throw await this.#answer(error, presented, options);
    }
  }

  async authenticate(request: ResourceRequest, options = NO_OPTIONS): Promise<VerifiedToken> {
    let presented: Presented | undefined;
    try {
      presented = presentedToken(request);
      return await this.#judge(presented, options);
    } catch (error) {
      throw await this.#answer(error, presented, options);
    }
  }

  async #judge(presented: Presented, options: VerifyOptions): Promise<VerifiedToken> {
    const { token: raw } = presented;
    const claims = await this.#issuer.verify(raw, this.#header);
    const token = readClaims(claims, this.#claims, this.#issuer.now());
    const proof = await this.#requirePossession(token, presented, options);
    requireRights(token, this.#options, options);
    // Both may cost a request, so they come last.
    await this.#requireUnrevoked(token, raw);
    if (!proof) return token;
    await this.#requireFirstUse(proof.id, proof.expiresAt);
    return proof.next === undefined ? token : { ...token, dpop_nonce: proof.next };
  }

  /**
   * Requires the proofs of possession that a token names in `cnf` ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800)). A member that is not
   * known is a proof that nobody checked.
   * @returns the DPoP proof, whose first use is not noted yet; undefined if the token needs none
   */
  #requirePossession(token: VerifiedToken, presented: Presented, options: VerifyOptions) {
    const { cnf } = token.claims;
    if (cnf !== undefined) return this.#requireBinding(cnf, presented, options);
    if (presented.scheme === 'DPoP') throw new Refusal('not_bound', 'The token is not bound to a DPoP key.');
    if (this.#options.dpop?.required) throw new Refusal('not_bound', 'The token must be bound to a DPoP key.');
    return undefined;
  }

  async #requireBinding(cnf: unknown, { token, scheme, request }: Presented, options: VerifyOptions) {
    const { jkt, 'x5t#S256': x5t, ...others } = isObject(cnf) ? cnf : { cnf };
    if ((jkt ?? x5t) === undefined || Object.keys(others).length > 0) {
      throw new Refusal('unknown_binding', 'The token is bound in a way that is not known here.');
    }
    if (x5t !== undefined) await this.#requireCertificate(x5t, request, options);
    if (jkt === undefined) {
      if (scheme === 'Bearer' && !this.#options.dpop?.required) return undefined;
      throw new Refusal('not_bound', 'The token is not bound to a DPoP key.');
    }
    if (typeof jkt !== 'string' || scheme !== 'DPoP' || !request) {
      throw new Refusal('bound', 'The token is bound to a DPoP key, and must be used with its proof.');
    }
    return this.#requireProof(jkt, token, request);
  }

  async #requireCertificate(x5t: unknown, request: ResourceRequest | undefined, options: VerifyOptions) {
    const { certificate: configured } = this.#options;
    // Behind a proxy, the certificate of the connection is the proxy's.
    const shown =
      request && configured
        ? configured(request)
        : (options.certificate ?? (request && cloudflareCertificate(request)));
    if (shown === undefined || shown === null) {
      throw new Refusal('no_certificate', 'The token is bound to a certificate, and must be used with it.');
    }
    if ((await certificateThumbprint(shown)) !== x5t) {
      throw new Refusal('wrong_certificate', 'The token is bound to another certificate.');
    }
  }

  async #requireProof(jkt: string, token: string, request: ResourceRequest) {
    const { method } = request;
    const now = this.#issuer.now();
    const { algorithms } = this.#challenges;
    const url = locatedAt(request.url, this.#options.baseUrl);
    const expected = { method, url, token, jkt, algorithms, tolerance: this.#claims.tolerance, now };
    const { id, expiresAt, nonce } = await this.#proofs.read(request.headers.get('DPoP'), expected);
    if (!this.#nonces) return { id, expiresAt, next: undefined };
    if (!(await this.#nonces.accepts(nonce, now))) {
      const message = 'The DPoP proof must have the nonce of the header DPoP-Nonce.';
      throw new Refusal('proof_wrong_nonce', message, 'use_dpop_nonce');
    }
    const current = await this.#nonces.current(now);
    return { id, expiresAt, next: current === nonce ? undefined : current };
  }

  async #requireUnrevoked(token: VerifiedToken, raw: string): Promise<void> {
    let isRevoked: boolean;
    try {
      const answer = this.#revocations.isRevoked(token, raw);
      isRevoked = typeof answer === 'boolean' ? answer : await answer;
    } catch (cause) {
      throw new Unavailable('revocations_unavailable', cause);
    }
    if (isRevoked) throw new Refusal('revoked', 'The token is revoked.');
  }

  async #requireFirstUse(id: string, expiresAt: number): Promise<void> {
    let isFirst: boolean;
    try {
      isFirst = await this.#replays.use(id, expiresAt, this.#issuer.now());
    } catch (cause) {
      throw new Unavailable('replays_unavailable', cause);
    }
    if (isFirst !== true) throw new Refusal('proof_used', 'The DPoP proof was used before.', 'invalid_dpop_proof');
  }

  /** Turns every failure into the answer for the caller. */
  async #answer(cause: unknown, presented: Presented | undefined, options: VerifyOptions): Promise<VerificationError> {
    const error = cause instanceof Refusal ? await this.#refuse(cause, presented, options) : unavailable(cause);
    this.#issuer.notify({ type: 'refused', error });
    return error;
  }

  async #refuse(
    refusal: Refusal,
    presented: Presented | undefined,
    options: VerifyOptions,
  ): Promise<VerificationError> {
    const { code, message, reason } = refusal;
    const scheme = presented?.scheme ?? refusal.scheme ?? 'Bearer';
    const scope = requiredScopes(this.#options, options);
    const nonce = await this.#nonces?.current(this.#issuer.now());
    const headers = {
      'WWW-Authenticate': challenges(refusal, scheme, scope, this.#challenges),
      ...(nonce !== undefined && { 'DPoP-Nonce': nonce }),
    };
    return new VerificationError(code, message, { status: STATUSES[code] ?? 401, reason, headers });
  }
}

/** Something that decides about a token cannot be known. */
class Unavailable extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, cause: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/** Returns the answer to a request whose token cannot be judged: it is never accepted, and never called invalid. */
function unavailable(thrown: unknown): VerificationError {
  const cause = thrown instanceof Unavailable ? thrown.cause : thrown;
  const isKeys = cause instanceof SdkError && cause.code === 'keys_unavailable';
  const reason = thrown instanceof Unavailable ? thrown.reason : isKeys ? 'keys_unavailable' : 'internal';
  const asked = cause instanceof SdkError ? cause.retryAfter : undefined;
  const retryAfter = Math.max(1, Math.ceil(asked ?? RETRY_AFTER));
  const message = 'The token cannot be judged at the moment.';
  const headers = { 'Retry-After': String(retryAfter) };
  return new VerificationError('temporarily_unavailable', message, { status: 503, reason, headers, retryAfter, cause });
}

function requireAlgorithms(name: string, algorithms: readonly string[]): void {
  const unknown = algorithms.find((alg) => !ALGORITHMS.includes(alg));
  if (unknown !== undefined || algorithms.length === 0) {
    throw invalidOption(`${name} must have some of ${ALGORITHMS.join(', ')}, not ${unknown ?? 'none'}.`);
  }
}

/** Returns the URL under which the client sent a request. */
function locatedAt(url: string, baseUrl: string | undefined): string {
  if (baseUrl === undefined || !URL.canParse(url)) return url;
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname.replace(/\/$/, '')}${new URL(url).pathname}`;
}
