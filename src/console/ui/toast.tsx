import { lazy, Suspense, useSyncExternalStore } from 'react';
import { hasMessages, listenForMessages } from './toast-queue.ts';

export { toast } from './toast-queue.ts';

const ToastHost = lazy(() => import('./toast-host.tsx'));

/** The place of the messages. The app has one. */
export function Toasts() {
  const isShown = useSyncExternalStore(listenForMessages, hasMessages);
  return isShown ? (
    <Suspense>
      <ToastHost />
    </Suspense>
  ) : null;
}
