import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Runs a build unless the stamp file says that its sources have not changed since the last one.
 * @param sources files and folders that the output depends on; folders are read completely, except `node_modules`
 * @param outputs files that must exist
 */
export async function buildIfStale(
  root: string,
  {
    stamp,
    sources,
    outputs,
  }: { readonly stamp: string; readonly sources: readonly string[]; readonly outputs: readonly string[] },
  build: () => Promise<void>,
): Promise<void> {
  const fingerprint = fingerprintOf(root, sources);
  const isFresh = outputs.every(existsSync) && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint;
  if (isFresh) return;
  await build();
  writeFileSync(stamp, fingerprint);
}

// The content decides, not the time: a checkout of another commit changes times in both directions.
function fingerprintOf(root: string, sources: readonly string[]): string {
  const hash = createHash('sha256');
  for (const source of sources) {
    for (const file of filesOf(source))
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update('\0');
  }
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesOf(join(path, entry.name)) : [join(path, entry.name)]));
}
