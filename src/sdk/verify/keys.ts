import { type CryptoKey, compactVerify, errors, type JWK, type JWSHeaderParameters, type JWTPayload } from 'jose';
import { asSdkError, SdkError } from '../lib/errors.ts';
import { type Answer, detailsOf, invalidOption, isObject, requestJson } from '../lib/http.ts';
import type { MetadataCache } from '../lib/metadata-cache.ts';
import { elapsed, type Moment, moment, secondsUntil } from '../lib/moment.ts';
import { nextAttemptMs } from '../lib/retry-after.ts';
import { keepAlive } from '../lib/runtime.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { ALGORITHMS, algorithmOf, importPublicKey, isSameAlgorithm } from './algorithms.ts';
import {
  KEYS_AGE_MAX_MS,
  KEYS_MAX,
  KEYS_REFRESH_DEFAULT_MS,
  KEYS_REFRESH_MS,
  KEYS_TRIED_MAX,
  KEYS_WAIT_MS,
  TOKEN_LENGTH_MAX,
  UNKNOWN_KID_INTERVAL_MS,
} from './constants.ts';
import { readObject } from './json.ts';
import type { VerifierEvent, VerifierOptions } from './options.ts';
import { Refusal } from './refusal.ts';

/** What a set of keys needs of the issuer that it belongs to. */
export interface KeyOwner {
  readonly options: VerifierOptions;
  isClockDoubtful(now: Moment): boolean;
  observe(answer: Answer): void;
  notify(event: VerifierEvent): void;
}

/** The header that a JWT of the issuer must have. */
export interface ExpectedHeader {
  /** The accepted values of `typ`, in lower case and without `application/`. */
  readonly types: ReadonlySet<string>;
  /** The accepted values of `alg`. */
  readonly algorithms: ReadonlySet<string>;
  /** The longest JWT that is read, in characters. Default: `TOKEN_LENGTH_MAX`. */
  readonly lengthMax?: number;
}

/** A key of a set, with the one algorithm that it is used with. */
interface KnownKey {
  readonly kid: string | undefined;
  readonly alg: string;
  readonly jwk: JWK;
  /** Undefined until its first use; null if it cannot be imported. */
  imported: CryptoKey | null | undefined;
}

interface Loaded {
  readonly keys: readonly KnownKey[];
  readonly at: Moment;
  readonly refreshMs: number;
}

interface Failure {
  readonly error: SdkError;
  /** The failures since the last success, this one included. */
  readonly count: number;
  /** No attempt is made before it, in monotonic milliseconds. */
  readonly notBefore: number;
}

/**
 * The public keys of the issuer. They are fetched again in the background before their `max-age` ends, used for `KEYS_AGE_MAX_MS` while the
 * server is down, and fetched at once for an unknown `kid`, at most every `UNKNOWN_KID_INTERVAL_MS`.
 */
export class KeySet {
  readonly #issuer: KeyOwner;
  readonly #metadata: MetadataCache;
  readonly #flight = new SingleFlight(() => this.#load());
  #loaded: Loaded | undefined;
  #failure: Failure | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  /** Whether the next fetch is for the sake of an unknown key. */
  #isForced = false;

  /** @throws SdkError `invalid_option` if the options have keys, and none is usable */
  constructor(issuer: KeyOwner, metadata: MetadataCache) {
    this.#issuer = issuer;
    this.#metadata = metadata;
    const { jwks } = issuer.options;
    if (!jwks) return;
    const keys = this.#read(jwks.keys);
    if (keys.length === 0) throw invalidOption('jwks has no public key for an accepted algorithm.');
    this.#loaded = { keys, at: moment(), refreshMs: Number.POSITIVE_INFINITY };
  }

  /**
   * Verifies the header and the signature of a JWT ([RFC 8725 section 3](https://www.rfc-editor.org/rfc/rfc8725#section-3)).
   * @returns its claims
   * @throws Refusal; SdkError `keys_unavailable` if the keys cannot be known
   */
  async verify(jwt: string, expected: ExpectedHeader): Promise<JWTPayload> {
    if (typeof jwt !== 'string' || jwt.length > (expected.lengthMax ?? TOKEN_LENGTH_MAX)) throw malformed();
    let header: JWSHeaderParameters | undefined;
    let payload: Uint8Array;
    try {
      const verified = await compactVerify(jwt, (read: JWSHeaderParameters) => {
        requireHeader(read, expected);
        header = read;
        return this.#knownKey(read) ?? this.#firstKey(read);
      });
      payload = verified.payload;
    } catch (error) {
      if (error instanceof Refusal || error instanceof SdkError) throw error;
      if (!header || !(error instanceof errors.JWSSignatureVerificationFailed)) throw malformed();
      payload = await this.#verifyWithOthers(jwt, header);
    }
    const claims = readObject(payload);
    if (!claims) throw new Refusal('malformed_claim', 'The token has no JSON object.');
    return claims;
  }

