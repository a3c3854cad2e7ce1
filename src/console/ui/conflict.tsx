import { lazy, Suspense, useSyncExternalStore } from 'react';
import type { Conflict } from './conflict-data.ts';

const ConflictDialog = lazy(() => import('./conflict-dialog.tsx'));

let current: Conflict | undefined;
const listeners = new Set<() => void>();

function set(conflict: Conflict | undefined): void {
  current = conflict;
  for (const listener of listeners) listener();
}

/** Opens the dialog that shows both versions. */
export function showConflict(conflict: Conflict): void {
  set(conflict);
}

/** The place of the dialog. The shell has one. */
export function ConflictHost() {
  const conflict = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return conflict ? (
    <Suspense>
      <ConflictDialog conflict={conflict} onClose={() => set(undefined)} />
    </Suspense>
  ) : null;
}
