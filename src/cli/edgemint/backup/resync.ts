import { RESTORED_VERSIONS_SKIPPED } from '../../constants.ts';

/**
 * Returns the statements that bring every registered gate to what the database says after it was taken back: versions above those of the
 * gates, and an owed push for each.
 */
export function resyncStatements({ revokesTokens }: { readonly revokesTokens: boolean }): string[] {
  return [
    `UPDATE version_sequence SET value = value + ${RESTORED_VERSIONS_SKIPPED};`,
    ...(revokesTokens ? ['UPDATE clients SET revocation_epoch = (SELECT value FROM version_sequence);'] : []),
    `INSERT OR IGNORE INTO gate_pushes (gate, version, client_id)
  SELECT name, (SELECT value FROM version_sequence), client_id FROM gates;`,
  ];
}
