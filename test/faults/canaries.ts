/** How many characters of a secret, in any of its forms, are a leak. More than a hint, which is four, and less than a line of the log cuts off. */
const PIECE = 12;

export interface Sighting {
  /** Where it was found. */
  readonly place: string;
  /** Which secret. */
  readonly secret: string;
  /** As what: `raw`, `base64`, … */
  readonly form: string;
  /** The characters around it, in lower case. */
  readonly around: string;
}

interface Kept {
  readonly secret: string;
  readonly form: string;
  readonly mayStand: RegExp | undefined;
}

/** Secrets that nobody may find anywhere. Each is known by any piece of it, in whatever form somebody may have written it down. */
export class Canaries {
  readonly #pieces = new Map<string, Kept>();
  readonly #values = new Set<string>();

  /**
   * Keeps a secret in mind.
   * @param secret a text, or bytes
   * @param mayStand where it may be found all the same
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
          // What is the text of one secret may be the bytes of another: the first tells best what it is.
          if (!this.#pieces.has(piece)) this.#pieces.set(piece, { secret: name, form, mayStand });
        }
      }
    }
    return secret;
  }

  /** Whether the secret is one of these. */
  has(secret: string): boolean {
    return this.#values.has(secret);
  }

  get size(): number {
    return this.#values.size;
  }

  /** Every secret that stands in a text, once for each form. */
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
// Of a client, and of a token.
const IDS = /emc_\w{30}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * What of a secret no other text has by right. Of a token that is its signature, and where its claims tell of ids: the rest, such as the
 * issuer and the times, may be what base64 makes of them anywhere.
 */
function ownParts(secret: string): string[] {
  const [, claims, signature] = JWS.exec(secret) ?? [];
  if (claims === undefined || signature === undefined) return [secret];
  const text = latin1(Uint8Array.fromBase64(claims, { alphabet: 'base64url' }));
  const ids = [...text.matchAll(IDS)].map(({ 0: id, index }) =>
    // Behind what all such ids begin with.
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
  // Wherever it begins within what was encoded: what its neighbours have a part in is left out.
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

/** The text without any escapes of URLs and JSON, however often it was escaped. */
function unescaped(text: string): string {
  const once = text.replace(ESCAPE, (_, percent, unicode, hex, plain) => {
    return plain ?? String.fromCharCode(Number.parseInt(percent ?? unicode ?? hex, 16));
  });
  return once === text ? text : unescaped(once);
}
