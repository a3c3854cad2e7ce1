import type { Answer, Body, Credentials } from './service.ts';

/** A token that was issued to a client. */
export interface Token {
  readonly value: string;
  readonly jti: string;
  /** Expiry in seconds since the epoch. */
  readonly exp: number;
  /** If true, the token must be inactive from now on; otherwise it must be active. */
  isRevoked: boolean;
}

/** The trace of a write in the audit log: its action, and a mark that distinguishes it from other writes about the client. */
export interface Trace {
  readonly action: string;
  readonly mark: string;
}

export interface Write {
  readonly client: Client;
  /** The action of its audit event, or a name for it if it leaves no event. */
  readonly action: string;
  /** Whether it leaves no event, as when a client revokes its own token. */
  readonly isSilent?: boolean;
  /** The status that acknowledges it. */
  readonly status: number;
  /** Whether it has an `Idempotency-Key`, so that sending it again does not repeat it. */
  readonly isKeyed: boolean;
  send(): Promise<Answer | undefined>;
  /** Returns the mark of its event. */
  mark(body: Body): string;
  /** Applies the write to the model. @param body the body of the answer, if it arrived */
  apply(mark: string, body: Body | undefined): void;
  /** The token that it revokes, if it revokes a single one. */
  readonly token?: Token;
}

/** The expected state of a client after all acknowledged writes. Only one write about it is in flight at a time. */
export class Client {
  id: string | undefined;
  readonly name: string;
  /** The number of its last change, which its metadata holds. */
  step = 0;
  roles: readonly string[] = [];
  /** The primary secret; undefined if the answer that showed it was lost. */
  primary: string | undefined;
  /** The secondary secret; null if there is none, undefined if the answer that showed it was lost. */
  secondary: string | null | undefined = null;
  /** Secrets that must no longer be accepted. */
  readonly ended: string[] = [];
  readonly tokens: Token[] = [];
  readonly traces: Trace[] = [];
  /** The number of writes about it that had an `Idempotency-Key`. */
  keyed = 0;
  isDeleted = false;
  isBusy = false;
  /** Whether the client has changed since it was last checked. */
  isTouched = true;
  /** The write whose answer was lost, if there is one. */
  doubt: Write | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Its credentials with the primary and the secondary secret, as far as they are known. */
  get credentials(): Credentials[] {
    const { id } = this;
    if (id === undefined || this.isDeleted) return [];
    return [this.primary, this.secondary].flatMap((secret) => (secret ? [{ id, secret }] : []));
  }

  revokeAll(): void {
    for (const token of this.tokens) token.isRevoked = true;
  }

  /** Makes a new secret the primary one, and the previous primary secret the secondary one. */
  rotate(secret: string | undefined): void {
    this.#end(this.secondary);
    this.secondary = this.primary;
    this.primary = secret;
  }

  endSecondary(): void {
    this.#end(this.secondary);
    this.secondary = null;
  }

  delete(): void {
    this.#end(this.primary);
    this.#end(this.secondary);
    this.isDeleted = true;
    this.revokeAll();
  }

  #end(secret: string | null | undefined): void {
    if (secret) this.ended.push(secret);
  }
}

/** Applies a write to the model: with the body of its answer, or with the mark of its event if the answer was lost. */
export function note(write: Write, done: { body: Body } | { mark: string }): void {
  const { client } = write;
  const body = 'body' in done ? done.body : undefined;
  const mark = 'body' in done ? write.mark(done.body) : done.mark;
  if (!write.isSilent) client.traces.push({ action: write.action, mark });
  if (write.isKeyed) client.keyed++;
  write.apply(mark, body);
  client.isTouched = true;
}

/** Returns the model of a token from a token response. */
export function tokenOf({ access_token: value }: Body): Token & { readonly roles: readonly string[] } {
  const claims = JSON.parse(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString());
  return { value, jti: claims.jti, exp: claims.exp, isRevoked: false, roles: claims.roles ?? [] };
}
