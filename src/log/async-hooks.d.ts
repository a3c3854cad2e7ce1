// The part of `node:async_hooks` that the flag `nodejs_als` provides. The runtime's types lack it, and Node's types declare much that the
// runtime does not have.
declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, callback: () => R): R;
    getStore(): T | undefined;
  }
}
