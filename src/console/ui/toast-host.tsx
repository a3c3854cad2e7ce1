import { Toast } from '@base-ui/react/toast';
import { useEffect } from 'react';
import { type Change, type Message, receiveMessages } from './toast-queue.ts';

const manager = Toast.createToastManager();

const SUCCESS_MS = 5000;
const ERROR_MS = 12_000;
const TIMEOUTS: Readonly<Record<Message['kind'], number>> = { success: SUCCESS_MS, error: ERROR_MS, progress: 0 };

function apply(change: Change): void {
  if ('close' in change) {
    manager.close(change.close);
    return;
  }
  const { id, text, kind, retry } = 'add' in change ? change.add : change.update;
  const options = {
    title: text,
    type: kind,
    timeout: TIMEOUTS[kind],
    priority: kind === 'error' ? ('high' as const) : ('low' as const),
    ...(retry && { actionProps: { children: 'Try again', onClick: retry } }),
  };
  if ('add' in change) manager.add({ id, ...options });
  else manager.update(id, options);
}

/** Shows the messages. */
export default function ToastHost() {
  return (
    <Toast.Provider toastManager={manager}>
      <Toast.Portal>
        <Toast.Viewport className="toasts" aria-label="Messages">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  // The provider listens to the manager from its own effect on, which runs after that of its children.
  useEffect(() => queueMicrotask(() => receiveMessages(apply)), []);
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
