const SHOWN = '[redacted]';
// What Node's console and `util.inspect` ask an object for.
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What bears a secret: a credential, a key, a token. However it is printed or serialized, it shows nothing. */
export class Redacted<T = string> {
  // In a function, and not as it is: an attached debugger's console shows private fields.
  readonly #secret: () => T;

  constructor(secret: T) {
    this.#secret = () => secret;
  }

  /** The secret itself, for whoever checks it, and for the one answer that shows it. */
  reveal(): T {
    return this.#secret();
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [INSPECT](): string {
    return SHOWN;
  }
}
