import { STORE_DEADLINE_MS, UNKNOWN_CLIENT_AGE } from '../../constants.ts';
import type { ClientAuthentication, Credentials, KeyProof, Unavailable } from '../../gates/protocol.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { SharedWork } from '../../store/waiting.ts';
import {
  AUTHENTICATION_AGE,
  KNOWN_AUTHENTICATION_LENGTH,
  KNOWN_AUTHENTICATIONS,
  KNOWN_LONG_AUTHENTICATIONS,
} from '../constants.ts';

type Ask = (clientId: string) => Promise<Exclude<Credentials, Unavailable>>;

interface Known {
  readonly authentication: ClientAuthentication;
  /** When the gate was asked, milliseconds since the epoch. */
  readonly askedAt: number;
}

interface Call {
  /** Where in the order of all that happens here it began. */
  readonly begun: number;
  readonly work: SharedWork<ClientAuthentication | undefined>;
}

/**
 * What an isolate knows of how clients authenticate other than by secrets, so that a credential is verified without asking anybody. It
 * may be as old as it likes: the gate judges what was verified by it, and a credential that does not fit makes it be asked for anew.
 */
export class ClientAuthenticationCache {
  readonly #ask: Ask;
  readonly #short = new ExpiringCache<Known>(KNOWN_AUTHENTICATIONS);
  readonly #long = new ExpiringCache<Known>(KNOWN_LONG_AUTHENTICATIONS);
  readonly #unknown = new ExpiringCache<true>();
  readonly #replayed = new ExpiringCache<true>();
  readonly #calls = new Map<string, Call>();
  #moment = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  recall(clientId: string): ClientAuthentication | undefined {
    return this.#known(clientId)?.authentication;
  }

  /** Whether what is known is older than what a flood of credentials that do not fit may keep it at. */
  isOld(clientId: string): boolean {
    const known = this.#known(clientId);
    return known === undefined || known.askedAt + AUTHENTICATION_AGE * 1000 <= Date.now();
  }

  /** Whether the gate has said of what is used once that it was: then it need not be asked again. */
  isReplayed(clientId: string, { spends }: KeyProof): boolean {
    return spends !== undefined && this.#replayed.get(`${clientId} ${spends.id}`, Date.now()) === true;
  }

  noteReplay(clientId: string, { spends }: KeyProof): void {
    if (spends) this.#replayed.set(`${clientId} ${spends.id}`, true, spends.expires_at * 1000);
  }

  /**
   * Asks the client's gate, by a call that begins after this was called. One call about a client is under way at a time, and all who wait
   * share the next.
   * @returns undefined where there is no such client
   * @throws StoreUnavailableError
   */
  async learn(clientId: string): Promise<ClientAuthentication | undefined> {
    if (this.#unknown.get(clientId, Date.now())) return undefined;
    const asked = ++this.#moment;
    for (;;) {
      const call = this.#calls.get(clientId) ?? this.#begin(clientId);
      const isNews = call.begun >= asked;
      const outcome = call.work.result(STORE_DEADLINE_MS);
      if (isNews) return outcome;
      await outcome.catch(() => undefined);
      if (this.#calls.get(clientId) === call) this.#calls.delete(clientId);
    }
  }

  #begin(clientId: string): Call {
    const call = { begun: ++this.#moment, work: new SharedWork('gate', this.#request(clientId)) };
    this.#calls.set(clientId, call);
    return call;
  }

  async #request(clientId: string): Promise<ClientAuthentication | undefined> {
    const askedAt = Date.now();
    try {
      const answer = await this.#ask(clientId);
      if (answer.outcome === 'credentials') {
        return this.#remember(clientId, answer.authentication, askedAt);
      }
      this.#forget(clientId);
      this.#unknown.set(clientId, true, askedAt + UNKNOWN_CLIENT_AGE * 1000);
      return undefined;
    } finally {
      this.#calls.delete(clientId);
    }
  }

  #known(clientId: string): Known | undefined {
    return this.#short.get(clientId, Date.now()) ?? this.#long.get(clientId, Date.now());
  }

  // What is the same stays the same object: its keys have been imported.
  #remember(clientId: string, told: ClientAuthentication, askedAt: number): ClientAuthentication {
    const before = this.#known(clientId)?.authentication;
    const json = JSON.stringify(told);
    const authentication = before && JSON.stringify(before) === json ? before : told;
    this.#forget(clientId);
    const memory = json.length <= KNOWN_AUTHENTICATION_LENGTH ? this.#short : this.#long;
    memory.set(clientId, { authentication, askedAt });
    return authentication;
  }

  #forget(clientId: string): void {
    this.#short.delete(clientId);
    this.#long.delete(clientId);
  }
}
