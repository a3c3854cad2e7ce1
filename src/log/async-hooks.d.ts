// What the flag `nodejs_als` gives: the runtime's types do not tell of it, and Node's tell of much that is not there.
declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, callback: () => R): R;
    getStore(): T | undefined;
  }
}
