import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { describeSystemError } from '../../system-error.ts';
import { newerFormat, openStream, sealStream } from './sealed-file.ts';
import { linesOf, type Value } from './sql-dump.ts';

// The content of a backup: gzipped lines of JSON, sealed by the passphrase.

/** The first line. */
export interface Manifest {
  /** Milliseconds since the epoch. */
  readonly created_at: number;
  /** The version of the command line that wrote it. */
  readonly edgemint: string;
  /** The Worker whose database it was; null for a local one. */
  readonly worker: string | null;
  /** null if it is not known. */
  readonly issuer: string | null;
  /** The names of the migrations that the database had, in their order. */
  readonly migrations: readonly string[];
  /** Whether audit events and usage are in it. */
  readonly history: boolean;
}

/** Rows of one table. */
export interface Rows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** Revoked tokens: their keys in KV, and when they expire, in seconds since the epoch. */
export interface Revoked {
  readonly revoked: readonly (readonly [key: string, expiresAt: number])[];
}

/** The last line: how many rows of each table came before. */
interface End {
  readonly end: Readonly<Record<string, number>>;
}

export type Item = Rows | Revoked;

/**
 * Writes a backup as a draft, and renames it once it is complete, so that a file of this name is always a whole backup.
 * @param signal ends the writing
 * @returns how many rows of each table it has
 * @throws Failure if the file cannot be written
 */
export async function writeArchive(
  file: string,
  passphrase: string,
  manifest: Manifest,
  items: AsyncIterable<Item>,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  async function* lines() {
    yield `${JSON.stringify(manifest)}\n`;
    for await (const item of items) {
      if ('table' in item) counts[item.table] = (counts[item.table] ?? 0) + item.rows.length;
      yield `${JSON.stringify(item)}\n`;
    }
    yield `${JSON.stringify({ end: counts } satisfies End)}\n`;
  }
  const draft = `${file}.${process.pid}`;
  try {
    // Opened first, so that no late opening makes the file again after it was removed.
    const sink = (await open(draft, 'wx', SECRET_FILE_MODE)).createWriteStream({ flush: true });
    const sealed = (bytes: AsyncIterable<Uint8Array>) => sealStream(bytes, passphrase);
    await pipeline(Readable.from(lines()), createGzip(), sealed, sink, { ...(signal && { signal }) });
    await rename(draft, file);
    return counts;
  } catch (error) {
    await rm(draft, { force: true });
    throw withSentence(error, file);
  }
}

export interface Archive {
  readonly manifest: Manifest;
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Reads a whole backup.
 * @param take receives the content in its order. Until this function returns, the end may prove to be missing
 * @param signal ends the reading
 * @throws Failure if it is no backup, the passphrase is wrong, or it is damaged or incomplete
 */
export async function readArchive(
  file: string,
  passphrase: string,
  take: (item: Item, manifest: Manifest) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<Archive> {
  const counts: Record<string, number> = {};
  let manifest: Manifest | undefined;
  let end: End | undefined;
  try {
    await pipeline(
      createReadStream(file),
      (bytes) => openStream(bytes, passphrase, file),
      createGunzip(),
      async (bytes: AsyncIterable<Uint8Array>) => {
        for await (const line of linesOf(bytes)) {
          const parsed: Manifest | Item | End = JSON.parse(line);
          if (!manifest) manifest = parsed as Manifest;
          else if ('end' in parsed) end = parsed;
          else {
            const item = parsed as Item;
            if (!('table' in item || 'revoked' in item)) throw newerFormat(file);
            if ('table' in item) counts[item.table] = (counts[item.table] ?? 0) + item.rows.length;
            await take(item, manifest);
          }
        }
      },
      { ...(signal && { signal }) },
    );
  } catch (error) {
    throw withSentence(error, file);
  }
  if (!manifest || !end || JSON.stringify(end.end) !== JSON.stringify(counts)) {
    throw new Failure(`${file} is incomplete: its last line is missing.`);
  }
  return { manifest, counts };
}

function withSentence(error: unknown, file: string): unknown {
  if (error instanceof Failure) return error;
  const sentence = describeSystemError(error, file);
  return sentence === undefined ? error : new Failure(sentence);
}
