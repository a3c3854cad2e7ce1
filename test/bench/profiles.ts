import type { CountingWorker } from './counting-worker.ts';
import { assertionTarget, type EdgemintName, secretTarget } from './edgemint-subjects.ts';
import type { Target } from './requests.ts';

/** A way in which clients use the service. */
export interface Profile {
  readonly name: string;
  readonly clients: number;
  /** How often each of them asks, in milliseconds. */
  readonly interval: number;
  /** How often each asks while operations are counted. */
  readonly requests: number;
  /** The subject that has the same requests. Its CPU time is charged. */
  readonly subject: EdgemintName;
  readonly target: (worker: CountingWorker, clients: number) => Promise<Target>;
}

/** A client that asks as often as its default rate limit allows. */
export const BUSY = { clients: 20, interval: 100 };

export function profiles(isQuick: boolean): Profile[] {
  const busy = { ...BUSY, requests: isQuick ? 150 : 600 };
  const quiet = { clients: isQuick ? 20 : 40, interval: 30_000, requests: isQuick ? 2 : 8 };
  return [
    { name: 'busy', ...busy, subject: 'secret', target: secretTarget },
    { name: 'every 30 s', ...quiet, subject: 'secret', target: secretTarget },
    {
      name: 'assertion',
      ...busy,
      subject: 'assertion',
      target: (worker, clients) => assertionTarget(worker, false, clients),
    },
    {
      name: 'assertion and proof',
      ...busy,
      subject: 'both',
      target: (worker, clients) => assertionTarget(worker, true, clients),
    },
  ];
}
