import { moment, sleep } from '../lib/moment.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import { LEASE_MS, STORE_POLL_MS, STORE_TIMEOUT_MS } from './constants.ts';
import type { HeldToken, Token } from './held-token.ts';
import type { TokenSourceEvent } from './options.ts';
import { fromRecord, storeKey, type TokenStore, toRecord } from './store.ts';
import type { IssuedToken } from './token-request.ts';

type Operation = Extract<TokenSourceEvent, { type: 'store_failure' }>['operation'];

/** Whether a token of the store can be used, besides not having expired. */
export type Accepts = (token: Token) => boolean;

/** One client's tokens in a shared store. A store that fails or hangs costs a token request, and never the token. */
export class SharedTokens {
  readonly #store: TokenStore;
  readonly #identity: readonly unknown[];
  readonly #server: AuthorizationServer;
  readonly #notify: (event: TokenSourceEvent) => void;
  #holder: string | undefined;

  /** @param identity everything that determines the token */
  constructor(
    store: TokenStore,
    identity: readonly unknown[],
    server: AuthorizationServer,
    notify: (event: TokenSourceEvent) => void,
  ) {
    this.#store = store;
    this.#identity = identity;
    this.#server = server;
    this.#notify = notify;
  }

  /** Returns a token of the store, or requests one while no other process does. @throws SdkError */
  async obtain(accepts: Accepts): Promise<HeldToken | IssuedToken> {
    const key = await storeKey([...this.#identity, await this.#server.prover?.thumbprint()]);
    // Not before the first call: workerd gives no random numbers to code outside of requests.
    this.#holder ??= crypto.randomUUID();
    const holder = this.#holder;
    const until = performance.now() + LEASE_MS;
    for (;;) {
      const found = await this.#find(key, accepts);
      if (found) return found;
      const isFirst = await this.#call(
        'acquire',
        true,
        async () => (await this.#store.acquire?.(key, holder, LEASE_MS)) ?? true,
      );
      if (isFirst || performance.now() >= until) break;
      await sleep(STORE_POLL_MS * (0.5 + Math.random()));
    }
    // The holder before may have stored one since the store was read.
    const found = await this.#find(key, accepts);
    // After a failure the lease is kept, so that the other processes do not all ask a server that has just refused or failed.
    const issued = found ?? (await this.#server.requestToken());
    if ('answer' in issued) {
      await this.#call('set', undefined, () => this.#store.set(key, toRecord(issued), issued.lifetimeMs / 1000));
    }
    await this.#call('release', undefined, async () => this.#store.release?.(key, holder));
    return issued;
  }

  async #find(key: string, accepts: Accepts): Promise<HeldToken | undefined> {
    const [record, latest] = await Promise.all([
      this.#call('get', undefined, () => this.#store.get(key)),
      this.#server.latestTime(),
    ]);
    const held = typeof record === 'string' ? fromRecord(record, latest, moment()) : undefined;
    return held && accepts(held.token) ? held : undefined;
  }

  async #call<T>(operation: Operation, otherwise: T, work: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the store did not answer in time')), STORE_TIMEOUT_MS);
    });
    try {
      return await Promise.race([work(), deadline]);
    } catch (error) {
      this.#notify({ type: 'store_failure', operation, error });
      return otherwise;
    } finally {
      clearTimeout(timer);
    }
  }
}
