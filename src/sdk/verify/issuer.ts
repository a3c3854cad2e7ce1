import type { JWTPayload } from 'jose';
import type { Answer } from '../lib/http.ts';
import { requireSafeUrl } from '../lib/http.ts';
import type { ServerMetadata } from '../lib/metadata.ts';
import { MetadataCache } from '../lib/metadata-cache.ts';
import { type Moment, moment } from '../lib/moment.ts';
import { ServerClock } from '../lib/server-clock.ts';
import { type ExpectedHeader, KeySet } from './keys.ts';
import type { VerifierEvent, VerifierOptions } from './options.ts';

/** The issuer of tokens, as a verifier knows it: its metadata, its keys and its time. */
export class Issuer {
  readonly options: VerifierOptions;
  readonly #metadata: MetadataCache;
  readonly #keys: KeySet;
  readonly #clock = new ServerClock();

  /** @throws SdkError `invalid_option` */
  constructor(options: VerifierOptions) {
    this.options = options;
    this.#metadata = new MetadataCache(options, (answer) => this.observe(answer));
    for (const name of ['jwks_uri', 'introspection_endpoint', 'revocation_feed_endpoint'] as const) {
      const url = options.metadata?.[name];
      if (url !== undefined) requireSafeUrl(String(url), `metadata.${name}`, options);
    }
    this.#keys = new KeySet(this, this.#metadata);
  }

  /** Returns the metadata of the server. @throws SdkError */
  metadata(): Promise<ServerMetadata> {
    return this.#metadata.current();
  }

  /**
   * Verifies that a JWT has the signature of the issuer and an expected header.
   * @returns its claims, of which none is checked
   * @throws Refusal; SdkError `keys_unavailable` if the keys cannot be known
   */
  verify(jwt: string, expected: ExpectedHeader): Promise<JWTPayload> {
    return this.#keys.verify(jwt, expected);
  }

  /**
   * Returns the time by which the issuer's tokens are judged, in milliseconds since the epoch: the machine's, within the bounds that the `Date`
   * of the issuer's answers shows. If a clock of the machine was set or stood still since the last answer, it is the machine's alone.
   */
  now(now: Moment = moment()): number {
    return this.#clock.isDoubtful(now) ? now.wall : this.#clock.now(now);
  }

  /** Whether the time of the issuer must be seen again. */
  isClockDoubtful(now: Moment): boolean {
    return this.#clock.isDoubtful(now);
  }

  /** Reads the time of the issuer from an answer. */
  observe({ headers, sentAt, receivedAt }: Omit<Answer, 'body'>): void {
    this.#clock.observe(headers, sentAt, receivedAt);
  }

  /** Calls the hook of the options. */
  notify(event: VerifierEvent): void {
    try {
      this.options.onEvent?.(event);
    } catch {
      // A broken hook must not change an answer.
    }
  }
}
