import { Toast } from '@base-ui/react/toast';
import type { ReactNode } from 'react';

const manager = Toast.createToastManager();

const ERROR_MS = 12_000;

/** Shows short messages at the edge of the window. */
export const toast = {
  success(message: string): void {
    manager.add({ title: message, type: 'success' });
  },
  /** @param retry is offered as a button */
  error(message: string, retry?: () => void): void {
    const actionProps = retry && { children: 'Try again', onClick: retry };
    manager.add({
      title: message,
      type: 'error',
      priority: 'high',
      timeout: ERROR_MS,
      ...(actionProps && { actionProps }),
    });
  },
  /** Shows a message that stays until it is closed. Returns its id. */
  progress: (message: string): string => manager.add({ title: message, type: 'progress', timeout: 0 }),
  update: (id: string, message: string, isDone = false): void =>
    manager.update(id, { title: message, type: isDone ? 'success' : 'progress', timeout: isDone ? 5000 : 0 }),
  close: (id: string): void => manager.close(id),
};

export function ToastProvider({ children }: { readonly children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <Toasts />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function Toasts() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((each) => (
    <Toast.Root key={each.id} toast={each} className={`toast toast-${each.type ?? 'success'}`}>
      <Toast.Title className="toast-title" />
      {each.actionProps && <Toast.Action className="button button-quiet button-small" />}
      <Toast.Close className="icon-button" aria-label="Close the message">
        ×
      </Toast.Close>
    </Toast.Root>
  ));
}
