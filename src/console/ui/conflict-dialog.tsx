import { useCallback, useEffect, useState } from 'react';
import { call } from '../api/call.ts';
import { asProblem, type Problem } from '../api/problem.ts';
import { Button } from './button.tsx';
import type { Conflict } from './conflict-data.ts';
import { Dialog } from './dialog.tsx';
import { ErrorBox } from './error-box.tsx';
import { SafeText } from './safe-text.tsx';

interface ConflictDialogProps {
  readonly conflict: Conflict;
  readonly onClose: () => void;
}

/** Shows both versions of what was changed twice, and asks which one counts. */
export default function ConflictDialog({ conflict, onClose: close }: ConflictDialogProps) {
  const [theirs, setTheirs] = useState<{ readonly body: Record<string, unknown>; readonly etag: string | undefined }>();
  const [problem, setProblem] = useState<Problem>();
  const read = useCallback(() => {
    setProblem(undefined);
    call<Record<string, unknown>>({ method: 'get', path: conflict.path, params: conflict.params })
      .then(({ body, etag }) => setTheirs({ body, etag }))
      .catch((error: unknown) => setProblem(asProblem(error)));
  }, [conflict]);
  useEffect(read, [read]);
  const isDeletion = conflict.yours === undefined;
  const yours = Object(conflict.yours) as Record<string, unknown>;
  return (
    <Dialog
      isOpen
      onClose={close}
      title="Someone else has changed this"
      description={
        isDeletion
          ? 'Nothing was deleted. Look at it as it is now, or delete it anyway.'
          : 'Your change was not applied. Compare the fields that you changed with the current version.'
      }
      actions={
        <>
          <Button onClick={() => void conflict.reload().then(close)}>
            {isDeletion ? 'Keep it and reload' : 'Discard mine and reload'}
          </Button>
          <Button
            kind="danger"
            // Without the version that is overwritten, any later change would be overwritten, too.
            disabled={!theirs?.etag}
            onClick={() => {
              close();
              void conflict.overwrite(theirs?.etag);
            }}
          >
            {isDeletion ? 'Delete it anyway' : 'Overwrite with mine'}
          </Button>
        </>
      }
    >
      {problem && <ErrorBox problem={problem} retry={read} />}
      {!isDeletion && (
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
      )}
    </Dialog>
  );
}