  /** Returns the key without waiting, if it was used before and its set is fresh. */
  #knownKey(header: JWSHeaderParameters): CryptoKey | undefined {
    const loaded = this.#loaded;
    if (!loaded || this.#isDue(loaded, moment())) return undefined;
    return candidates(loaded, header)[0]?.imported ?? undefined;
  }

  async #firstKey(header: JWSHeaderParameters): Promise<CryptoKey> {
    const loaded = await this.#current();
    const [key] = await imported(candidates(loaded, header));
    if (key) return key;
    const [other] = await imported(candidates(await this.#reloaded(loaded), header));
    if (!other) throw new Refusal('unknown_key', 'The issuer has no key that made the signature.');
    return other;
  }

  /** Tries the further keys that a signature may be of: several have the same `kid`, or it or the key has none. */
  async #verifyWithOthers(jwt: string, header: JWSHeaderParameters): Promise<Uint8Array> {
    const loaded = this.#loaded;
    const known = loaded ? candidates(loaded, header) : [];
    const [first, ...others] = await imported(known);
    const payload = await firstVerified(jwt, others);
    if (payload) return payload;
    // A key without a name may have been replaced by another.
    if (loaded && known.some(({ kid }) => kid === undefined || header.kid === undefined)) {
      const fetched = await imported(candidates(await this.#reloaded(loaded), header));
      const tried = this.#loaded === loaded ? [first, ...others] : [];
      const late = await firstVerified(
        jwt,
        fetched.filter((key) => !tried.includes(key)),
      );
      if (late) return late;
    }
    throw new Refusal('wrong_signature', 'The signature of the token is wrong.');
  }

  #isDue({ at, refreshMs }: Loaded, now: Moment): boolean {
    return (
      refreshMs !== Number.POSITIVE_INFINITY && (elapsed(at, now) >= refreshMs || this.#issuer.isClockDoubtful(now))
    );
  }

  /** Returns the keys. Old ones are fetched again: in the background, or first if they are so old that a removed key must not verify. */
  async #current(): Promise<Loaded> {
    const now = moment();
    const loaded = this.#loaded;
    if (loaded && !this.#isDue(loaded, now)) return loaded;
    const isHeldBack = this.#failure !== undefined && now.monotonic < this.#failure.notBefore;
    const ageMs = loaded ? elapsed(loaded.at, now) : Number.POSITIVE_INFINITY;
    // After a failure nobody waits, so that a slow server does not make the API slow.
    if (loaded && ageMs < (this.#failure ? KEYS_AGE_MAX_MS : KEYS_WAIT_MS)) {
      if (!isHeldBack && !this.#flight.isUnderWay) keepAlive(this.#flight.start(), this.#issuer.options);
      return loaded;
    }
    if (!isHeldBack) await this.#flight.join();
    if (this.#loaded && elapsed(this.#loaded.at, moment()) < KEYS_AGE_MAX_MS) return this.#loaded;
    throw this.#unavailable();
  }

  /** Returns the keys after another fetch, for the sake of an unknown one, unless they were fetched a moment ago. */
  async #reloaded(loaded: Loaded): Promise<Loaded> {
    if (this.#issuer.options.jwks) return loaded;
    if (this.#loaded && this.#loaded !== loaded) return this.#loaded;
    const now = performance.now();
    const isRecent = now < this.#attemptedAt + UNKNOWN_KID_INTERVAL_MS;
    const isHeldBack = this.#failure !== undefined && now < this.#failure.notBefore;
    if ((!isRecent && !isHeldBack) || this.#flight.isUnderWay) {
      this.#isForced = true;
      await this.#flight.join();
    }
    // The server may have made the key by now, so a failure means that nobody knows.
    if (this.#failure) throw this.#unavailable();
    return this.#loaded ?? loaded;
  }

  #unavailable(): SdkError {
    const message = 'The keys of the issuer are not known';
    if (!this.#failure) return new SdkError('keys_unavailable', `${message}.`, { isTemporary: true });
    const { error, notBefore } = this.#failure;
    const retryAfter = secondsUntil(notBefore);
    return new SdkError('keys_unavailable', `${message}: ${error.message}`, {
      isTemporary: true,
      retryAfter,
      cause: error,
    });
  }

  /** Makes one attempt. It never rejects: its outcome is in `#loaded` or `#failure`. */
  async #load(): Promise<void> {
    const start = performance.now();
    const isForced = this.#isForced;
    this.#attemptedAt = start;
    this.#isForced = false;
    try {
      this.#loaded = await this.#fetch(isForced);
      this.#failure = undefined;
      const durationMs = performance.now() - start;
      this.#issuer.notify({ type: 'keys', count: this.#loaded.keys.length, durationMs });
    } catch (cause) {
      const error = asSdkError(cause);
      const count = (this.#failure?.count ?? 0) + 1;
      const nextMs = nextAttemptMs(count - 1, error.retryAfter);
      this.#failure = { error, count, notBefore: performance.now() + nextMs };
      this.#issuer.notify({ type: 'failure', operation: 'keys', error, nextAttemptMs: nextMs });
    }
  }

  async #fetch(isForced: boolean): Promise<Loaded> {
    const { options } = this.#issuer;
    const { jwks_uri: uri } = await this.#metadata.current();
    if (uri === undefined) {
      const message = `The metadata of ${options.issuer} have no jwks_uri.`;
      throw new SdkError('discovery_failed', message, { isTemporary: false });
    }
    const headers = {
      Accept: 'application/jwk-set+json, application/json',
      // A cache between must not answer that the new key is unknown.
      ...(isForced && { 'Cache-Control': 'no-cache' }),
    };
    const answer = await requestJson(uri, { headers }, options);
    this.#issuer.observe(answer);
    const { status, body, receivedAt } = answer;
    if (status !== 200 || !isObject(body) || !Array.isArray(body.keys) || body.keys.length === 0) {
      // It may have moved.
      if (status === 404) this.#metadata.expire();
      const problem = status === 200 ? 'has no keys' : `was answered with ${status}`;
      throw new SdkError('keys_failed', `${uri} ${problem}.`, { ...detailsOf(answer), isTemporary: true });
    }
    return { keys: this.#read(body.keys), at: receivedAt, refreshMs: refreshMs(answer.headers) };
  }

  #read(jwks: readonly unknown[]): KnownKey[] {
    const { algorithms = ALGORITHMS } = this.#issuer.options;
    return jwks.slice(0, KEYS_MAX).flatMap((jwk) => {
      const alg = isObject(jwk) ? algorithmOf(jwk as JWK, algorithms) : undefined;
      if (alg === undefined) return [];
      const { kid } = jwk as JWK;
      return [{ kid: typeof kid === 'string' ? kid : undefined, alg, jwk: jwk as JWK, imported: undefined }];
    });
  }
}

/** Checks everything in the header that does not choose the key. @throws Refusal */
function requireHeader({ typ, alg, kid, crit }: JWSHeaderParameters, { types, algorithms }: ExpectedHeader): void {
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
  if (!types.has(type)) throw new Refusal('wrong_type', 'The type of the token is not accepted.');
  if (alg === undefined || !algorithms.has(alg)) {
    throw new Refusal('wrong_algorithm', 'The algorithm of the token is not accepted.');
  }
  if (crit !== undefined) throw new Refusal('unknown_extension', 'The token has a critical extension.');
  if (kid !== undefined && typeof kid !== 'string') throw malformed();
}

/**
 * Returns the keys that a signature may be of: those with its `kid`; if no key has that name, those without a name; without a `kid`, all. The
 * algorithm must be the key's.
 */
function candidates({ keys }: Loaded, { kid, alg }: JWSHeaderParameters): KnownKey[] {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  const found = named.length > 0 ? named : keys.filter((key) => key.kid === undefined);
  return found.filter((key) => isSameAlgorithm(key.alg, alg)).slice(0, KEYS_TRIED_MAX);
}

async function imported(keys: readonly KnownKey[]): Promise<CryptoKey[]> {
  const found: CryptoKey[] = [];
  for (const key of keys) {
    if (key.imported === undefined) key.imported = (await importPublicKey(key.jwk, key.alg)) ?? null;
    if (key.imported) found.push(key.imported);
  }
  return found;
}

async function firstVerified(jwt: string, keys: readonly CryptoKey[]): Promise<Uint8Array | undefined> {
  for (const key of keys) {
    const verified = await compactVerify(jwt, key).catch(() => undefined);
    if (verified) return verified.payload;
  }
  return undefined;
}

function malformed(): Refusal {
  return new Refusal('malformed', 'The token is not a signed JWT.');
}

/** Returns the age at which keys are fetched again, in milliseconds: before the end of `max-age`, and out of step with other machines. */
function refreshMs(headers: Headers): number {
  const maxAge = /(?:^|[\s,])max-age="?(\d+)/i.exec(headers.get('Cache-Control') ?? '')?.[1];
  const left =
    maxAge === undefined ? KEYS_REFRESH_DEFAULT_MS : (Number(maxAge) - Number(headers.get('Age') ?? 0)) * 1000;
  const { min, max } = KEYS_REFRESH_MS;
  return Math.min(Math.max(left || 0, min), max) * (0.75 + Math.random() / 4);
}
