import { useEffect, useState, useSyncExternalStore } from 'react';
import { call } from '../api/call.ts';
import type { Params } from '../api/types.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { SafeText } from './safe-text.tsx';

/** A change that was refused because the resource has changed meanwhile. */
interface Conflict {
  readonly path: string;
  readonly params: Params | undefined;
  /** The fields as they were sent. */
  readonly yours: unknown;
  readonly reload: () => Promise<void>;
  /** Sends the change again, based on the current version. */
  readonly overwrite: (etag: string | undefined) => Promise<void>;
}

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
  return conflict ? <ConflictDialog conflict={conflict} /> : null;
}

function ConflictDialog({ conflict }: { readonly conflict: Conflict }) {
  const [theirs, setTheirs] = useState<{ readonly body: Record<string, unknown>; readonly etag: string | undefined }>();
  useEffect(() => {
    call<Record<string, unknown>>({ method: 'get', path: conflict.path, params: conflict.params })
      .then(({ body, etag }) => setTheirs({ body, etag }))
      .catch(() => setTheirs({ body: {}, etag: undefined }));
  }, [conflict]);
  const yours = (conflict.yours ?? {}) as Record<string, unknown>;
  const close = () => set(undefined);
  return (
    <Dialog
      isOpen
      onClose={close}
      title="Someone else has changed this"
      description="Your change was not applied. Compare the fields that you changed with the current version."
      actions={
        <>
          <Button onClick={() => void conflict.reload().then(close)}>Discard mine and reload</Button>
          <Button
            kind="danger"
            disabled={!theirs}
            onClick={() => {
              close();
              void conflict.overwrite(theirs?.etag);
            }}
          >
            Overwrite with mine
          </Button>
        </>
      }
    >
      <div className="table-scroll">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Yours</th>
              <th scope="col">Theirs</th>
            </tr>
          </thead>
          <tbody>
            {Object.keys(yours).map((field) => (
              <tr key={field}>
                <th scope="row">{field}</th>
                <td>
                  <code>
                    <SafeText text={JSON.stringify(yours[field])} />
                  </code>
                </td>
                <td>
                  <code>{theirs ? <SafeText text={JSON.stringify(theirs.body[field]) ?? 'not set'} /> : '…'}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Dialog>
  );
}
