import { askStore, StoreUnavailableError, UnknownUseError } from '../store/errors.ts';
import { type InspectedToken, InspectionQueue, type Standing } from './inspection-queue.ts';
import type {
  Activity,
  ActivityRequest,
  Admission,
  AdmissionRequest,
  Authentication,
  Credentials,
  CredentialsRequest,
  CutOffRequest,
  DiagnosisRequest,
  EventRequest,
  GateDiagnosis,
  GateMethods,
  Identified,
  Noted,
  Recorded,
  RefusalReport,
  Revocation,
  RevocationRequest,
  ScopeHold,
  ScopeHoldRequest,
  TokenRevocation,
  TokenRevocationRequest,
  Unavailable,
  Update,
  UpdateRequest,
} from './protocol.ts';

type AskedMethod = Exclude<keyof GateMethods, 'ping'>;
type Answer<M extends AskedMethod> = Exclude<Awaited<ReturnType<GateMethods[M]>>, Unavailable>;

// Every outcome that a caller can handle. The type requires the whole list, so that a new outcome is a compile error here: look at the
// method's callers before you add it, because some take each outcome that is no refusal as success.
const OUTCOMES: { readonly [M in AskedMethod]: Readonly<Record<Answer<M>['outcome'], true>> } = {
  admit: { admitted: true, refused: true, rate_limited: true, invalid_client: true },
  authenticate: { authenticated: true, invalid_client: true },
  credentials: { credentials: true, unknown_client: true },
  inspect: { inspected: true },
  revoke: { revoked: true, invalid_client: true },
  update: { updated: true },
  revokeToken: { revoked: true, unknown_client: true },
  cutOff: { revoked: true, unknown_client: true },
  keepEvent: { recorded: true },
  activity: { activity: true },
  noteRefusals: { noted: true },
  diagnose: { diagnosis: true },
  holdScopes: { held: true, used: true, busy: true },
};

/**
 * The edge's side of the gates. Every method throws StoreUnavailableError if the gate does not answer, could not decide, or answers with an
 * outcome that this version does not know; UnknownUseError if it cannot tell whether an assertion or proof was used before.
 */
export class Gates {
  readonly #namespace: DurableObjectNamespace;
  readonly #inspections = new InspectionQueue((clientId, tokens) => this.#inspect(clientId, tokens));

  constructor(namespace: DurableObjectNamespace) {
    this.#namespace = namespace;
  }

  /** Decides on a token request. */
  admit(request: AdmissionRequest): Promise<Exclude<Admission, Unavailable>> {
    return ask('admit', () => this.#of(request.client_id).admit(request));
  }

  /** Checks a client's credential. */
  authenticate(request: Identified): Promise<Exclude<Authentication, Unavailable>> {
    return ask('authenticate', () => this.#of(request.client_id).authenticate(request));
  }

  /** Returns how a client authenticates. */
  credentials(request: CredentialsRequest): Promise<Exclude<Credentials, Unavailable>> {
    return ask('credentials', () => this.#of(request.client_id).credentials(request));
  }

  /** Revokes one of a client's own tokens. */
  revoke(request: RevocationRequest): Promise<Exclude<Revocation, Unavailable>> {
    return ask('revoke', () => this.#of(request.client_id).revoke(request));
  }

  /** Returns whether the client's token is active. Never uses the answer of a gate call that began before this one. */
  standingOf(clientId: string, token: InspectedToken): Promise<Standing> {
    return this.#inspections.ask(clientId, token);
  }

  /** Pushes a client's record to a registered gate. @param gateId the gate's id as hexadecimal text */
  update(gateId: string, request: UpdateRequest): Promise<Update> {
    return ask('update', () => this.#registered(gateId).update(request));
  }

  /** Revokes a client's token for an administrator. The caller has checked the permission. */
  revokeToken(request: TokenRevocationRequest): Promise<Exclude<TokenRevocation, Unavailable>> {
    return ask('revokeToken', () => this.#of(request.client_id).revokeToken(request));
  }

  /** Revokes every token that a client was issued so far, for an administrator, while D1 is down. The caller has checked the permission. */
  cutOff(request: CutOffRequest): Promise<Exclude<TokenRevocation, Unavailable>> {
    return ask('cutOff', () => this.#of(request.client_id).cutOff(request));
  }

  /** Makes the client's gate keep an audit event that D1 did not take. */
  keepEvent(request: EventRequest): Promise<Recorded> {
    return ask('keepEvent', () => this.#of(request.client_id).keepEvent(request));
  }

  /** Returns the last uses of the client's secrets, and the usage counts that D1 does not have. */
  activity(request: ActivityRequest): Promise<Activity> {
    return ask('activity', () => this.#of(request.client_id).activity(request));
  }

  /** Tells the client's gate of refused requests. An older gate has no such method. */
  noteRefusals(report: RefusalReport): Promise<Noted> {
    return ask('noteRefusals', () => this.#of(report.client_id).noteRefusals(report));
  }

  /** Returns the client's last refusals and what is left of its rate limit. An older gate has no such method. */
  diagnose(request: DiagnosisRequest): Promise<GateDiagnosis> {
    return ask('diagnose', () => this.#of(request.client_id).diagnose(request));
  }

  /** Makes the client's gate delay tokens with scopes that are about to be taken from the client, unless one of them was used. */
  holdScopes(request: ScopeHoldRequest): Promise<ScopeHold> {
    return ask('holdScopes', () => this.#of(request.client_id).holdScopes(request));
  }

  /** Calls a gate that belongs to no client, for the health check. */
  async ping(): Promise<void> {
    await askStore('gate', () => this.#of('health').ping());
  }

  async #inspect(clientId: string, tokens: readonly InspectedToken[]): Promise<readonly Standing[]> {
    const jtis = tokens.map(({ jti }) => jti);
    const issued_at = tokens.map(({ issuedAt }) => issuedAt);
    const audiences = tokens.map(({ audience }) => audience);
    const scopes = tokens.map(({ scopes = '' }) => scopes);
    const named = scopes.some((text) => text !== '') && { scopes };
    const request = { client_id: clientId, jtis, issued_at, audiences, ...named };
    const { standing, granted } = await ask('inspect', () => this.#of(clientId).inspect(request));
    return standing.map((isActive, index) => ({ isActive, isGranted: granted?.[index] }));
  }

  /** Chooses the client's gate. The only place that builds a gate's name: one day a client may have several, near its machines. */
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

async function ask<M extends AskedMethod>(method: M, call: () => ReturnType<GateMethods[M]>): Promise<Answer<M>> {
  const answer: { readonly outcome: string } = await askStore('gate', async () => {
    try {
      return await call();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      const answer = await call();
      // The lost first call may have used the id that this one reports as used before.
      if (reportsReplay(answer)) throw error;
      return answer;
    }
  });
  if (answer.outcome === 'unavailable') throw reasonOf(answer as Unavailable);
  // A newer gate may answer with an outcome that means no success.
  if (!Object.hasOwn(OUTCOMES[method], answer.outcome)) throw new StoreUnavailableError('gate', 'an unknown outcome');
  return answer as Answer<M>;
}

function reasonOf({ retry_after }: Unavailable): Error {
  return retry_after === undefined ? new StoreUnavailableError('d1', undefined) : new UnknownUseError(retry_after);
}

function reportsReplay(answer: object): boolean {
  return 'replayed' in answer || ('error' in answer && answer.error === 'invalid_dpop_proof');
}

// A gate that was reset, as in each deployment, is available again at once. An overloaded gate must not be asked again.
function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = Object(error) as { readonly retryable?: unknown; readonly overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
