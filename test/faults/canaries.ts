/**
 * How many consecutive characters of a secret, in any encoding, count as a leak. Longer than a hint (four characters), and shorter than the
 * length at which the log cuts off a value.
 */
const PIECE = 12;

export interface Sighting {
  /** The place at which the secret was found. */
  readonly place: string;
  /** The name of the secret. */
  readonly secret: string;
  /** The encoding in which it was found: `raw`, `base64`, … */
  readonly form: string;
  /** The surrounding characters, in lower case. */
  readonly around: string;
}

interface Kept {
  readonly secret: string;
  readonly form: string;
  readonly mayStand: RegExp | undefined;
}

/** Known secrets that must not appear in any output. A leak is recognized by any piece of a secret, in any of its encodings. */
export class Canaries {
  readonly #pieces = new Map<string, Kept>();
  readonly #values = new Set<string>();

  /**
   * Registers a secret.
   * @param secret a text, or bytes
   * @param mayStand the places in which the secret is allowed
   * @returns the secret
   */
  keep<T extends string | Uint8Array>(name: string, secret: T, mayStand?: RegExp): T {
    const key = typeof secret === 'string' ? secret : latin1(secret);
    if (this.#values.has(key)) return secret;
    if (key.length < PIECE) throw new RangeError(`${name} is too short to be told from others`);
    this.#values.add(key);
    for (const part of typeof secret === 'string' ? ownParts(secret) : [secret]) {
      for (const [form, written] of formsOf(part)) {
        for (const piece of piecesOf(written)) {
          // The text of one secret may equal the bytes of another. Keep the first name: it describes the secret best.
          if (!this.#pieces.has(piece)) this.#pieces.set(piece, { secret: name, form, mayStand });
        }
      }
    }
    return secret;
  }

  /** Returns whether this secret is registered. */
  has(secret: string): boolean {
    return this.#values.has(secret);
  }

  get size(): number {
    return this.#values.size;
  }

  /** Returns every registered secret that the text contains, once for each encoding. */
  findIn(place: string, text: string): Sighting[] {
    const found = new Map<string, Sighting>();
    for (const written of new Set([text, unescaped(text)])) {
      const lowered = written.toLowerCase();
      for (let at = 0; at + PIECE <= lowered.length; at++) {
        const kept = this.#pieces.get(lowered.slice(at, at + PIECE));
        if (!kept || kept.mayStand?.test(place)) continue;
        const { secret, form } = kept;
        const around = lowered.slice(Math.max(0, at - 60), at + 60);
        const key = `${secret} ${form}`;
        if (!found.has(key)) found.set(key, { place, secret, form, around });
      }
    }
    return [...found.values()];
  }
}

const JWS = /^[\w-]+\.([\w-]+)\.([\w-]+)$/;
// The ids of clients and of tokens.
const IDS = /emc_\w{30}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * Returns the parts of a secret that no other text may contain. For a token these are its signature and the ids in its claims. The other
 * claims, such as the issuer and the times, also occur elsewhere, and so does their base64.
 */
function ownParts(secret: string): string[] {
  const [, claims, signature] = JWS.exec(secret) ?? [];
  if (claims === undefined || signature === undefined) return [secret];
  const text = latin1(Uint8Array.fromBase64(claims, { alphabet: 'base64url' }));
  const ids = [...text.matchAll(IDS)].map(({ 0: id, index }) =>
    // Skip the first four characters: every client id begins with `emc_`.
    claims.slice(Math.ceil(((index + 4) * 4) / 3), Math.floor(((index + id.length) * 4) / 3)),
  );
  return [signature, ...ids];
}

function* piecesOf(text: string): Iterable<string> {
  const lowered = text.toLowerCase();
  for (let at = 0; at + PIECE <= lowered.length; at++) yield lowered.slice(at, at + PIECE);
}

function* formsOf(secret: string | Uint8Array): Iterable<readonly [form: string, text: string]> {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  const text = latin1(bytes);
  yield ['raw', text];
  yield ['reversed', [...text].reverse().join('')];
  yield ['hex', bytes.toHex()];
  // A secret can begin at any offset of an encoded text. Leave out the characters that also depend on its neighbours.
  for (const before of [0, 1, 2]) {
    const encoded = new Uint8Array([...new Uint8Array(before), ...bytes]).toBase64({ omitPadding: true });
    const own = encoded.slice(before === 0 ? 0 : before + 1, bytes.length % 3 === (3 - before) % 3 ? undefined : -1);
    yield ['base64', own];
    yield ['base64url', own.replaceAll('+', '-').replaceAll('/', '_')];
  }
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

const ESCAPE = /%([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|\\(["\\/])/gi;

/** Removes the escapes of URLs and JSON from the text, repeatedly until none is left. */
function unescaped(text: string): string {
  const once = text.replace(ESCAPE, (_, percent, unicode, hex, plain) => {
    return plain ?? String.fromCharCode(Number.parseInt(percent ?? unicode ?? hex, 16));
  });
  return once === text ? text : unescaped(once);
}
