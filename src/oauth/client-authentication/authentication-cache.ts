import { STORE_DEADLINE_MS, UNKNOWN_CLIENT_AGE } from '../../constants.ts';
import type { Gates } from '../../gates/gates.ts';
import type { ClientAuthentication, KeyProof } from '../../gates/protocol.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { SharedWork } from '../../store/waiting.ts';
import {
  AUTHENTICATION_AGE,
  CACHED_AUTHENTICATIONS_MAX,
  CACHED_LONG_AUTHENTICATIONS_MAX,
  SHORT_AUTHENTICATION_LENGTH_MAX,
} from '../constants.ts';

interface Entry {
  readonly authentication: ClientAuthentication;
  readonly organizationId: string | undefined;
  /** When the gate was asked, milliseconds since the epoch. */
  readonly askedAt: number;
}

interface Call {
  /** Its place in the order of all events in this cache. */
  readonly begun: number;
  readonly work: SharedWork<ClientAuthentication | undefined>;
}

/**
 * Per-isolate cache of how clients authenticate other than by secrets, so that a credential is verified without asking any store first.
 * An entry may have any age: the gate confirms what was verified against it, and a credential that fails against it is tried against a
 * fresh one.
 */
export class ClientAuthenticationCache {
  readonly #gates: Gates;
  // Two sizes, so that a few clients with many keys cannot fill an isolate's memory.
  readonly #short = new ExpiringCache<Entry>(CACHED_AUTHENTICATIONS_MAX);
  readonly #long = new ExpiringCache<Entry>(CACHED_LONG_AUTHENTICATIONS_MAX);
  readonly #unknown = new ExpiringCache<true>();
  readonly #replayed = new ExpiringCache<true>();
  readonly #calls = new Map<string, Call>();
  #events = 0;

  constructor(gates: Gates) {
    this.#gates = gates;
  }

  get(clientId: string): ClientAuthentication | undefined {
    return this.#entry(clientId)?.authentication;
  }

  /** Returns whose share of the cached remote keys the client uses: its organization's, or its own if that is not known. */
  ownerOf(clientId: string): string {
    return this.#entry(clientId)?.organizationId ?? clientId;
  }

  /** Whether the entry is older than `AUTHENTICATION_AGE`: then even a flood of failing credentials may cause one refresh. */
  isStale(clientId: string): boolean {
    const entry = this.#entry(clientId);
    return entry === undefined || entry.askedAt + AUTHENTICATION_AGE * 1000 <= Date.now();
  }

  /** Whether the gate refused this credential because it was used before. It then need not be asked again. */
  isReplayed(clientId: string, { spends }: KeyProof): boolean {
    return spends !== undefined && this.#replayed.get(`${clientId} ${spends.id}`, Date.now()) === true;
  }

  noteReplay(clientId: string, { spends }: KeyProof): void {
    if (spends) this.#replayed.set(`${clientId} ${spends.id}`, true, spends.expires_at * 1000);
  }

  /**
   * Asks the client's gate, in a call that begins after this method was called. One call per client is under way at a time; all callers
   * that arrive during it share the next one. If the gate did not know the client within the last `UNKNOWN_CLIENT_AGE` seconds, returns
   * undefined without a call.
   * @returns undefined if there is no such client
   * @throws StoreUnavailableError
   */
  async refresh(clientId: string): Promise<ClientAuthentication | undefined> {
    if (this.#unknown.get(clientId, Date.now())) return undefined;
    const requested = ++this.#events;
    for (;;) {
      const pending = this.#calls.get(clientId);
      const call = pending?.work.isPending() ? pending : this.#begin(clientId);
      const isNewEnough = call.begun >= requested;
      const result = call.work.result();
      if (isNewEnough) return result;
      await result.catch(() => undefined);
    }
  }

  #begin(clientId: string): Call {
    const call = { begun: ++this.#events, work: new SharedWork('gate', STORE_DEADLINE_MS, this.#request(clientId)) };
    this.#calls.set(clientId, call);
    return call;
  }

  async #request(clientId: string): Promise<ClientAuthentication | undefined> {
    const askedAt = Date.now();
    try {
      const answer = await this.#gates.credentials({ client_id: clientId });
      if (answer.outcome === 'credentials') {
        const { authentication, organization_id: organizationId } = answer;
        return this.#store(clientId, { authentication, organizationId, askedAt });
      }
      this.#delete(clientId);
      this.#unknown.set(clientId, true, askedAt + UNKNOWN_CLIENT_AGE * 1000);
      return undefined;
    } finally {
      this.#calls.delete(clientId);
    }
  }

  #entry(clientId: string): Entry | undefined {
    return this.#short.get(clientId, Date.now()) ?? this.#long.get(clientId, Date.now());
  }

  // Equal data keeps its object, because imported keys are cached by it.
  #store(clientId: string, received: Entry): ClientAuthentication {
    const previous = this.#entry(clientId)?.authentication;
    const json = JSON.stringify(received.authentication);
    const authentication = previous && JSON.stringify(previous) === json ? previous : received.authentication;
    this.#delete(clientId);
    const cache = json.length <= SHORT_AUTHENTICATION_LENGTH_MAX ? this.#short : this.#long;
    cache.set(clientId, { ...received, authentication });
    return authentication;
  }

  #delete(clientId: string): void {
    this.#short.delete(clientId);
    this.#long.delete(clientId);
  }
}
