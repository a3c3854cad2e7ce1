import type { Grant, HeldScopes, ScopeUse, ScopeUses, ServerUses, StoredScopeHold } from '../gates/protocol.ts';
import {
  HOUR_MS,
  SCOPE_HOLD_MS,
  SCOPE_NOTE_BYTES,
  SCOPE_NOTES_BYTES_MAX,
  SERVER_NOTE_BYTES,
  USED_SCOPES_SHOWN,
} from './constants.ts';

/** As `ScopeUse` and `ServerUses`. */
interface ScopeNote {
  requested: number;
  issued: number;
  introspected: number;
  since: number;
}

interface ServerNote {
  since: number;
  all: number;
  issued: number;
  readonly scopes: Map<string, ScopeNote>;
  /** The scopes that the last introspection named, and when: most introspections name the same ones. */
  lastIntrospected: { readonly scopes: string; readonly hour: number } | undefined;
}

/** A scope that was used; null for the grant as a whole. */
interface UsedScope {
  readonly resource: string;
  readonly scope: string | null;
}

/**
 * When each of the client's scopes was last requested by name, issued, and named in an introspection, to the hour; and which of them are
 * about to be taken from the client. The meter keeps it in its row. Times are in milliseconds since the epoch unless they are hours.
 *
 * A scope that was not named has no note, and a request that names none is noted once for its resource server. So a request costs a look-up
 * for each scope that it names, and changes something once an hour. What has no room within `SCOPE_NOTES_BYTES_MAX` shares one time.
 */
export class ScopeNotes {
  #since = 0;
  #checksum = 0;
  #others = 0;
  #servers = new Map<string, ServerNote>();
  #size = 0;
  #hold: StoredScopeHold | undefined;
  // What `follow` was last told. undefined: nothing yet.
  #grants: readonly Grant[] | undefined;
  // The notes as JSON, until they change: a row is written far more often.
  #json: string | undefined;
  #isUnwritten = false;

