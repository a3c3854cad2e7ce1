import { DurableObject } from 'cloudflare:workers';
import type {
  Activity,
  Admission,
  AdmissionRequest,
  Authentication,
  ClientRecord,
  ClientStatusCopy,
  Credentials,
  CredentialsRequest,
  CutOffRequest,
  EventRequest,
  GateMethods,
  Identified,
  Inspection,
  InspectionRequest,
  NotAuthenticated,
  Owed,
  Recorded,
  Revocation,
  RevocationRequest,
  SpentId,
  TokenRevocation,
  TokenRevocationRequest,
  Unavailable,
  UnknownClient,
  Update,
  UpdateRequest,
  UsageOutcome,
} from '../gates/protocol.ts';
import { log, loggable } from '../log/log.ts';
import type { Env } from '../platform/env.ts';
import { logFailure } from '../platform/failures.ts';
import { registerGate } from '../store/client-records.ts';
import { database } from '../store/database.ts';
import { copyOfRevocation, copyOfStatus } from '../store/revocation-copies.ts';
import { flushUsage } from '../store/usage.ts';
import { Alarm } from './alarm.ts';
import { authenticationOf, fingerprints, type ProvenCredential, provenCredential } from './check-proof.ts';
import { CUT_OFF_WAIT_MAX_MS } from './constants.ts';
import { type Deliveries, deliver } from './deliveries.ts';
import { GateState } from './gate-state.ts';
import { Meter } from './meter.ts';
import { Outbox } from './outbox.ts';
import { ReplayMemory } from './replay-memory.ts';
import { bindingOf, resolveBinding } from './resolve-binding.ts';
import { resolveGrant } from './resolve-grant.ts';
import { Revocations } from './revocations.ts';
import type { Taken } from './token-bucket.ts';

type Decision = Exclude<Admission, NotAuthenticated | Unavailable>;

