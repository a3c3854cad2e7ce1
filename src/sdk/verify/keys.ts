import { type CryptoKey, importJWK, type JWK, type JWSHeaderParameters } from 'jose';
import { SdkError } from '../lib/errors.ts';
import { isObject, requestJson, requireSafeUrl } from '../lib/http.ts';
import { discover, metadataUrls } from '../lib/metadata.ts';
import { type Moment, moment } from '../lib/moment.ts';
import { nextAttemptMs, retryAfterSeconds } from '../lib/retry-after.ts';
import { keepAlive } from '../lib/runtime.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import {
  KEYS_AGE_MAX_MS,
  KEYS_MAX,
  KEYS_REFRESH_DEFAULT_MS,
  KEYS_REFRESH_MS,
  KEYS_TRIED_MAX,
  UNKNOWN_KID_INTERVAL_MS,
} from './constants.ts';
import type { JsonWebKeySet, VerifierEvent, VerifierOptions } from './options.ts';

/** A key of a set, with what was imported of it. */
interface KnownKey {
  readonly jwk: JWK;
  /** By algorithm; undefined if it cannot be imported. */
  readonly imported: Map<string, CryptoKey | undefined>;
}

interface Loaded {
  readonly keys: readonly KnownKey[];
  readonly at: Moment;
  readonly refreshMs: number;
}

/**
 * The public keys of a server. They are fetched again in the background before their `max-age` ends, used for `KEYS_AGE_MAX_MS` while the
 * server is down, and fetched at once for an unknown `kid`, at most every `UNKNOWN_KID_INTERVAL_MS`.
 */
export class KeySet {
  readonly #options: VerifierOptions;
  readonly #notify: (event: VerifierEvent) => void;
  readonly #flight = new SingleFlight(() => this.#load());
  #loaded: Loaded | undefined;
  #failure: { readonly error: SdkError; readonly count: number; readonly notBefore: number } | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;

  /** @throws SdkError `invalid_option` */
  constructor(options: VerifierOptions, notify: (event: VerifierEvent) => void) {
    metadataUrls(options.issuer, options);
    if (options.metadata?.jwks_uri !== undefined)
      requireSafeUrl(options.metadata.jwks_uri, 'metadata.jwks_uri', options);
    this.#options = options;
    this.#notify = notify;
    if (options.jwks) {
      this.#loaded = { keys: known(options.jwks), at: moment(), refreshMs: Number.POSITIVE_INFINITY };
    }
  }

