import { randomBytes, scrypt } from 'node:crypto';
import {
  BACKUP_CHUNK_BYTES,
  BACKUP_SALT_BYTES,
  SCRYPT_BLOCK_SIZE,
  SCRYPT_COST,
  SCRYPT_MEMORY_MAX,
} from '../../constants.ts';
import { Failure } from '../../failure.ts';

// A file sealed by a passphrase. After a head of 50 bytes (a line that names the format, a salt, and a check of the passphrase) come chunks
// of BACKUP_CHUNK_BYTES, each sealed with AES-256-GCM and followed by its tag; the last one may be shorter. The nonce is the number of the
// chunk and a byte that is 1 for the last one (the STREAM construction, https://eprint.iacr.org/2015/189), and the head is authenticated
// with every chunk. So a chunk that was altered, moved, removed or added is found. The key is made from the passphrase by scrypt
// (https://www.rfc-editor.org/rfc/rfc7914); its cost belongs to the format, so that no file can ask for another one.

const FORMAT = 'edgemint-backup 1\n';
const ANY_FORMAT = /^edgemint-backup \d+\n?$/;
const KEY_BYTES = 32;
const CHECK_BYTES = 16;
const TAG_BYTES = 16;
const HEAD_BYTES = FORMAT.length + BACKUP_SALT_BYTES + CHECK_BYTES;

type Bytes = Uint8Array<ArrayBuffer>;

interface Seal {
  readonly head: Bytes;
  readonly key: CryptoKey;
}

/** Seals a stream. @returns the bytes of the file */
export async function* sealStream(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Bytes> {
  const { head, key } = await makeSeal(passphrase, new Uint8Array(randomBytes(BACKUP_SALT_BYTES)));
  yield head;
  let [index, held] = [0, new Uint8Array()];
  for await (const piece of content) {
    held = concat(held, piece);
    // The last chunk has another nonce, so one is held back until more follows.
    for (; held.length > BACKUP_CHUNK_BYTES; index += 1) {
      yield await sealChunk(held.subarray(0, BACKUP_CHUNK_BYTES), index, false, { head, key });
      held = held.slice(BACKUP_CHUNK_BYTES);
    }
  }
  yield await sealChunk(held, index, true, { head, key });
}

/**
 * Opens a sealed file.
 * @param name names the file in errors
 * @throws Failure if it is no sealed file, the passphrase is wrong, or the file was altered or cut off
 */
export async function* openStream(
  file: AsyncIterable<Uint8Array>,
  passphrase: string,
  name: string,
): AsyncGenerator<Bytes> {
  let [index, position, held] = [0, 0, new Uint8Array()];
  let opened: Seal | undefined;
  const open = async (sealed: Bytes, isLast: boolean): Promise<Bytes> => {
    const seal = opened as Seal;
    const chunk = await openChunk(sealed, index, isLast, seal);
    if (chunk) {
      index += 1;
      position += sealed.length;
      return chunk;
    }
    if (isLast && (await openChunk(sealed, index, false, seal))) throw incomplete(name, position + sealed.length);
    throw new Failure(`${name} is damaged, or incomplete: the part that begins at byte ${position} cannot be opened.`);
  };
  for await (const piece of file) {
    held = concat(held, piece);
    if (!opened && held.length >= HEAD_BYTES) {
      opened = await openHead(held.slice(0, HEAD_BYTES), passphrase, name);
      position = HEAD_BYTES;
      held = held.slice(HEAD_BYTES);
    }
    while (opened && held.length > BACKUP_CHUNK_BYTES + TAG_BYTES) {
      yield await open(held.subarray(0, BACKUP_CHUNK_BYTES + TAG_BYTES), false);
      held = held.slice(BACKUP_CHUNK_BYTES + TAG_BYTES);
    }
  }
  if (!opened) {
    requireFormat(held, name);
    throw incomplete(name, held.length);
  }
  if (held.length < TAG_BYTES) throw incomplete(name, position + held.length);
  yield await open(held, true);
}

async function openHead(head: Bytes, passphrase: string, name: string): Promise<Seal> {
  requireFormat(head, name);
  const salt = head.slice(FORMAT.length, FORMAT.length + BACKUP_SALT_BYTES);
  const seal = await makeSeal(passphrase, salt);
  // Both could be guessed from the file alone, so the comparison need not take a constant time.
  if (!Buffer.from(seal.head).equals(head)) {
    throw new Failure(`The passphrase is not that of ${name}, or the first bytes of the file are damaged.`);
  }
  return seal;
}

function requireFormat(head: Bytes, name: string): void {
  const text = Buffer.from(head.subarray(0, FORMAT.length)).toString('latin1');
  if (text === FORMAT) return;
  if (text !== '' && FORMAT.startsWith(text)) throw incomplete(name, head.length);
  if (ANY_FORMAT.test(text)) throw newerFormat(name);
  throw new Failure(`${name} is not a backup: it does not begin with "${FORMAT.trim()}".`);
}

export function newerFormat(name: string): Failure {
  return new Failure(`${name} was written by a newer edgemint. Restore it with that one.`);
}

function incomplete(name: string, length: number): Failure {
  return new Failure(`${name} is incomplete: it ends after ${length} bytes.`);
}

async function makeSeal(passphrase: string, salt: Bytes): Promise<Seal> {
  const derived = await derive(passphrase, salt);
  const key = await crypto.subtle.importKey('raw', derived.slice(0, KEY_BYTES), 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  const check = derived.slice(KEY_BYTES);
  return { head: concat(concat(new Uint8Array(Buffer.from(FORMAT)), salt), check), key };
}

function derive(passphrase: string, salt: Bytes): Promise<Bytes> {
  const cost = { N: SCRYPT_COST, r: SCRYPT_BLOCK_SIZE, p: 1, maxmem: SCRYPT_MEMORY_MAX };
  return new Promise((resolve, reject) => {
    // Keyboards write the same letter in several forms.
    scrypt(passphrase.normalize('NFKC'), salt, KEY_BYTES + CHECK_BYTES, cost, (error, derived) =>
      error ? reject(error) : resolve(new Uint8Array(derived)),
    );
  });
}

async function sealChunk(chunk: Bytes, index: number, isLast: boolean, { head, key }: Seal): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.encrypt(gcm(index, isLast, head), key, chunk));
}

/** @returns undefined if the chunk is not authentic at this place */
async function openChunk(
  sealed: Bytes,
  index: number,
  isLast: boolean,
  { head, key }: Seal,
): Promise<Bytes | undefined> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm(index, isLast, head), key, sealed));
  } catch {
    return undefined;
  }
}

function gcm(index: number, isLast: boolean, head: Bytes) {
  const iv = new Uint8Array(12);
  const view = new DataView(iv.buffer);
  view.setUint32(7, index);
  view.setUint8(11, isLast ? 1 : 0);
  return { name: 'AES-GCM', iv, additionalData: head };
}

function concat(one: Uint8Array, other: Uint8Array): Bytes {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
