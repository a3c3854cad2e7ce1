import type { Fault, Store } from '../instruments.ts';

/** A store, and what it does instead of answering. */
export interface StoreTrouble {
  readonly name: string;
  readonly store: Store;
  readonly fault: Fault;
}

/**
 * What a store can do instead of answering, with secrets wherever an error has room for them.
 * @param secrets in one text
 */
export function troublesTelling(secrets: string): StoreTrouble[] {
  // As if there were frames in the message: a stack begins with it.
  const text = `Failed query: select ? params: ${secrets}\n    at ${secrets} (${secrets}:1:2)`;
  const error = (more: object = {}) => Object.assign(new Error(text, { cause: new Error(text) }), { secrets }, more);
  const constraint = new Error(`D1_ERROR: UNIQUE constraint failed: clients.client_name: ${secrets}`, {
    cause: error(),
  });
  // Whatever is asked of it, it tells.
  const telltale = new Proxy(
    {},
    {
      get: (_, name) => {
        if (name === 'then') return undefined;
        throw new TypeError(text);
      },
    },
  );
  const anyStore: Record<string, Fault> = {
    'rejects, and tells': () => Promise.reject(error()),
    'throws, and tells': () => {
      throw error();
    },
    'rejects with what is no error': () => Promise.reject(secrets),
    'answers nothing': async () => undefined,
    'answers what throws': async () => telltale,
    hangs: () => new Promise(() => {}),
  };
  const all = (['d1', 'kv', 'gate'] as const).flatMap((store) =>
    Object.entries(anyStore).map(([name, fault]) => ({ name: `${store} ${name}`, store, fault })),
  );
  const rejecting = (name: string, store: Store, reason: Error) => ({
    name,
    store,
    fault: () => Promise.reject(reason),
  });
  return [
    ...all,
    rejecting('gate is overloaded', 'gate', error({ overloaded: true })),
    rejecting('gate was reset', 'gate', error({ retryable: true, durableObjectReset: true })),
    rejecting('d1 tells of a constraint', 'd1', constraint),
    {
      name: 'd1 does it, and its answer is lost',
      store: 'd1',
      fault: (call) => call().then(() => Promise.reject(error())),
    },
    { name: 'kv has something else', store: 'kv', fault: async (call, method) => (method === 'get' ? text : call()) },
    rejecting('the rate limit rejects, and tells', 'rateLimit', error()),
  ];
}
