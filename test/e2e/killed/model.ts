import type { Answer, Body, Credentials } from './service.ts';

/** A token that a client was given. */
export interface Token {
  readonly value: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly exp: number;
  /** Whether it must be inactive from now on; else it must be active. */
  isRevoked: boolean;
}

/** What a write leaves in the audit: its action, and what tells it from the client's others. */
export interface Trace {
  readonly action: string;
  readonly mark: string;
}

export interface Write {
  readonly client: Client;
  /** What it is, as its audit event says, or as we say where it leaves none. */
  readonly action: string;
  /** Whether it leaves no event: a client revoked its own token. */
  readonly isSilent?: boolean;
  /** The status that acknowledges it. */
  readonly status: number;
  /** Whether it has an `Idempotency-Key`, so that sent again it is not done twice. */
  readonly isKeyed: boolean;
  send(): Promise<Answer | undefined>;
  /** What its event has for a mark. */
  mark(body: Body): string;
  /** Takes it for done. @param body of the answer, where that came */
  apply(mark: string, body: Body | undefined): void;
  /** The token that it revokes, where it is one. */
  readonly token?: Token;
}

/** A client as it must be, after all that was acknowledged. One write about it is under way at a time. */
export class Client {
  id: string | undefined;
  readonly name: string;
  /** The number of its last change, kept in its metadata. */
  step = 0;
  roles: readonly string[] = [];
  /** undefined where the answer with it was lost. */
  primary: string | undefined;
  /** null where there is none. */
  secondary: string | null | undefined = null;
  /** Secrets that must be accepted no more. */
  readonly ended: string[] = [];
  readonly tokens: Token[] = [];
  readonly traces: Trace[] = [];
  /** Writes about it that had an `Idempotency-Key`. */
  keyed = 0;
  isDeleted = false;
  isBusy = false;
  /** Whether something was written about it since it was last looked at. */
  isTouched = true;
  /** A write whose answer was lost. */
  doubt: Write | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** With its newer secret, or the older one, as far as they are known. */
  get credentials(): Credentials[] {
    const { id } = this;
    if (id === undefined || this.isDeleted) return [];
    return [this.primary, this.secondary].flatMap((secret) => (secret ? [{ id, secret }] : []));
  }

  get standing(): Token[] {
    return this.tokens.filter(({ isRevoked }) => !isRevoked);
  }

  revokeAll(): void {
    for (const token of this.tokens) token.isRevoked = true;
  }

  /** Makes a secret the primary one, and the primary one the secondary. */
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

/** Takes a write for done: by its answer, or by the mark of its event where the answer was lost. */
export function note(write: Write, done: { body: Body } | { mark: string }): void {
  const { client } = write;
  const body = 'body' in done ? done.body : undefined;
  const mark = 'body' in done ? write.mark(done.body) : done.mark;
  if (!write.isSilent) client.traces.push({ action: write.action, mark });
  if (write.isKeyed) client.keyed++;
  write.apply(mark, body);
  client.isTouched = true;
}

/** A token as the model keeps it. */
export function tokenOf({ access_token: value }: Body): Token & { readonly roles: readonly string[] } {
  const claims = JSON.parse(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString());
  return { value, jti: claims.jti, exp: claims.exp, isRevoked: false, roles: claims.roles ?? [] };
}