/** A client whose credential was found to be right. */
interface Proven {
  readonly outcome: 'proven';
  readonly record: ClientRecord;
  readonly credential: ProvenCredential;
  /** What it used of what may be used once. */
  readonly spends: readonly SpentId[];
  /** When it was found, milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The live, strongly consistent view of one client: its record, its rate limit, its revocations and the clock that stamps its
 * tokens. It keeps all of them in its own storage, so that it works with D1 down and an eviction forgets nothing that matters.
 */
export class ClientGate extends DurableObject<Env> implements GateMethods {
  readonly #state: GateState;
  readonly #revocations: Revocations;
  readonly #replays: ReplayMemory;
  readonly #outbox: Outbox;
  readonly #alarm: Alarm;
  #recalledMeter: Meter | undefined;
  #loading: Promise<void> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#state = new GateState(ctx.storage);
    this.#revocations = new Revocations(ctx.storage.sql);
    this.#replays = new ReplayMemory(ctx.storage.sql);
    this.#outbox = new Outbox(ctx.storage.sql);
    this.#alarm = new Alarm(ctx.storage);
    ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.recall();
      // Code of an older version, to which one may have gone back, leaves what is owed to lie.
      await this.#alarm.setBy(this.#outbox.nextDeadline());
    });
  }

  /** Decides on one token request: the credential, the rate limit, the grant. The three of them on one clock. */
  async admit(request: AdmissionRequest): Promise<Admission> {
    // Begun anew after each wait: whatever was found before it may have changed meanwhile.
    for (;;) {
      const found = await this.#prove(request);
      if (found.outcome === 'unavailable') return found;
      if (found.outcome === 'invalid_client') {
        if (found.known) await this.#settle('invalid_client', Date.now());
        return found;
      }
      const wait = this.#state.untilPastCutOff(found.now);
      if (wait === 0) return this.#decide(request, found);
      if (wait > CUT_OFF_WAIT_MAX_MS) return { outcome: 'unavailable' };
      await scheduler.wait(wait);
    }
  }

  /** Checks a credential and takes nothing of the allowance: for the endpoints that are not about getting a token. */
  async authenticate(request: Identified): Promise<Authentication> {
    const found = await this.#prove(request);
    if (found.outcome !== 'proven') return found;
    const replayed = await this.#use(found);
    if (replayed) return replayed;
    const { organization_id, introspects, introspects_at_edge = [], may_rotate_secret = false } = found.record;
    return { outcome: 'authenticated', organization_id, introspects, introspects_at_edge, may_rotate_secret };
  }

  /** Tells how the client authenticates, of a disabled one as well: that it is so is told with its credential alone. */
  async credentials({ client_id }: CredentialsRequest): Promise<Credentials> {
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    return found ? { outcome: 'credentials', authentication: authenticationOf(found) } : { outcome: 'unknown_client' };
  }

  /** Tells which of the client's tokens stand. */
  async inspect({ client_id, jtis, issued_at }: InspectionRequest): Promise<Inspection> {
    const unrevoked = () => jtis.map((jti, index) => !this.#isRevoked(jti, issued_at?.[index]));
    // Where all are revoked nothing need be known of the client, which may well be gone.
    if (!this.#state.record && !unrevoked().includes(true)) {
      return { outcome: 'inspected', standing: jtis.map(() => false) };
    }
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const active = found?.status === 'active';
    return { outcome: 'inspected', standing: unrevoked().map((stands) => active && stands) };
  }

  /** Revokes one of the client's own tokens. It is durable when this answers; the copy to KV follows from the alarm. */
  async revoke(request: RevocationRequest): Promise<Revocation> {
    const found = await this.#prove(request);
    if (found.outcome !== 'proven') return found;
    return (await this.#use(found)) ?? this.#revoke(request);
  }

  /** Revokes one of the client's tokens for an administrator, in the same way. */
  async revokeToken(request: TokenRevocationRequest): Promise<TokenRevocation> {
    const missing = request.must_exist ? await this.#missing(request.client_id) : undefined;
    return missing ?? this.#revoke(request);
  }

  /** Revokes every token that the client was issued so far. A push does the same; this is for when D1 cannot say what to push. */
  async cutOff({ client_id, event }: CutOffRequest): Promise<TokenRevocation> {
    const missing = await this.#missing(client_id);
    if (missing) return missing;
    const standing = this.#standing;
    this.#state.cutOffAt(this.#clock);
    // Begun together, so that they are stored together.
    await Promise.all([this.#oweStanding(client_id, standing), this.keepEvent({ client_id, event })]);
    return { outcome: 'revoked' };
  }

  /** Keeps an audit event until D1 has it. */
  async keepEvent({ event }: EventRequest): Promise<Recorded> {
    const { organizationId = this.#state.record?.organization_id ?? null } = event;
    const value = JSON.stringify({ ...event, organizationId });
    await this.#owe({ store: 'd1', key: event.id, value, expires_at: null });
    return { outcome: 'recorded' };
  }

  /** Takes what a management write has made of the client, unless it holds something newer. */
  async update({ client_id, version, record }: UpdateRequest): Promise<Update> {
    const standing = this.#standing;
    this.#take(version, record);
    await this.#oweStanding(client_id, standing);
    return { outcome: 'updated' };
  }

  /** Tells what nobody else knows of the client's secrets and requests. Asks no store for it. */
  async activity(): Promise<Activity> {
    const { lastUsed, usage } = this.#meter.activity();
    const used = (this.#state.record?.secrets ?? []).map(({ id = '' }) => ({
      id,
      last_used_at: lastUsed.get(id) ?? 0,
    }));
    return { outcome: 'activity', secrets: used.filter(({ last_used_at }) => last_used_at > 0), usage };
  }

  /** Answers, and does nothing. */
  async ping(): Promise<void> {}

  /**
   * Hands KV and D1 what is owed to them, and forgets what has expired. No other store's failure makes it throw: a throwing alarm is given
   * up on after six retries. What it does twice is as if done once.
   */
  override async alarm(): Promise<void> {
    this.#alarm.wentOff();
    const [counts, deliveries] = await Promise.all([this.#flushUsage(), deliver(this.#outbox, this.env)]);
    this.#revocations.purge(Date.now());
    this.#replays.purge(Date.now());
    await this.#setAlarm();
    this.#report(counts, deliveries);
  }

  // Recalled when it is first needed, which for most gates that wake is at once, but not for all.
  get #meter(): Meter {
    this.#recalledMeter ??= new Meter(this.ctx.storage.sql);
    return this.#recalledMeter;
  }

  async #prove({ client_id, proof }: Identified): Promise<Proven | NotAuthenticated | Unavailable> {
    const found = await this.#find(client_id);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    const now = Date.now();
    const credential = found && provenCredential(found, proof, now);
    if (!found || !credential) return notAuthenticated(found, now);
    const spends = proof.kind === 'key' && proof.spends ? [proof.spends] : [];
    return { outcome: 'proven', record: found, credential, spends, now };
  }

  // Nothing is waited for until all is decided and what may be used once is spent.
  async #decide(request: AdmissionRequest, proven: Proven): Promise<Admission> {
    const { record, credential, spends, now } = proven;
    if (this.#isReplayed(proven)) {
      await this.#settle('invalid_client', now);
      return replayed(record, now);
    }
    const binding = resolveBinding(record, request, (id) => this.#replays.has(id));
    const taken = this.#meter.take(record.rate_limit, now);
    const { granted, remaining, reset } = taken;
    const rate = { limit: record.rate_limit, remaining, reset };
    this.#meter.used(credential.id, now);
    // Nothing is taken: whoever is told of a nonce comes again at once.
    if (binding === 'use_dpop_nonce') {
      const left = { ...rate, remaining: granted ? remaining + 1 : remaining };
      return this.#settled({ outcome: 'refused', error: binding, rate: left }, now);
    }
    if (!granted) return this.#settled({ outcome: 'rate_limited', rate }, now, taken);
    if (typeof binding === 'string') return this.#settled({ outcome: 'refused', error: binding, rate }, now, taken);
    const spent = this.#spend(request.dpop ? [...spends, request.dpop.spends] : spends, now);
    const grant = resolveGrant(record, request);
    if (typeof grant === 'string') return this.#settled({ outcome: 'refused', error: grant, rate }, now, taken, spent);
    const issued_at = Math.floor(now / 1000);
    const wants_dpop_nonce = bindingOf(record).dpop_nonce;
    return this.#settled(
      { outcome: 'admitted', issued_at, grant, rate, confirmation: binding, wants_dpop_nonce },
      now,
      taken,
      spent,
    );
  }

  async #settled(decision: Decision, now: number, taken?: Taken, spent?: Promise<void>): Promise<Decision> {
    await Promise.all([this.#settle(outcomeOf(decision), now, taken), spent]);
    return decision;
  }

  #spend(ids: readonly SpentId[], now: number): Promise<void> | undefined {
    return ids.length > 0 ? this.#replays.spend(ids, now) : undefined;
  }

  async #settle(outcome: UsageOutcome, now: number, taken?: Taken): Promise<void> {
    this.#meter.settle(outcome, now, taken);
    await this.#alarm.setBy(this.#meter.nextDeadline());
  }

  #isReplayed({ spends }: Proven): boolean {
    return spends.some((id) => this.#replays.has(id));
  }

  /** Notes the use of a credential for something else than a token, unless it may not be used once more. */
  async #use(proven: Proven): Promise<NotAuthenticated | undefined> {
    const { record, credential, spends, now } = proven;
    if (this.#isReplayed(proven)) return replayed(record, now);
    const spent = this.#spend(spends, now);
    this.#meter.used(credential.id, now);
    this.#meter.writeUses(now);
    if (spent) {
      await spent;
      await this.#alarm.setBy(this.#replays.nextDeadline());
    }
    return undefined;
  }

  #isRevoked(jti: string, issuedAt = 0): boolean {
    const { cutOff } = this.#state;
    return (cutOff !== undefined && issuedAt <= cutOff) || this.#revocations.has(jti);
  }

  async #revoke({ client_id, jti, expires_at }: TokenRevocationRequest): Promise<{ outcome: 'revoked' }> {
    this.#revocations.add(jti, expires_at);
    await this.#owe(copyOfRevocation(client_id, jti, this.#revocations.endOf(jti) ?? expires_at));
    return { outcome: 'revoked' };
  }

  /** What is to be answered where there is no such client, or nobody knows. */
  async #missing(clientId: string): Promise<UnknownClient | Unavailable | undefined> {
    const found = await this.#find(clientId);
    if (found === 'unavailable') return { outcome: 'unavailable' };
    return found ? undefined : { outcome: 'unknown_client' };
  }

  /** What KV is to tell of all tokens of the client. */
  get #standing(): ClientStatusCopy {
    const { record, cutOff = null } = this.#state;
    return { status: record?.status ?? 'active', cut_off: cutOff };
  }

  /** Lets KV hear of the client's standing where that is another than it was. */
  async #oweStanding(clientId: string, before: ClientStatusCopy): Promise<void> {
    const { status, cut_off } = this.#standing;
    if (status === before.status && cut_off === before.cut_off) return;
    await this.#owe(copyOfStatus(clientId, { status, cut_off }, Date.now()));
  }

  async #owe(owed: Owed): Promise<void> {
    const now = Date.now();
    this.#outbox.owe(owed, now);
    await this.#alarm.setBy(now);
  }

  async #flushUsage(): Promise<number> {
    const counts = this.#meter.dueCounts(Date.now());
    const clientId = this.#state.record?.client_id;
    if (counts.length === 0) return 0;
    if (clientId === undefined) {
      this.#meter.forget();
      return 0;
    }
    try {
      await flushUsage(database(this.env.DB), clientId, counts, Date.now());
      this.#meter.flushed(counts, Date.now());
      return counts.length;
    } catch (error) {
      logFailure(error);
      this.#meter.flushFailed(Date.now());
      return 0;
    }
  }

  // Counts are written down every few seconds, which is no news.
  #report(usage_counts: number, { counts, dropped }: Deliveries): void {
    const clientId = this.#state.record?.client_id;
    const client_id = clientId === undefined ? null : loggable(clientId);
    for (const id of dropped) log({ event: 'audit_event_dropped', client_id, event_id: loggable(id) });
    const all = { usage_counts, ...counts };
    if (Object.values(all).some((count) => count > 0)) log({ event: 'gate_alarm', client_id, ...all });
  }

  async #setAlarm(): Promise<void> {
    const deadlines = [
      this.#outbox.nextDeadline(),
      this.#revocations.nextDeadline(),
      this.#replays.nextDeadline(),
      this.#meter.nextDeadline(),
    ].filter((at) => at !== undefined);
    if (deadlines.length > 0) await this.#alarm.setBy(Math.min(...deadlines));
  }

  async #find(clientId: string): Promise<ClientRecord | undefined | 'unavailable'> {
    if (this.#state.record) return this.#state.record;
    this.#loading ??= this.#load(clientId).finally(() => {
      this.#loading = undefined;
    });
    try {
      await this.#loading;
      // Not what was loaded: a push may have come meanwhile.
      return this.#state.record;
    } catch {
      return this.#state.record ?? 'unavailable';
    }
  }

  async #load(clientId: string): Promise<void> {
    const loaded = await registerGate(database(this.env.DB), this.ctx.id.toString(), clientId);
    if (loaded) this.#take(loaded.version, loaded);
  }

  /** The gate's clock, by which tokens are stamped. One that has gone back must not leave out those that it stamped before. */
  get #clock(): number {
    return Math.max(Date.now(), this.#meter.at);
  }

  #take(version: number, record: ClientRecord | null): void {
    if (!this.#state.take(version, record, this.#clock)) return;
    if (record) this.#meter.keepSecrets(new Set(record.secrets.map(({ id }) => id)));
    else this.#meter.forget();
  }
}

function outcomeOf(decision: Decision): UsageOutcome {
  switch (decision.outcome) {
    case 'admitted':
      return 'issued';
    case 'refused':
      return decision.error;
    case 'rate_limited':
      return 'rate_limited';
  }
}

function notAuthenticated(record: ClientRecord | undefined, now: number): NotAuthenticated {
  return {
    outcome: 'invalid_client',
    known: record !== undefined,
    // Of a disabled client as well: the moment that it is enabled its secret must be known from guesses.
    fingerprints: record ? fingerprints(record, now) : [],
  };
}

function replayed(record: ClientRecord, now: number): NotAuthenticated {
  return { ...notAuthenticated(record, now), replayed: true };
}
