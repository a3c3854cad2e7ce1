import { DurableObject } from 'cloudflare:workers';
import type {
  Activity,
  ActivityRequest,
  Admission,
  AdmissionRequest,
  Authentication,
  ClientRecord,
  ClientStatusCopy,
  Credentials,
  CredentialsRequest,
  CutOffRequest,
  EventRequest,
  GateAuditEvent,
  GateDiagnosis,
  GateMethods,
  Grant,
  GrantRequest,
  Identified,
  Inspection,
  InspectionRequest,
  LiveRevocation,
  NotAuthenticated,
  Noted,
  Owed,
  Quota,
  Recorded,
  RefusalReport,
  Revocation,
  RevocationRequest,
  ScopeHold,
  ScopeHoldRequest,
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
import { clientState, owedRevocation } from '../store/live-revocations.ts';
import { copyOfRevocation, copyOfStatus } from '../store/revocation-copies.ts';
import { flushUsage } from '../store/usage.ts';
import { Alarm } from './alarm.ts';
import {
  authenticationOf,
  idsOfCredentials,
  type MatchedCredential,
  matchCredential,
  notActive,
  replayed,
} from './check-proof.ts';
import { hasExpired, statusAt } from './client-status.ts';
import { FEED_PAUSE_MS, ISSUE_WAIT_MAX_MS, SCOPE_HOLD_POLL_MS, SCOPE_HOLD_WAIT_MAX_MS } from './constants.ts';
import { type Decision, decideAdmission, usageOutcomeOf } from './decide-admission.ts';
import { type Deliveries, deliver, deliverRevocations, type RevocationCounts } from './deliveries.ts';
import { GateState } from './gate-state.ts';
import { Meter } from './meter.ts';
import { FeedOutbox, Outbox } from './outbox.ts';
import { RefusalMemory } from './refusal-memory.ts';
import { refuseProof } from './refused-proof.ts';
import { ReplayMemory } from './replay-memory.ts';
import { findRequestedGrant, resolveGrant, untilTokensCount } from './resolve-grant.ts';
import { Revocations } from './revocations.ts';
import { tableNames } from './tables.ts';
import type { Taken } from './token-bucket.ts';

/** A client that proved its identity. */
interface ProvenClient {
  readonly outcome: 'proven';
  readonly record: ClientRecord;
  readonly credential: MatchedCredential;
  /** The ids of the credential that may be used once. */
  readonly spends: readonly SpentId[];
  /** When the proof was checked, milliseconds since the epoch. */
  readonly now: number;
}

/** The status and the cut-off of a client, and its organization if the gate knows it. */
interface ClientStatus extends ClientStatusCopy {
  readonly organization_id: string | null;
}

/**
 * The live, strongly consistent judge of one client: its record, its rate limit, its revocations, and the clock that stamps its tokens.
 * All of them lie in the gate's own storage, so that it works with D1 down and an eviction loses nothing that matters.
 */
export class ClientGate extends DurableObject<Env> implements GateMethods {
  readonly #state: GateState;
  readonly #revocations: Revocations;
  readonly #replays: ReplayMemory;
  readonly #outbox: Outbox;
  readonly #feedOutbox: FeedOutbox;
  readonly #alarm: Alarm;
  // As this gate found them: each of them is created by the part that uses it.
  readonly #tables: ReadonlySet<string>;
  #loadedMeter: Meter | undefined;
  #loadedRefusals: RefusalMemory | undefined;
  #loading: Promise<void> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#tables = tableNames(sql);
    this.#state = new GateState(ctx.storage, this.#tables);
    this.#revocations = new Revocations(sql, this.#tables);
    this.#replays = new ReplayMemory(sql, this.#tables);
    this.#outbox = new Outbox(sql, this.#tables);
    this.#feedOutbox = new FeedOutbox(sql, this.#tables);
    this.#alarm = new Alarm(ctx.storage);
    ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load();
      // After a rollback and a new deployment the outboxes may hold rows for which code of an older version set no alarm.
      await this.#alarm.setBy(this.#outbox.nextDeadline());
      await this.#alarm.setBy(this.#feedOutbox.nextDeadline());
      await this.#alarm.setBy(this.#expiryDeadline);
    });
  }

  /** Decides on a token request: the credential, the rate limit and the grant, all at one moment of the gate's clock. */
  async admit(request: AdmissionRequest): Promise<Admission> {
    let waited = 0;
    // Starts again after each wait, because everything may have changed meanwhile.
    for (;;) {
      const proven = await this.#prove(request);
      if (proven.outcome === 'unavailable') return proven;
      if (proven.outcome === 'invalid_client') {
        if (proven.known) await this.#settle('invalid_client', Date.now());
        return proven;
      }
      const { record, now } = proven;
      if (this.#isHeld(record, request, now)) {
        if (waited >= SCOPE_HOLD_WAIT_MAX_MS) return { outcome: 'unavailable' };
        await scheduler.wait(SCOPE_HOLD_POLL_MS);
        waited += SCOPE_HOLD_POLL_MS;
        continue;
      }
      const wait = Math.max(this.#state.untilPastCutOff(now), untilTokensCount(record, request, now));
      if (wait === 0) return this.#decide(request, proven);
      if (wait > ISSUE_WAIT_MAX_MS) return { outcome: 'unavailable' };
      await scheduler.wait(wait);
    }
  }

  /** Checks a credential without charging the rate limit, for the endpoints that issue no token. */
  async authenticate(request: Identified): Promise<Authentication> {
    const proven = await this.#prove(request);
    if (proven.outcome !== 'proven') return proven;
    const refusal = await this.#useCredential(proven);
    if (refusal) return refusal;
    const { organization_id, introspects, introspects_at_edge = [], introspects_reused = [] } = proven.record;
    const { may_rotate_secret = false, log: logged, expires_at } = proven.record;
    const introspected = { introspects, introspects_at_edge, introspects_reused };
    return {
      outcome: 'authenticated',
      organization_id,
      ...introspected,
      may_rotate_secret,
      ...(logged !== undefined && { log: logged }),
      ...(expires_at !== undefined && { valid_for_ms: Math.max(0, expires_at * 1000 - this.#clock) }),
    };
  }

  /** Returns how the client authenticates, even if it is disabled: only a caller with its credential learns that it is. */
  async credentials({ client_id }: CredentialsRequest): Promise<Credentials> {
    const record = await this.#findRecord(client_id);
    if (record === 'unavailable') return { outcome: 'unavailable' };
    if (!record) return { outcome: 'unknown_client' };
    const { organization_id } = record;
    return { outcome: 'credentials', authentication: authenticationOf(record), organization_id };
  }

  /** Returns which of the client's tokens are active. */
  async inspect({ client_id, jtis, issued_at, audiences, scopes }: InspectionRequest): Promise<Inspection> {
    const unrevoked = () => jtis.map((jti, index) => !this.#isRevoked(jti, issued_at?.[index]));
    // If all of them are revoked the record does not matter. The client may have been deleted.
    if (!this.#state.record && !unrevoked().includes(true)) {
      return { outcome: 'inspected', standing: jtis.map(() => false) };
    }
    if ((await this.#findRecord(client_id)) === 'unavailable') return { outcome: 'unavailable' };
    await this.#settleExpiry();
    const { record } = this.#state;
    const isClientActive = record !== undefined && this.#statusOf(record) === 'active';
    const grants = jtis.map((_, index) => record?.grants.find(({ resource }) => resource === audiences?.[index]));
    const standing = unrevoked().map(
      (isUnrevoked, index) => isClientActive && isUnrevoked && isForThis(grants[index], issued_at?.[index]),
    );
    scopes?.forEach((named, index) => {
      const grant = grants[index];
      if (standing[index] && grant && named !== '') this.#noteIntrospection(grant, named);
    });
    const granted = audiences && grants.map((grant) => grant !== undefined);
    return { outcome: 'inspected', standing, ...(granted && { granted }) };
  }

  /**
   * Revokes one of the client's own tokens. The revocation is durable when this answers; an alarm copies it to KV and to the revocation
   * feed.
   */
  async revoke(request: RevocationRequest): Promise<Revocation> {
    const proven = await this.#prove(request);
    if (proven.outcome !== 'proven') return proven;
    return (await this.#useCredential(proven)) ?? this.#revoke(request);
  }

  /** Revokes one of the client's tokens for an administrator, in the same way. */
  async revokeToken(request: TokenRevocationRequest): Promise<TokenRevocation> {
    const missing = request.must_exist ? await this.#answerMissing(request.client_id) : undefined;
    return missing ?? this.#revoke(request);
  }

  /** Revokes every token that the client was issued so far. Used while D1 is down; otherwise a push does the same. */
  async cutOff({ client_id, event }: CutOffRequest): Promise<TokenRevocation> {
    const missing = await this.#answerMissing(client_id);
    if (missing) return missing;
    const before = this.#status;
    this.#state.cutOffAt(this.#clock);
    // Started together, without an await between them, so that one storage transaction holds both.
    await Promise.all([this.#oweStatus(client_id, before), this.keepEvent({ client_id, event })]);
    return { outcome: 'revoked' };
  }

  /** Keeps an audit event until D1 has it. */
  async keepEvent({ event }: EventRequest): Promise<Recorded> {
    const { organizationId = this.#state.record?.organization_id ?? null } = event;
    const value = JSON.stringify({ ...event, organizationId } satisfies GateAuditEvent);
    await this.#owe({ store: 'd1', key: event.id, value, expires_at: null });
    return { outcome: 'recorded' };
  }

  /** Stores a pushed record, unless the gate holds a newer one. Keeps a client active that is disabled for disuse but was used. */
  async update({ client_id, version, record }: UpdateRequest): Promise<Update> {
    const before = this.#status;
    const used_at = this.#useSince(record?.unused_since);
    this.#applyRecord(version, record && used_at !== undefined ? keptActive(record) : record);
    if (this.#state.record?.expires_at !== undefined) this.#state.settleExpiry(this.#clock);
    // The alarm of what is owed sets the next one for the client's end.
    await this.#oweStatus(client_id, before);
    return used_at === undefined ? { outcome: 'updated' } : { outcome: 'updated', used_at };
  }

  /** Returns the last uses and usage counts that only the gate knows. Asks no store. */
  async activity(request?: ActivityRequest): Promise<Activity> {
    const { lastUsed, clientUsedAt, usage } = this.#meter.activity();
    const issued = this.#meter.issuedAt(Date.now());
    const { record } = this.#state;
    const known = record ? idsOfCredentials(record) : NO_CREDENTIALS;
    const usesOf = (ids: readonly string[]) =>
      ids.flatMap((id) => {
        const last_used_at = lastUsed.get(id);
        return last_used_at === undefined ? [] : { id, last_used_at };
      });
    const credentials = usesOf(known.others);
    return {
      outcome: 'activity',
      secrets: usesOf(known.secrets),
      usage,
      ...(clientUsedAt !== undefined && { last_used_at: clientUsedAt }),
      ...(request?.scopes && {
        scopes: { version: this.#state.record?.version ?? 0, uses: this.#meter.scopes.uses() },
      }),
      ...(credentials.length > 0 && { credentials }),
      issued,
    };
  }

  /** Notes refused requests of the client, which the edge refused or this gate did. */
  async noteRefusals({ client_id, refusals }: RefusalReport): Promise<Noted> {
    const record = await this.#findRecord(client_id);
    if (record && record !== 'unavailable') {
      this.#refusals.note(refusals, Date.now());
      this.#refusals.writeDue(Date.now());
      await this.#alarm.setBy(this.#refusals.nextDeadline());
    }
    return { outcome: 'noted' };
  }

  /** Returns the client's last refusals and what is left of its rate limit. Asks no store. */
  async diagnose(): Promise<GateDiagnosis> {
    const now = Date.now();
    const { record } = this.#state;
    const rate = record ? this.#meter.rate(record.rate_limit, now) : null;
    return { outcome: 'diagnosis', refusals: this.#refusals.list(now), rate };
  }

  /** Holds scopes that are about to be taken from the client, unless one was used. Decides at one moment, as each token request does. */
  async holdScopes({ id, scopes, unused_since }: ScopeHoldRequest): Promise<ScopeHold> {
    const meter = this.#meter;
    const now = Date.now();
    if (scopes.length === 0) {
      meter.scopes.release(id);
      meter.writeScopes(now);
      return { outcome: 'held' };
    }
    const used = meter.scopes.hold(id, scopes, unused_since, now);
    if (used === 'busy') return { outcome: 'busy' };
    if (used.length > 0) return { outcome: 'used', scopes: used };
    meter.writeHold(now);
    return { outcome: 'held' };
  }

  /** Answers, and does nothing else. */
  async ping(): Promise<void> {}

  /**
   * Ends the client if it has expired, delivers the outboxes to KV and D1, flushes usage counts, and deletes what has expired. Running
   * twice has the same result as running once. A failing store does not make it throw: the platform gives up an alarm after six failed
   * retries.
   */
  override async alarm(): Promise<void> {
    this.#alarm.markFired();
    await this.#settleExpiry();
    const others = Promise.all([this.#flushUsage(), deliver(this.#outbox, this.env)]);
    const [[counts, deliveries], fed] = await Promise.all([others, this.#deliverRevocationsDuring(others)]);
    this.#revocations.purge(Date.now());
    this.#replays.writeUses();
    this.#replays.purge(Date.now());
    this.#refusals.writeDue(Date.now());
    await this.#setAlarm();
    this.#report(counts, fed, deliveries);
  }

  // Read from storage at its first use. Most gates need it at once, but not all.
  get #meter(): Meter {
    if (this.#loadedMeter) return this.#loadedMeter;
    const meter = new Meter(this.ctx.storage.sql, this.#tables);
    const { record } = this.#state;
    if (record) meter.scopes.follow(record.grants, Date.now());
    this.#loadedMeter = meter;
    return meter;
  }

  // Read from storage at its first use: most gates never need it.
  get #refusals(): RefusalMemory {
    this.#loadedRefusals ??= new RefusalMemory(this.ctx.storage.sql, this.#tables);
    return this.#loadedRefusals;
  }

  /** Returns when the client was last used, if it was after a time. Both are milliseconds since the epoch. */
  #useSince(time: number | undefined): number | undefined {
    if (time === undefined) return undefined;
    const { clientUsedAt = 0 } = this.#meter.activity();
    return clientUsedAt > time ? clientUsedAt : undefined;
  }

  async #prove({ client_id, proof }: Identified): Promise<ProvenClient | NotAuthenticated | Unavailable> {
    if (!this.#state.record && (await this.#findRecord(client_id)) === 'unavailable') return { outcome: 'unavailable' };
    const settled = this.#settleExpiry();
    if (settled) await settled;
    const { record } = this.#state;
    const now = Date.now();
    const credential = record && matchCredential(record, proof, now);
    if (!record || !credential) return refuseProof(record, proof, now);
    if (this.#statusOf(record) !== 'active') {
      return notActive(record, record.status !== 'disabled' && hasExpired(record, this.#clock), now);
    }
    const spends = proof.kind === 'key' && proof.spends ? [proof.spends] : [];
    return { outcome: 'proven', record, credential, spends, now };
  }

  // Awaits nothing until everything is decided and the ids are spent: no other request can come between.
  async #decide(request: AdmissionRequest, proven: ProvenClient): Promise<Admission> {
    const { record, credential, spends, now } = proven;
    if (this.#isReplayed(proven)) {
      await this.#settle('invalid_client', now);
      return replayed(record, now);
    }
    const taken = this.#meter.take(record.rate_limit, now);
    const isSpent = (id: SpentId) => this.#replays.has(id);
    const issued = record.quota && this.#meter.issuedAt(now);
    const decision = decideAdmission(record, request, { spends, taken, issued, isSpent, now });
    const refusal = this.#refuseUnknown([...spends, ...decision.spends], now);
    if (refusal) return refusal;
    this.#meter.used(credential.id, now);
    this.#noteScopes(record, request, decision.answer, now);
    const spent = this.#spend(decision.spends, now);
    const { answer, isCharged } = decision;
    const resource = answer.outcome === 'admitted' ? answer.grant.resource : undefined;
    const charged = isCharged ? taken : undefined;
    const settled = this.#settle(usageOutcomeOf(answer), now, charged, resource, record.quota);
    if (spent || settled) await Promise.all([spent, settled]);
    return answer;
  }

  /** Whether the request would get a scope that is about to be taken from the client. */
  #isHeld(record: ClientRecord, request: GrantRequest, now: number): boolean {
    const { scopes } = this.#meter;
    if (!scopes.hasHold) return false;
    const grant = resolveGrant(record, request);
    return typeof grant !== 'string' && scopes.isHeld(grant.resource, grant.scopes, now);
  }

  #noteScopes(record: ClientRecord, request: GrantRequest, answer: Decision['answer'], now: number): void {
    const { scopes } = request;
    if (answer.outcome === 'admitted') {
      this.#meter.scopes.noteToken(answer.grant.resource, answer.grant.scopes, scopes !== undefined, now);
    } else if (scopes && answer.outcome === 'refused' && answer.error === 'invalid_scope') {
      // The client wants the scopes among them that it is granted as well.
      const grant = findRequestedGrant(record, request);
      if (grant) this.#meter.scopes.noteRequest(grant.resource, scopes, now);
    }
  }

  #noteIntrospection({ resource }: Grant, scopes: string): void {
    const now = Date.now();
    this.#meter.scopes.noteIntrospection(resource, scopes, now);
    this.#meter.writeScopes(now);
  }

  #isReplayed({ spends }: ProvenClient): boolean {
    return spends.some((id) => this.#replays.has(id));
  }

  /** Returns the answer if a gate that was killed may have used one of these ids. Nothing is charged, and no other id is used. */
  #refuseUnknown(ids: readonly SpentId[], now: number): Unavailable | undefined {
    const retry_after = this.#replays.refuseUnknown(ids, now);
    return retry_after === undefined ? undefined : { outcome: 'unavailable', retry_after };
  }

  #spend(ids: readonly SpentId[], now: number): Promise<void> | undefined {
    return ids.length > 0 ? this.#replays.spend(ids, now) : undefined;
  }

  /** Counts how a request ended. @returns a promise if an alarm is set: await it before the answer */
  #settle(
    outcome: UsageOutcome,
    now: number,
    taken?: Taken,
    resource?: string,
    quota?: Quota,
  ): Promise<void> | undefined {
    this.#meter.settle(outcome, now, taken, resource, quota);
    return this.#alarm.setBy(this.#meter.nextDeadline());
  }

  /** Records that a credential was used for another purpose than a token. Returns a refusal if it was, or may have been, used before. */
  async #useCredential(proven: ProvenClient): Promise<NotAuthenticated | Unavailable | undefined> {
    const { record, credential, spends, now } = proven;
    if (this.#isReplayed(proven)) return replayed(record, now);
    const refusal = this.#refuseUnknown(spends, now);
    if (refusal) return refusal;
    const spent = this.#spend(spends, now);
    this.#meter.used(credential.id, now);
    this.#meter.writeUses(now);
    await spent;
    await this.#alarm.setBy(this.#meter.nextDeadline());
    if (spent) await this.#alarm.setBy(this.#replays.nextDeadline());
    return undefined;
  }

  #isRevoked(jti: string, issuedAt = 0): boolean {
    const { cutOff } = this.#state;
    return (cutOff !== undefined && issuedAt <= cutOff) || this.#revocations.has(jti);
  }

  async #revoke(request: TokenRevocationRequest): Promise<{ outcome: 'revoked' }> {
    const { client_id, jti, audience = null } = request;
    this.#revocations.add(jti, request.expires_at);
    const expires_at = this.#revocations.endOf(jti) ?? request.expires_at;
    const organization_id = this.#state.record?.organization_id ?? null;
    // Started together, without an await between them, so that one storage transaction holds the revocation and what is owed.
    await Promise.all([
      this.#owe(copyOfRevocation(client_id, jti, expires_at)),
      this.#feed({ kind: 'token', client_id, jti, audience, organization_id, expires_at }),
    ]);
    return { outcome: 'revoked' };
  }

  /** Returns the answer if the client does not exist, or if that is unknown. */
  async #answerMissing(clientId: string): Promise<UnknownClient | Unavailable | undefined> {
    const record = await this.#findRecord(clientId);
    if (record === 'unavailable') return { outcome: 'unavailable' };
    return record ? undefined : { outcome: 'unknown_client' };
  }

  /** What KV and the revocation feed should say about all of the client's tokens. */
  get #status(): ClientStatus {
    const { record, cutOff = null } = this.#state;
    const status = record ? this.#statusOf(record) : 'active';
    const expires_at = status === 'active' ? this.#state.outlivedEnd : undefined;
    return {
      status,
      cut_off: cutOff,
      ...(expires_at !== undefined && { expires_at }),
      organization_id: record?.organization_id ?? null,
    };
  }

  #statusOf(record: ClientRecord): ClientStatusCopy['status'] {
    return statusAt(record, record.expires_at === undefined ? 0 : this.#clock);
  }

  /** When the gate must end the client's tokens, milliseconds since the epoch. */
  get #expiryDeadline(): number | undefined {
    const { outlivedEnd } = this.#state;
    return outlivedEnd === undefined ? undefined : outlivedEnd * 1000;
  }

  /** Does what the client's end requires, and owes other stores the new status. Does nothing for a client without an end. */
  #settleExpiry(): Promise<void> | undefined {
    const { record } = this.#state;
    if (record?.expires_at === undefined || !this.#state.isExpiryDue(this.#clock)) return undefined;
    const before = this.#status;
    this.#state.settleExpiry(this.#clock);
    return this.#oweStatus(record.client_id, before);
  }

  /** Owes KV and the revocation feed what differs from before in the client's status. */
  async #oweStatus(clientId: string, before: ClientStatus): Promise<void> {
    const { organization_id, ...copy } = this.#status;
    const { status, cut_off, expires_at } = copy;
    const isSame = status === before.status && cut_off === before.cut_off;
    if (isSame && expires_at === before.expires_at) return;
    // The clock of the tokens: an entry lasts as long as every token that was stamped before.
    const now = this.#clock;
    const state = {
      client_id: clientId,
      // A client that was just deleted has no organization any more.
      organization_id: organization_id ?? before.organization_id,
      cut_off,
      is_disabled: status !== 'active',
      version: this.#state.version,
    };
    // Started together, as in `#revoke`. The feed has no ends.
    await Promise.all([
      this.#owe(copyOfStatus(clientId, copy, now)),
      isSame ? undefined : this.#feed(clientState(state, now)),
    ]);
  }

  async #owe(owed: Owed): Promise<void> {
    const now = Date.now();
    this.#outbox.owe(owed, now);
    await this.#alarm.setBy(now);
  }

  async #feed(revocation: LiveRevocation): Promise<void> {
    const now = Date.now();
    this.#feedOutbox.owe(owedRevocation(revocation), now);
    await this.#alarm.setBy(now);
  }

  /** Writes the usage counts and the client's last use to D1 if they are due, and returns the number of counts. */
  async #flushUsage(): Promise<number> {
    const { client_id: clientId, rate_limit } = this.#state.record ?? {};
    const flush = this.#meter.dueFlush(Date.now(), rate_limit);
    if (!flush) return 0;
    if (clientId === undefined) {
      this.#meter.forget();
      return 0;
    }
    try {
      await flushUsage(database(this.env.DB), clientId, flush, Date.now());
      this.#meter.flushed(flush, Date.now());
      return flush.counts.length;
    } catch (error) {
      logFailure(error);
      this.#meter.flushFailed(Date.now());
      return 0;
    }
  }

  /**
   * Delivers to the revocation feed what is due, and what becomes due during slow work of the alarm: the next alarm has to wait for that.
   */
  async #deliverRevocationsDuring(work: Promise<unknown>): Promise<RevocationCounts> {
    let isOver = false;
    const ended = work.finally(() => {
      isOver = true;
    });
    const total = { revocations: 0, revocations_failed: 0 };
    for (;;) {
      const { revocations, revocations_failed } = await deliverRevocations(this.#feedOutbox, this.env);
      total.revocations += revocations;
      total.revocations_failed += revocations_failed;
      if (isOver) return total;
      // Ended with the work, because a timer would keep the gate running.
      const timer = new AbortController();
      const pause = scheduler.wait(FEED_PAUSE_MS, { signal: timer.signal }).catch(() => undefined);
      await Promise.race([ended, pause]).finally(() => timer.abort());
    }
  }

  // Silent if the alarm only wrote counts to storage, which happens every few seconds.
  #report(usage_counts: number, fed: RevocationCounts, { counts, dropped }: Deliveries): void {
    const clientId = this.#state.record?.client_id;
    const client_id = clientId === undefined ? null : loggable(clientId);
    for (const id of dropped) log({ event: 'audit_event_dropped', client_id, event_id: loggable(id) });
    const all = { usage_counts, ...counts, ...fed };
    if (Object.values(all).some((count) => count > 0)) log({ event: 'gate_alarm', client_id, ...all });
  }

  async #setAlarm(): Promise<void> {
    const deadlines = [
      this.#outbox.nextDeadline(),
      this.#feedOutbox.nextDeadline(),
      this.#revocations.nextDeadline(),
      this.#replays.nextDeadline(),
      this.#meter.nextDeadline(),
      this.#expiryDeadline,
      this.#refusals.nextDeadline(),
    ].filter((at) => at !== undefined);
    if (deadlines.length > 0) await this.#alarm.setBy(Math.min(...deadlines));
  }

  /** Returns the client's record, loaded from D1 if the gate has none, or undefined if there is no such client. */
  async #findRecord(clientId: string): Promise<ClientRecord | undefined | 'unavailable'> {
    if (this.#state.record) return this.#state.record;
    this.#loading ??= this.#load(clientId).finally(() => {
      this.#loading = undefined;
    });
    try {
      await this.#loading;
      // The state, not the loaded record: a push may have arrived meanwhile.
      return this.#state.record;
    } catch {
      return this.#state.record ?? 'unavailable';
    }
  }

  async #load(clientId: string): Promise<void> {
    const record = await registerGate(database(this.env.DB), this.ctx.id.toString(), clientId);
    if (record) this.#applyRecord(record.version, record);
  }

  /**
   * The clock that stamps tokens, and never goes back: if it was set back, a cut-off must still include every token that was stamped
   * before, and a client that has expired must stay so.
   */
  get #clock(): number {
    return Math.max(Date.now(), this.#meter.at, (this.#state.cutOff ?? 0) * 1000);
  }

  #applyRecord(version: number, record: ClientRecord | null): void {
    if (!this.#state.apply(version, record, this.#clock)) return;
    if (!record) {
      this.#meter.forget();
      this.#refusals.forget();
      return;
    }
    const { secrets, others } = idsOfCredentials(record);
    this.#meter.keepCredentials(new Set([...secrets, ...others]));
    // Written with the record, because the notes are about its grants.
    const now = Date.now();
    if (this.#meter.scopes.follow(record.grants, now)) this.#meter.writeScopes(now);
  }
}

const NO_CREDENTIALS: ReturnType<typeof idsOfCredentials> = { secrets: [], others: [] };

/** Whether a token is for the resource server of a grant, and not for a deleted one that had its identifier. */
function isForThis(grant: Grant | undefined, issuedAt = 0): boolean {
  return grant?.tokens_from === undefined || issuedAt >= grant.tokens_from;
}

/** Returns the record of a client that is disabled as unused, as if it were not. */
function keptActive(record: ClientRecord): ClientRecord {
  return { ...record, status: record.expires_at === undefined ? 'active' : 'expiring' };
}