  /**
   * Returns the keys that may have made a signature: with its `kid`, if it has one, and for its algorithm.
   * @throws SdkError if the keys of the server cannot be known
   */
  async find(header: JWSHeaderParameters): Promise<readonly CryptoKey[]> {
    const loaded = await this.#current();
    const found = await fitting(loaded.keys, header);
    if (found.length > 0 || !(await this.#reload(loaded))) return found;
    return fitting(this.#loaded?.keys ?? [], header);
  }

  /** Returns what is known, and begins to fetch it again if it is due. */
  async #current(): Promise<Loaded> {
    const age = this.#loaded ? ageOf(this.#loaded) : Number.POSITIVE_INFINITY;
    if (this.#loaded && age < this.#loaded.refreshMs) return this.#loaded;
    const isHeldBack = this.#failure !== undefined && performance.now() < this.#failure.notBefore;
    if (this.#loaded && age < KEYS_AGE_MAX_MS) {
      if (!isHeldBack && !this.#flight.isUnderWay) keepAlive(this.#flight.start(), this.#options);
      return this.#loaded;
    }
    if (!isHeldBack) await this.#flight.join();
    if (this.#loaded && ageOf(this.#loaded) < KEYS_AGE_MAX_MS) return this.#loaded;
    throw this.#unavailable();
  }

  /** Fetches the keys for the sake of an unknown one, unless that was done a moment ago. @returns whether they may be others now */
  async #reload(loaded: Loaded): Promise<boolean> {
    if (this.#options.jwks) return false;
    if (this.#loaded !== loaded) return true;
    const isRecent = performance.now() < this.#attemptedAt + UNKNOWN_KID_INTERVAL_MS;
    if (!isRecent || this.#flight.isUnderWay) await this.#flight.join();
    // The server may have made the key by now, so a failure means that nobody knows.
    if (this.#failure) throw this.#unavailable();
    return this.#loaded !== loaded;
  }

  #unavailable(): SdkError {
    const failure = this.#failure;
    if (!failure)
      return new SdkError('keys_unavailable', 'The keys of the issuer are not known.', { isTemporary: true });
    const { error, notBefore } = failure;
    const retryAfter = Math.max(1, Math.ceil((notBefore - performance.now()) / 1000));
    const message = `The keys of the issuer are not known: ${error.message}`;
    return new SdkError('keys_unavailable', message, { isTemporary: true, retryAfter, cause: error });
  }

  /** Makes one attempt. It never rejects: its outcome is in `#loaded` or `#failure`. */
  async #load(): Promise<void> {
    const start = performance.now();
    this.#attemptedAt = start;
    try {
      this.#loaded = await this.#fetch();
      this.#failure = undefined;
      this.#notify({ type: 'keys', count: this.#loaded.keys.length, durationMs: performance.now() - start });
    } catch (cause) {
      const error =
        cause instanceof SdkError ? cause : new SdkError('internal', 'The keys failed.', { isTemporary: true, cause });
      const count = (this.#failure?.count ?? 0) + 1;
      const nextMs = nextAttemptMs(count - 1, error.retryAfter);
      this.#failure = { error, count, notBefore: performance.now() + nextMs };
      this.#notify({ type: 'failure', operation: 'keys', error, nextAttemptMs: nextMs });
    }
  }

  async #fetch(): Promise<Loaded> {
    const { issuer, metadata } = this.#options;
    const { jwks_uri: uri } = metadata ?? (await discover(issuer, this.#options));
    if (uri === undefined) {
      throw new SdkError('discovery_failed', `The metadata of ${issuer} have no jwks_uri.`, { isTemporary: false });
    }
    const answer = await requestJson(
      uri,
      { headers: { Accept: 'application/jwk-set+json, application/json' } },
      this.#options,
    );
    const { status, headers, body, receivedAt } = answer;
    if (status !== 200 || !isObject(body) || !Array.isArray(body.keys)) {
      const retryAfter = retryAfterSeconds(headers, receivedAt.wall);
      const problem = status === 200 ? 'is no set of keys' : `was answered with ${status}`;
      throw new SdkError('keys_failed', `${uri} ${problem}.`, { status, isTemporary: true, retryAfter });
    }
    return { keys: known({ keys: body.keys }), at: receivedAt, refreshMs: refreshMs(headers) };
  }
}

function known({ keys }: JsonWebKeySet): KnownKey[] {
  const readable = keys.filter((jwk) => isObject(jwk) && typeof jwk.kty === 'string' && jwk.kty !== 'oct');
  return readable.slice(0, KEYS_MAX).map((jwk) => ({ jwk, imported: new Map() }));
}

/** Returns the greater age by the two clocks: one may stand still while the machine is suspended. */
function ageOf({ at }: Loaded): number {
  const now = moment();
  return Math.max(now.monotonic - at.monotonic, now.wall - at.wall);
}

/** Returns the age at which keys are fetched again, in milliseconds: before the end of `max-age`, and out of step with other machines. */
function refreshMs(headers: Headers): number {
  const maxAge = /(?:^|[\s,])max-age="?(\d+)/i.exec(headers.get('Cache-Control') ?? '')?.[1];
  const left =
    maxAge === undefined ? KEYS_REFRESH_DEFAULT_MS : (Number(maxAge) - Number(headers.get('Age') ?? 0)) * 1000;
  const { min, max } = KEYS_REFRESH_MS;
  return Math.min(Math.max(left || 0, min), max) * (0.75 + Math.random() / 4);
}

async function fitting(keys: readonly KnownKey[], { kid, alg }: JWSHeaderParameters): Promise<CryptoKey[]> {
  if (alg === undefined) return [];
  const found: CryptoKey[] = [];
  for (const key of keys) {
    if (!isFor(key.jwk, kid, alg)) continue;
    const imported = key.imported.has(alg) ? key.imported.get(alg) : await importKey(key, alg);
    if (imported) found.push(imported);
    if (found.length === KEYS_TRIED_MAX) break;
  }
  return found;
}

function isFor({ kid, alg, use, key_ops: operations }: JWK, wantedKid: string | undefined, wantedAlg: string): boolean {
  if (wantedKid !== undefined && kid !== wantedKid) return false;
  if (alg !== undefined && alg !== wantedAlg) return false;
  return (use === undefined || use === 'sig') && (!Array.isArray(operations) || operations.includes('verify'));
}

/** Imports a key for an algorithm. @returns undefined if it is for another one, or no key at all */
async function importKey({ jwk, imported }: KnownKey, alg: string): Promise<CryptoKey | undefined> {
  // Without the private part, if a server publishes that by mistake.
  const { kty, crv, x, y, n, e, pub } = jwk as JWK & { pub?: string };
  const members = Object.entries({ kty, crv, x, y, n, e, pub }).filter(([, value]) => value !== undefined);
  const key = await importJWK(Object.fromEntries(members) as JWK, alg).catch(() => undefined);
  const usable = key instanceof Uint8Array ? undefined : key;
  imported.set(alg, usable);
  return usable;
}