  constructor(stored?: ScopeUses, hold?: StoredScopeHold) {
    this.#hold = hold;
    if (!stored) return;
    const { since, grants, others, servers } = stored;
    [this.#since, this.#checksum, this.#others] = [since, grants, others];
    for (const server of servers) {
      const note = this.#addServer(server.resource);
      Object.assign(note, { since: server.since, all: server.all, issued: server.issued });
      for (const [scope, requested, issued, introspected, granted] of server.scopes) {
        Object.assign(this.#addScope(note, scope), { requested, issued, introspected, since: granted });
      }
    }
  }

  /** Whether storage lacks something that must survive an eviction. */
  get isUnwritten(): boolean {
    return this.#isUnwritten;
  }

  /**
   * Takes over the grants of the client's record: forgets those that are gone, and notes when new ones began. Call it when the gate reads
   * its record, and for each later record.
   * @returns whether that changed a note
   */
  follow(grants: readonly Grant[], now: number): boolean {
    const checksum = checksumOf(grants);
    const before = this.#grants;
    this.#grants = grants;
    if (checksum === this.#checksum && this.#since > 0) return false;
    const isFirst = this.#checksum === 0 || this.#since === 0;
    this.#checksum = checksum;
    // Without the grants before, nothing tells since when each scope is granted.
    if (isFirst || !before) this.#since = now;
    this.#forgetAllBut(grants);
    if (before && !isFirst) for (const grant of grants) this.#noteNew(grant, before, now);
    this.#releaseAllBut(grants);
    this.#changed();
    return true;
  }

  /**
   * Notes an issued token.
   * @param isNamed whether the request named these scopes; otherwise the token has all that are granted
   */
  noteToken(resource: string, scopes: readonly string[], isNamed: boolean, now: number): void {
    const hour = hourOf(now);
    const server = this.#servers.get(resource);
    if (isNamed) {
      for (const scope of scopes) {
        const note = server?.scopes.get(scope);
        if (note && note.issued >= hour && note.requested >= hour) continue;
        this.#note(resource, scope, hour, ['requested', 'issued']);
      }
    } else if (!server || server.all < hour) {
      const note = server ?? this.#serverFor(resource);
      if (note) note.all = hour;
      else this.#others = hour;
      this.#changed();
    }
  }

  /** Notes scopes that a refused request named. */
  noteRequest(resource: string, scopes: readonly string[], now: number): void {
    const hour = hourOf(now);
    for (const scope of scopes) this.#note(resource, scope, hour, ['requested']);
  }

  /** Notes scopes that an introspection named. @param scopes separated by spaces */
  noteIntrospection(resource: string, scopes: string, now: number): void {
    const hour = hourOf(now);
    const last = this.#servers.get(resource)?.lastIntrospected;
    if (last && last.hour >= hour && last.scopes === scopes) return;
    for (const scope of scopes.split(' ')) this.#note(resource, scope, hour, ['introspected']);
    const server = this.#servers.get(resource);
    if (server) server.lastIntrospected = { scopes, hour };
  }

  /** Returns the notes, as they are stored and reported. */
  uses(): ScopeUses {
    const servers = [...this.#servers].map(([resource, server]): ServerUses => {
      const { since, all, issued } = server;
      const scopes = [...server.scopes].map(
        ([scope, note]): ScopeUse => [scope, note.requested, note.issued, note.introspected, note.since],
      );
      return { resource, since, all, issued, scopes };
    });
    return { since: this.#since, grants: this.#checksum, others: this.#others, servers };
  }

  /** Returns the notes for the row that is about to be written: members of a `StoredActivity`, as JSON without braces. */
  toRow(now: number): string {
    if (this.#hold && this.#hold.until <= now) this.#hold = undefined;
    this.#json ??= JSON.stringify(this.uses());
    this.#isUnwritten = false;
    const hold = this.#hold ? `,"scope_hold":${JSON.stringify(this.#hold)}` : '';
    return `"scopes":${this.#json}${hold}`;
  }

  /**
   * Holds scopes that are about to be taken from the client, unless one of them was used.
   * @returns `busy` if another hold is in force; else the first scopes that were used, or none if the hold is in force now
   */
  hold(id: string, scopes: readonly HeldScopes[], unusedSince: number, now: number): 'busy' | readonly UsedScope[] {
    if (this.#hold && this.#hold.id !== id && this.#hold.until > now) return 'busy';
    const used = scopes.flatMap((held) => this.#usedSince(held, unusedSince));
    if (used.length > 0) return used.slice(0, USED_SCOPES_SHOWN);
    this.#hold = scopes.length > 0 ? { id, scopes, until: now + SCOPE_HOLD_MS } : undefined;
    this.#isUnwritten = true;
    return [];
  }

  /** Ends a hold. */
  release(id: string): void {
    if (this.#hold?.id !== id) return;
    this.#hold = undefined;
    this.#isUnwritten = true;
  }

  /** Whether scopes are held. */
  get hasHold(): boolean {
    return this.#hold !== undefined;
  }

  /** Whether a token with these scopes must wait. */
  isHeld(resource: string, scopes: readonly string[], now: number): boolean {
    if (!this.#hold || this.#hold.until <= now) return false;
    return this.#hold.scopes.some(
      (held) => held.resource === resource && (held.whole || held.scopes.some((scope) => scopes.includes(scope))),
    );
  }

  #usedSince({ resource, scopes, whole }: HeldScopes, since: number): UsedScope[] {
    const isAfter = (hour: number) => (hour + 1) * HOUR_MS > since;
    const server = this.#servers.get(resource);
    const begin = Math.max(this.#since, server?.since ?? 0);
    const isUsed = (scope: string) => {
      const note = server?.scopes.get(scope);
      const noted = note ? Math.max(note.requested, note.issued, note.introspected) : this.#others;
      // The observation may have begun again meanwhile.
      const isUnknown = Math.max(begin, note?.since ?? 0) > since;
      return isUnknown || isAfter(noted) || isAfter(server?.all ?? this.#others);
    };
    const used = scopes.filter(isUsed).map((scope) => ({ resource, scope }));
    const isGrantUsed = begin > since || isAfter(server ? lastIssue(server) : this.#others);
    return whole && isGrantUsed && used.length === 0 ? [{ resource, scope: null }] : used;
  }

  #note(
    resource: string,
    scope: string,
    hour: number,
    what: readonly ('requested' | 'issued' | 'introspected')[],
  ): void {
    const note = this.#servers.get(resource)?.scopes.get(scope) ?? this.#noteFor(resource, scope);
    if (note === 'not granted') return;
    if (note === 'no room') {
      if (this.#others >= hour) return;
      this.#others = hour;
      this.#changed();
      return;
    }
    for (const member of what) {
      if (note[member] >= hour) continue;
      note[member] = hour;
      this.#changed();
    }
  }

  #noteFor(resource: string, scope: string): ScopeNote | 'not granted' | 'no room' {
    if (this.#size + SCOPE_NOTE_BYTES + scope.length > SCOPE_NOTES_BYTES_MAX) return 'no room';
    const grant = this.#grants?.find((granted) => granted.resource === resource);
    if (!grant?.scopes.includes(scope)) return 'not granted';
    const server = this.#serverFor(resource);
    return server ? this.#addScope(server, scope) : 'no room';
  }

  #serverFor(resource: string): ServerNote | undefined {
    const server = this.#servers.get(resource);
    if (server) return server;
    if (this.#size + SERVER_NOTE_BYTES + resource.length > SCOPE_NOTES_BYTES_MAX) return undefined;
    return this.#addServer(resource);
  }

  #addServer(resource: string): ServerNote {
    const note: ServerNote = { since: 0, all: 0, issued: 0, scopes: new Map(), lastIntrospected: undefined };
    this.#servers.set(resource, note);
    this.#size += SERVER_NOTE_BYTES + resource.length;
    return note;
  }

  #addScope({ scopes }: ServerNote, scope: string): ScopeNote {
    const note: ScopeNote = { requested: 0, issued: 0, introspected: 0, since: 0 };
    scopes.set(scope, note);
    this.#size += SCOPE_NOTE_BYTES + scope.length;
    return note;
  }

  #forgetAllBut(grants: readonly Grant[]): void {
    const granted = new Map(grants.map(({ resource, scopes }) => [resource, new Set(scopes)]));
    for (const [resource, server] of this.#servers) {
      const kept = granted.get(resource);
      for (const [scope, note] of server.scopes) {
        if (kept?.has(scope)) continue;
        server.issued = Math.max(server.issued, note.issued);
        server.scopes.delete(scope);
        this.#size -= SCOPE_NOTE_BYTES + scope.length;
      }
      server.lastIntrospected = undefined;
      if (kept) continue;
      this.#servers.delete(resource);
      this.#size -= SERVER_NOTE_BYTES + resource.length;
    }
  }

  /** Notes when the scopes of a grant began that the client did not have before. */
  #noteNew({ resource, scopes }: Grant, before: readonly Grant[], now: number): void {
    const earlier = before.find((grant) => grant.resource === resource);
    const had = new Set(earlier?.scopes);
    if (!earlier) {
      const server = this.#serverFor(resource);
      if (server) server.since = now;
      else this.#since = now;
      return;
    }
    for (const scope of scopes) {
      if (had.has(scope)) continue;
      const note = this.#noteFor(resource, scope);
      // Without room for it, the whole observation begins again: what began later than stated would be called unused for too long.
      if (typeof note === 'string') this.#since = now;
      else note.since = now;
    }
  }

  /** Ends the hold on what is granted no more. */
  #releaseAllBut(grants: readonly Grant[]): void {
    const isGranted = ({ resource, scopes, whole }: HeldScopes) => {
      const grant = grants.find((granted) => granted.resource === resource);
      return grant !== undefined && (whole || scopes.some((scope) => grant.scopes.includes(scope)));
    };
    if (this.#hold && !this.#hold.scopes.some(isGranted)) this.#hold = undefined;
  }

  #changed(): void {
    this.#json = undefined;
    this.#isUnwritten = true;
  }
}

/** Returns the hour of the last token for a resource server, as far as it has notes. */
function lastIssue({ all, issued, scopes }: ServerNote): number {
  let last = Math.max(all, issued);
  for (const note of scopes.values()) last = Math.max(last, note.issued);
  return last;
}

function hourOf(now: number): number {
  return Math.floor(now / HOUR_MS);
}

/**
 * Returns a number that differs, but for rare accidents, if resource servers or their scopes differ in any other way than in their order.
 */
function checksumOf(grants: readonly Grant[]): number {
  let sum = 1;
  for (const { resource, scopes } of grants) {
    const server = hash(resource, 0);
    sum = (sum + server) >>> 0;
    for (const scope of scopes) sum = (sum + hash(scope, server)) >>> 0;
  }
  return sum;
}

/** FNV-1a with a finalizer, so that sums of hashes differ. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
