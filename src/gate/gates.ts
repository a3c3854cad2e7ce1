import { askStore, StoreUnavailableError } from '../store/errors.ts';
import type { ClientGate } from './client-gate.ts';
import { InspectionQueue } from './inspection-queue.ts';
import type {
  Admission,
  AdmissionRequest,
  Authentication,
  GateMethods,
  Identified,
  Revocation,
  RevocationRequest,
  Unavailable,
} from './protocol.ts';

/** The edge's side of the gates. Every method throws StoreUnavailableError where the gate could not be asked. */
export class Gates {
  readonly #namespace: DurableObjectNamespace<ClientGate>;
  readonly #inspections = new InspectionQueue((clientId, jtis) => this.#inspect(clientId, jtis));

  constructor(namespace: DurableObjectNamespace<ClientGate>) {
    this.#namespace = namespace;
  }

  admit(request: AdmissionRequest): Promise<Exclude<Admission, Unavailable>> {
    return ask(() => this.#of(request.client_id).admit(request));
  }

  authenticate(request: Identified): Promise<Exclude<Authentication, Unavailable>> {
    return ask(() => this.#of(request.client_id).authenticate(request));
  }

  revoke(request: RevocationRequest): Promise<Exclude<Revocation, Unavailable>> {
    return ask(() => this.#of(request.client_id).revoke(request));
  }

  /** Whether the client's token stands, by a call to its gate that begins after this one was made. */
  isStanding(clientId: string, jti: string): Promise<boolean> {
    return this.#inspections.ask(clientId, jti);
  }

  /** Reaches a gate that is no client's, for the health check. */
  async ping(): Promise<void> {
    await askStore('gate', () => this.#of('health').ping());
  }

  async #inspect(clientId: string, jtis: readonly string[]): Promise<readonly boolean[]> {
    return (await ask(() => this.#of(clientId).inspect({ client_id: clientId, jtis }))).standing;
  }

  /** Chooses the gate. Nobody else builds a gate's name: one day a client may have several, near its machines. */
  #of(clientId: string): GateMethods {
    // The stub's own type says the same of every method, in a form that unions do not survive.
    return this.#namespace.getByName(clientId) as unknown as GateMethods;
  }
}

async function ask<T extends { readonly outcome: string }>(call: () => Promise<T>): Promise<Exclude<T, Unavailable>> {
  const answer = await askStore('gate', call);
  if (answer.outcome === 'unavailable') throw new StoreUnavailableError('d1', undefined);
  return answer as Exclude<T, Unavailable>;
}
