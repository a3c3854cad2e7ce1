const PLACEHOLDER = '[redacted]';
// Node's console and `util.inspect` call this method of an object.
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A wrapper for a secret (a credential, a key, a token) that prints and serializes as `[redacted]`. */
export class Redacted<T = string> {
  // A function hides the value from an attached debugger, whose console shows private fields.
  readonly #secret: () => T;

  constructor(secret: T) {
    this.#secret = () => secret;
  }

  /** Returns the secret itself, for checking it and for the one answer that shows it. */
  reveal(): T {
    return this.#secret();
  }

  toString(): string {
    return PLACEHOLDER;
  }

  toJSON(): string {
    return PLACEHOLDER;
  }

  [Symbol.toPrimitive](): string {
    return PLACEHOLDER;
  }

  [INSPECT](): string {
    return PLACEHOLDER;
  }
}
