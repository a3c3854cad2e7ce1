import type { Fault } from '../instruments.ts';

// Errors as the platform throws them. The texts come from its documentation, or from people who met them.

/** https://developers.cloudflare.com/d1/observability/debug-d1/#error-list. Each text follows the prefix that D1 adds. */
const D1_TEXTS = [
  'D1 DB reset because its code was updated.',
  'Internal error while starting up D1 DB storage caused object to be reset.',
  'Network connection lost.',
  'Internal error in D1 DB storage caused object to be reset.',
  'Cannot resolve D1 DB due to transient issue on remote node.',
  "Can't read from request stream because client disconnected.",
  'D1 DB storage operation exceeded timeout which caused object to be reset.',
  'D1 DB is overloaded. Requests queued for too long.',
  'D1 DB is overloaded. Too many requests queued.',
  "D1 DB's isolate exceeded its memory limit and was reset.",
  'D1 DB exceeded its CPU time limit and was reset.',
];

/** Errors of all KV methods, in the runtime's words: https://github.com/cloudflare/workerd/blob/main/src/workerd/api/kv.c++. */
const KV_TEXTS = [
  'KV GET failed: 500 Internal Server Error',
  'KV GET failed: 503 Service Unavailable',
  'KV GET failed: 429 Too Many Requests',
  'Network connection lost.',
  'internal error',
];

/**
 * Errors of KV writes only. The first: https://developers.cloudflare.com/kv/api/write-key-value-pairs/#limits-to-kv-writes-to-the-same-key,
 * worded as in https://github.com/rhinobase/hono-rate-limiter/issues/34. The last means that the account has used up its writes for a day.
 */
const KV_WRITE_TEXTS = [
  'KV PUT failed: 429 Too Many Requests',
  'KV PUT failed: 500 Internal Server Error',
  'KV put() limit exceeded for the day.',
];

interface Flags {
  readonly retryable?: true;
  readonly overloaded?: true;
  readonly durableObjectReset?: true;
}

/**
 * The texts are from https://developers.cloudflare.com/durable-objects/observability/troubleshooting/,
 * the flags from https://developers.cloudflare.com/durable-objects/best-practices/error-handling/. Depending on the kind of failure the
 * runtime sets `overloaded` or `retryable`, never both: https://github.com/cloudflare/workerd/blob/main/src/workerd/jsg/util.c++.
 */
const GATE_ERRORS: readonly (readonly [text: string, flags: Flags])[] = [
  ['Durable Object is overloaded. Too many requests queued.', { overloaded: true }],
  ['Durable Object is overloaded. Too much data queued.', { overloaded: true }],
  ['Durable Object is overloaded. Requests queued for too long.', { overloaded: true }],
  [
    'Durable Object is overloaded. Too many requests for the same object within a 10 second window.',
    { overloaded: true },
  ],
  [
    'Your account is generating too much load on Durable Objects. Please back off and try again later.',
    { overloaded: true },
  ],
  [
    'Your account is doing too many concurrent storage operations. Please back off and try again later.',
    { overloaded: true },
  ],
  ['Durable Object reset because its code was updated.', { retryable: true, durableObjectReset: true }],
  ['Network connection lost.', { retryable: true }],
  ['Cannot resolve Durable Object due to transient issue on remote node.', { retryable: true }],
  [
    'Connection closed: this Durable Object instance is no longer active. Reconnect or retry the request.',
    { retryable: true },
  ],
  ['Durable Object storage operation exceeded timeout which caused object to be reset.', { durableObjectReset: true }],
  ['internal error', {}],
];

/** A failure of a store. */
export interface Trouble {
  readonly name: string;
  readonly fault: Fault;
}

const rejects = (name: string, error: () => Error): Trouble => ({ name, fault: () => Promise.reject(error()) });

/** Failures that no documentation lists, but that any store may show. */
const THROWS: readonly Trouble[] = [
  {
    name: 'throws before it is asked',
    fault: () => {
      throw new TypeError('The binding is not there.');
    },
  },
  { name: 'rejects with what is no error', fault: () => Promise.reject('gone') },
];

export const HANGS: Trouble = { name: 'hangs', fault: () => new Promise(() => {}) };

export const IS_SLOW: Trouble = {
  name: 'takes 300 ms',
  fault: async (call) => {
    await scheduler.wait(300);
    return call();
  },
};

/** The failures of D1 from the view of its callers. */
export const D1_TROUBLES: readonly Trouble[] = [
  ...THROWS,
  ...D1_TEXTS.map((text) => rejects(text, () => new Error(`D1_ERROR: ${text}`, { cause: new Error(text) }))),
  HANGS,
];

export const KV_TROUBLES: readonly Trouble[] = [
  ...THROWS,
  ...KV_TEXTS.map((text) => rejects(text, () => new Error(text))),
  HANGS,
];

/** Failures of KV writes; reads go through. */
export const KV_WRITE_TROUBLES: readonly Trouble[] = KV_WRITE_TEXTS.map((text) => ({
  name: text,
  fault: (call, method) => (method === 'put' ? Promise.reject(new Error(text)) : call()),
}));

export interface GateError extends Trouble, Flags {
  readonly error: () => Error;
}

export const GATE_FAILURES: readonly GateError[] = GATE_ERRORS.map(([text, flags]) => {
  const error = () => Object.assign(new Error(text), flags);
  return { ...rejects(text, error), ...flags, error };
});

export const GATE_TROUBLES: readonly Trouble[] = [...THROWS, ...GATE_FAILURES, HANGS];
