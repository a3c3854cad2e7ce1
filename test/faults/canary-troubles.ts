import type { Fault, Store } from '../instruments.ts';

/** A store, and its failure. */
export interface StoreTrouble {
  readonly name: string;
  readonly store: Store;
  readonly fault: Fault;
}

/**
 * Returns every way in which a store can fail, with secrets in every place that an error offers.
 * @param secrets all secrets in one text
 */
export function troublesTelling(secrets: string): StoreTrouble[] {
  // Looks as if the message contained stack frames, because a stack begins with the message.
  const text = `Failed query: select ? params: ${secrets}\n    at ${secrets} (${secrets}:1:2)`;
  const error = (more: object = {}) => Object.assign(new Error(text, { cause: new Error(text) }), { secrets }, more);
  const constraint = new Error(`D1_ERROR: UNIQUE constraint failed: clients.client_name: ${secrets}`, {
    cause: error(),
  });
  // Throws an error that contains the secrets when any of its properties is read.
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
