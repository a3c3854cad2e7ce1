export interface Message {
  readonly id: string;
  readonly text: string;
  readonly kind: 'success' | 'error' | 'progress';
  readonly retry?: (() => void) | undefined;
}

/** What is done with a message. */
export type Change = { readonly add: Message } | { readonly update: Message } | { readonly close: string };

// The code that shows messages is loaded with the first one. Until then they wait here.
const waiting: Change[] = [];
let receiver: ((change: Change) => void) | undefined;
const listeners = new Set<() => void>();
let isNeeded = false;
let count = 0;

function send(change: Change): void {
  if (receiver) receiver(change);
  else waiting.push(change);
  if (isNeeded) return;
  isNeeded = true;
  for (const listener of listeners) listener();
}

function add(message: Omit<Message, 'id'>): string {
  count += 1;
  const id = `message-${count}`;
  send({ add: { ...message, id } });
  return id;
}

/** Shows short messages at the edge of the window. */
export const toast = {
  success: (text: string): void => void add({ text, kind: 'success' }),
  /** @param retry is offered as a button */
  error: (text: string, retry?: () => void): void => void add({ text, kind: 'error', retry }),
  /** Shows a message that stays. Returns its id. */
  progress: (text: string): string => add({ text, kind: 'progress' }),
  /** Changes a message. @param isDone whether it then goes away by itself */
  update: (id: string, text: string, isDone = false): void =>
    send({ update: { id, text, kind: isDone ? 'success' : 'progress' } }),
  close: (id: string): void => send({ close: id }),
};

/** Passes on all messages, those that have waited first. */
export function receiveMessages(receive: (change: Change) => void): void {
  receiver = receive;
  for (const change of waiting.splice(0)) receive(change);
}

/** Whether there has been a message, for `useSyncExternalStore`. */
export function listenForMessages(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function hasMessages(): boolean {
  return isNeeded;
}
