import { useLocation } from 'wouter';
import { useAction } from '../../api/action.ts';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { DependentList, dependentsOf } from './dependents.tsx';

interface DeleteDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly organizationId: string;
  readonly path: '/v1/resource-servers/{id}' | '/v1/roles/{id}';
  readonly id: string;
  /** What must be typed. */
  readonly name: string;
  /** What it is, such as "resource server". */
  readonly noun: string;
  readonly etag: string | undefined;
  /** What is known to go with it before the API is asked. */
  readonly consequences: readonly { readonly label: string; readonly count: number | string | undefined }[];
  readonly note: string;
  /** The address of the list, which is shown afterwards. */
  readonly list: string;
  readonly command: string;
}

/**
 * Deletes a resource server or a role. If clients or roles refer to it, the API names them, and the dialog asks again with this list before it
 * takes it from them.
 */
export function DeleteDialog(props: DeleteDialogProps) {
  const { isOpen, onClose, organizationId, path, id, name, noun, etag, consequences, note, list, command } = props;
  const [, navigate] = useLocation();
  const remove = useAction({
    method: 'delete',
    path,
    params: { path: { id } },
    etag,
    invalidates: ['/v1/resource-servers', '/v1/roles', '/v1/clients'],
    success: `The ${noun} was deleted.`,
    onDone: () => navigate(list),
  });
  const dependents = dependentsOf(remove.problem);
  const shownPath = path.replace('{id}', encodeURIComponent(id));
  return (
    <ConfirmDialog
      // A second question begins with an empty field, so that a second press cannot answer it.
      key={dependents ? 'with dependents' : 'alone'}
      isOpen={isOpen}
      onClose={() => {
        remove.reset();
        onClose();
      }}
      title={dependents ? `${dependents.total} would lose it` : `Delete the ${noun}`}
      confirmName={name}
      consequences={dependents ? [] : consequences}
      action={dependents ? `Delete it, and take it from ${dependents.total}` : `Delete the ${noun}`}
      run={() => remove.run(dependents ? { params: { path: { id }, query: { cascade: 'true' } } } : {})}
      isRunning={remove.isRunning}
      problem={dependents ? undefined : remove.problem}
      call={{
        method: 'delete',
        path: dependents ? `${shownPath}?cascade=true` : shownPath,
        ...(etag !== undefined && { ifMatch: etag }),
      }}
      command={dependents ? `${command} --cascade` : command}
    >
      {dependents ? (
        <>
          <p>These refer to the {noun} and lose what it gives them. Nothing has been deleted yet.</p>
          <DependentList organizationId={organizationId} dependents={dependents} />
        </>
      ) : (
        <p>{note}</p>
      )}
    </ConfirmDialog>
  );
}

/** Returns a count of rows that have been read so far, such as "200 or more". */
export function countOf(rows: readonly unknown[], hasMore: boolean, isLoading: boolean): string | undefined {
  if (isLoading && rows.length === 0) return undefined;
  return hasMore ? `${rows.length} or more` : String(rows.length);
}
