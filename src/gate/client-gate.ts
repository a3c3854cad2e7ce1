import { DurableObject } from 'cloudflare:workers';
import { KV_COPIES_AT_ONCE } from '../constants.ts';
import type { Env } from '../env.ts';
import type { ClientRecord } from '../store/client-record.ts';
import { registerGate } from '../store/client-records.ts';
import { database } from '../store/database.ts';
import { copyRevocation } from '../store/revocation-copies.ts';
import { fingerprints, isProven } from './credential.ts';
import { GateState } from './gate-state.ts';
import { resolveGrant } from './grant.ts';
import type {
  Admission,
  AdmissionRequest,
  Authentication,
  GateMethods,
  Identified,
  Inspection,
  InspectionRequest,
  NotAuthenticated,
  Revocation,
  RevocationRequest,
} from './protocol.ts';
import { type OwedCopy, RevocationBook } from './revocation-book.ts';
import { fullBucket, recoveredBucket, type TokenBucket, take } from './token-bucket.ts';

/**
 * The live, strongly consistent view of one client: its record, its rate limit, its revocations and the clock that stamps its
 * tokens. It keeps all of them in its own storage, so that it works with D1 down and an eviction forgets nothing that matters.
 */
export class ClientGate extends DurableObject<Env> implements GateMethods {
  readonly #state: GateState;
  readonly #revocations: RevocationBook;
  #record: ClientRecord | undefined;
  #bucket: TokenBucket | undefined;
  #loading: Promise<ClientRecord | undefined> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#state = new GateState(ctx.storage.sql);
    this.#revocations = new RevocationBook(ctx.storage.sql);
    this.#record = this.#state.readRecord();
  }

  /** Decides on one token request: the credential, the rate limit, the grant. The three of them on one clock. */
  async admit(request: AdmissionRequest): Promise<Admission> {
    const found = await this.#find(request.client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const now = Date.now();
    if (!found || !isProven(found, request.proof, now)) return notAuthenticated(found, now);

    const { granted, remaining, reset } = this.#take(found, now);
    const rate = { limit: found.rate_limit, remaining, reset };
    if (!granted) return { outcome: 'rate_limited', rate };

    const grant = resolveGrant(found, request);
    if (typeof grant === 'string') return { outcome: 'refused', error: grant, rate };
    return { outcome: 'admitted', issued_at: Math.floor(now / 1000), grant, rate };
  }

  /** Checks a credential and spends nothing: for the endpoints that are not about getting a token. */
  async authenticate({ client_id, proof }: Identified): Promise<Authentication> {
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const now = Date.now();
    if (!found || !isProven(found, proof, now)) return notAuthenticated(found, now);
    return { outcome: 'authenticated', organization_id: found.organization_id, introspects: found.introspects };
  }

  /** Tells which of the client's tokens stand. */
  async inspect({ client_id, jtis }: InspectionRequest): Promise<Inspection> {
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const active = found?.status === 'active';
    return { outcome: 'inspected', standing: jtis.map((jti) => active && !this.#revocations.has(jti)) };
  }

  /** Revokes one of the client's own tokens. It is durable when this answers; the copy to KV follows from the alarm. */
  async revoke({ client_id, proof, jti, expires_at }: RevocationRequest): Promise<Revocation> {
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const now = Date.now();
    if (!found || !isProven(found, proof, now)) return notAuthenticated(found, now);
    this.#revocations.add(jti, expires_at, now);
    await this.#setAlarm(now);
    return { outcome: 'revoked' };
  }

  /** Answers, and does nothing. */
  async ping(): Promise<void> {}

  /** Copies what is owed to KV and forgets what has expired. Never throws: a throwing alarm is given up on after six retries. */
  override async alarm(): Promise<void> {
    await Promise.all(this.#revocations.owedCopies(Date.now(), KV_COPIES_AT_ONCE).map((owed) => this.#copy(owed)));
    this.#revocations.purge(Date.now());
    await this.#setAlarm();
  }

  async #copy(owed: OwedCopy): Promise<void> {
    try {
      await copyRevocation(this.env.KV, owed.jti, owed.expires_at, Date.now());
      this.#revocations.copied(owed.jti);
    } catch {
      this.#revocations.copyFailed(owed, Date.now());
    }
  }

  async #setAlarm(deadline = this.#revocations.nextDeadline()): Promise<void> {
    if (deadline === undefined) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || deadline < set) await this.ctx.storage.setAlarm(deadline);
  }

  #take(record: ClientRecord, now: number) {
    this.#bucket ??= this.#recoverBucket(record, now);
    const taken = take(this.#bucket, record.rate_limit, now);
    if (taken.write) this.#state.writeBucket(taken.write);
    this.#bucket = taken.bucket;
    return taken;
  }

  #recoverBucket(record: ClientRecord, now: number): TokenBucket {
    const written = this.#state.readBucket();
    return written ? recoveredBucket(written, record.rate_limit, now) : fullBucket(record.rate_limit, now);
  }

  async #find(clientId: string): Promise<ClientRecord | undefined | 'unavailable'> {
    if (this.#record) return this.#record;
    this.#loading ??= this.#load(clientId).finally(() => {
      this.#loading = undefined;
    });
    try {
      return await this.#loading;
    } catch {
      return 'unavailable';
    }
  }

  async #load(clientId: string): Promise<ClientRecord | undefined> {
    const loaded = await registerGate(database(this.env.DB), this.ctx.id.toString(), clientId);
    if (loaded && loaded.version > (this.#record?.version ?? -1)) {
      this.#state.writeRecord(loaded);
      this.#record = loaded;
    }
    return this.#record;
  }
}

function notAuthenticated(record: ClientRecord | undefined, now: number): NotAuthenticated {
  return {
    outcome: 'invalid_client',
    known: record !== undefined,
    fingerprints: record?.status === 'active' ? fingerprints(record, now) : [],
  };
}
