import { METADATA_AGE_MS, METADATA_RETRY_MS } from './constants.ts';
import type { Answer, HttpOptions } from './http.ts';
import { discover, metadataUrls, type ServerMetadata } from './metadata.ts';
import { SingleFlight } from './single-flight.ts';

/** The server whose metadata are cached. */
export interface MetadataOptions extends HttpOptions {
  readonly issuer: string;
  /** The metadata, for a server that does not publish them. */
  readonly metadata?: ServerMetadata | undefined;
}

/** The metadata of one server, fetched again every hour. The old ones serve while the server is down. */
export class MetadataCache {
  readonly #options: MetadataOptions;
  readonly #onAnswer: ((answer: Answer) => void) | undefined;
  readonly #flight = new SingleFlight(() => this.#load());
  #known: { readonly value: ServerMetadata; staleAt: number } | undefined;
  #error: unknown;

  /** @param onAnswer is called with each answer of the server. @throws SdkError `invalid_option` */
  constructor(options: MetadataOptions, onAnswer?: (answer: Answer) => void) {
    metadataUrls(options.issuer, options);
    this.#options = options;
    this.#onAnswer = onAnswer;
  }

  /** Returns the metadata. Callers at the same time share a request. @throws SdkError */
  async current(): Promise<ServerMetadata> {
    if (this.#options.metadata) return this.#options.metadata;
    if (this.#known && performance.now() < this.#known.staleAt) return this.#known.value;
    await this.#flight.join();
    if (!this.#known) throw this.#error;
    return this.#known.value;
  }

  /** Makes the next call fetch the metadata, because an endpoint may have moved. */
  expire(): void {
    if (this.#known) this.#known.staleAt = 0;
  }

  async #load(): Promise<void> {
    try {
      const value = await discover(this.#options.issuer, { ...this.#options, onAnswer: this.#onAnswer });
      this.#known = { value, staleAt: performance.now() + METADATA_AGE_MS };
    } catch (error) {
      this.#error = error;
      if (this.#known) this.#known.staleAt = performance.now() + METADATA_RETRY_MS;
    }
  }
}
