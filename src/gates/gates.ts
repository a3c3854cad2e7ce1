import { askStore, StoreUnavailableError } from '../store/errors.ts';
import { type InspectedToken, InspectionQueue } from './inspection-queue.ts';
import type {
  Activity,
  ActivityRequest,
  Admission,
  AdmissionRequest,
  Authentication,
  Credentials,
  CredentialsRequest,
  CutOffRequest,
  EventRequest,
  GateMethods,
  Identified,
  Recorded,
  Revocation,
  RevocationRequest,
  TokenRevocation,
  TokenRevocationRequest,
  Unavailable,
  Update,
  UpdateRequest,
} from './protocol.ts';

/** The edge's side of the gates. Every method throws StoreUnavailableError where the gate could not be asked. */
export class Gates {
  readonly #namespace: DurableObjectNamespace;
  readonly #inspections = new InspectionQueue((clientId, tokens) => this.#inspect(clientId, tokens));

  constructor(namespace: DurableObjectNamespace) {
    this.#namespace = namespace;
  }

  admit(request: AdmissionRequest): Promise<Exclude<Admission, Unavailable>> {
    return ask(() => this.#of(request.client_id).admit(request));
  }

  authenticate(request: Identified): Promise<Exclude<Authentication, Unavailable>> {
    return ask(() => this.#of(request.client_id).authenticate(request));
  }

  /** How a client authenticates. */
  credentials(request: CredentialsRequest): Promise<Exclude<Credentials, Unavailable>> {
    return ask(() => this.#of(request.client_id).credentials(request));
  }

  revoke(request: RevocationRequest): Promise<Exclude<Revocation, Unavailable>> {
    return ask(() => this.#of(request.client_id).revoke(request));
  }

  /** Whether the client's token stands, by a call to its gate that begins after this one was made. */
  isActive(clientId: string, token: InspectedToken): Promise<boolean> {
    return this.#inspections.ask(clientId, token);
  }

  /** Hands a registered gate, by its id as hexadecimal text, what a management write has made of its client. */
  update(gateId: string, request: UpdateRequest): Promise<Update> {
    return ask(() => this.#registered(gateId).update(request));
  }

  /** Revokes a client's token for an administrator who may. */
  revokeToken(request: TokenRevocationRequest): Promise<Exclude<TokenRevocation, Unavailable>> {
    return ask(() => this.#of(request.client_id).revokeToken(request));
  }

  /** Revokes all that a client was issued so far, for an administrator who may, and D1 being gone. */
  cutOff(request: CutOffRequest): Promise<Exclude<TokenRevocation, Unavailable>> {
    return ask(() => this.#of(request.client_id).cutOff(request));
  }

  /** Keeps an audit event that D1 did not take. */
  keepEvent(request: EventRequest): Promise<Recorded> {
    return ask(() => this.#of(request.client_id).keepEvent(request));
  }

  /** What the client's gate knows of its secrets' use and its token requests that D1 does not. */
  activity(request: ActivityRequest): Promise<Activity> {
    return ask(() => this.#of(request.client_id).activity(request));
  }

  /** Reaches a gate that is no client's, for the health check. */
  async ping(): Promise<void> {
    await askStore('gate', () => this.#of('health').ping());
  }

  async #inspect(clientId: string, tokens: readonly InspectedToken[]): Promise<readonly boolean[]> {
    const jtis = tokens.map(({ jti }) => jti);
    const issued_at = tokens.map(({ issuedAt }) => issuedAt);
    return (await ask(() => this.#of(clientId).inspect({ client_id: clientId, jtis, issued_at }))).standing;
  }

  /** Chooses the gate. Nobody else builds a gate's name: one day a client may have several, near its machines. */
  #of(clientId: string): GateMethods {
    return methodsOf(this.#namespace.getByName(clientId));
  }

  #registered(gateId: string): GateMethods {
    return methodsOf(this.#namespace.get(this.#namespace.idFromString(gateId)));
  }
}

// The namespace is untyped: the contract is `GateMethods`, not the class that implements it.
function methodsOf(stub: DurableObjectStub): GateMethods {
  return stub as unknown as GateMethods;
}

async function ask<T extends { readonly outcome: string }>(call: () => Promise<T>): Promise<Exclude<T, Unavailable>> {
  const answer = await askStore('gate', async () => {
    try {
      return await call();
    } catch (error) {
      if (!mayBeAskedAgain(error)) throw error;
      const answer = await call();
      // The first call may have spent what this one finds spent, and its answer is lost.
      if (tellsOfReplay(answer)) throw error;
      return answer;
    }
  });
  if (answer.outcome === 'unavailable') throw new StoreUnavailableError('d1', undefined);
  return answer as Exclude<T, Unavailable>;
}

function tellsOfReplay(answer: object): boolean {
  return 'replayed' in answer || ('error' in answer && answer.error === 'invalid_dpop_proof');
}

// A gate that was reset, as it is with each deployment, is there again at once. One that is overloaded must be left alone.
function mayBeAskedAgain(error: unknown): boolean {
  const { retryable, overloaded } = Object(error) as { readonly retryable?: unknown; readonly overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
