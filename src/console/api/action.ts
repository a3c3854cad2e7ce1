import { useCallback, useRef, useState } from 'react';
import { showConflict } from '../ui/conflict.tsx';
import { followChange } from '../ui/progress.tsx';
import { toast } from '../ui/toast.tsx';
import { type Called, call } from './call.ts';
import { asProblem, type Problem, sentence } from './problem.ts';
import { invalidate } from './queries.ts';
import type { Answer, Body, Method, Params, PathOf } from './types.ts';

export interface ActionOptions<M extends Method, P extends PathOf<M>> {
  readonly method: M;
  /** The path as in the OpenAPI document, such as `/v1/clients/{client_id}`. */
  readonly path: P;
  readonly params?: Params;
  readonly body?: Body<P, M>;
  /** The version that the change is based on. */
  readonly etag?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Is called with the answer as soon as the API accepted the call. A secret must be taken from here: what is read next may end the
   * session, that of a key which was rotated.
   */
  readonly onAnswer?: (answer: Answer<P, M>) => void;
  /** Is called with the answer once what the call changed was read again. */
  readonly onDone?: (answer: Answer<P, M>) => void;
  /** Is called when the user chose the version of another person in a conflict, once it was read. */
  readonly onReload?: () => void;
  /** The paths whose data the call changes. Everything below them is read again. */
  readonly invalidates?: readonly string[];
  /** Is shown in a toast when the call succeeded. */
  readonly success?: string;
}

export interface Action<M extends Method, P extends PathOf<M>> {
  /** Makes the call. Members given here replace those of the options. Resolves to the answer, or undefined if it failed. */
  run(changes?: Partial<ActionOptions<M, P>>): Promise<Answer<P, M> | undefined>;
  readonly isRunning: boolean;
  /** What is wrong with the call, for the form that made it. */
  readonly problem: Problem | undefined;
  /** Forgets the problem. */
  reset(): void;
}

/** Problems that a form shows at its fields. All others are shown in a toast as well. */
const OF_FORM: readonly number[] = [400, 409, 413, 422];

/** Changes something through the API. */
export function useAction<M extends Method, P extends PathOf<M>>(options: ActionOptions<M, P>): Action<M, P> {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const latest = useRef(options);
  latest.current = options;
  // A retry after a lost answer must have the same key, so that the API does not act twice.
  const idempotencyKey = useRef<{ readonly of: string; readonly key: string }>(undefined);

  const run = useCallback(async (changes: Partial<ActionOptions<M, P>> = {}): Promise<Answer<P, M> | undefined> => {
    // What is sent again after a failure is this, not what the form says by then.
    const sent = { ...latest.current, ...changes };
    const { method, path, params, body, etag, headers, onAnswer, onDone, invalidates = [], success } = sent;
    const content = JSON.stringify([method, path, params, body]);
    if (idempotencyKey.current?.of !== content) idempotencyKey.current = { of: content, key: crypto.randomUUID() };
    const key = method === 'post' ? idempotencyKey.current.key : undefined;
    setRunning(true);
    setProblem(undefined);
    try {
      const called: Called<Answer<P, M>> = await call({
        method,
        path: path as string,
        params,
        body,
        etag,
        headers,
        idempotencyKey: key,
      });
      idempotencyKey.current = undefined;
      if (called.status === 202 && called.location !== undefined) {
        followChange(called.location, () => invalidates.map(invalidate));
      } else if (success !== undefined) toast.success(success);
      onAnswer?.(called.body);
      await Promise.all(invalidates.map(invalidate));
      onDone?.(called.body);
      return called.body;
    } catch (error) {
      const failure = asProblem(error);
      // A refusal settles the key. After any other failure the API may have acted.
      if (failure.status >= 400 && failure.status < 500) idempotencyKey.current = undefined;
      if (failure.status === 412) {
        showConflict({
          path: path as string,
          // Without the query, such as that of a change with `cascade`.
          params: { path: { ...params?.path } },
          yours: body,
          reload: () => Promise.all(invalidates.map(invalidate)).then(() => latest.current.onReload?.()),
          overwrite: (current) => run({ ...sent, etag: current }).then(() => undefined),
        });
        return undefined;
      }
      setProblem(failure);
      if (!OF_FORM.includes(failure.status)) {
        // A POST is sent again by the same button, with the same key: its answer may hold a secret that the form must be there to show.
        const canRetry = method !== 'post' && failure.status !== 401 && failure.status !== 403;
        toast.error(sentence(failure), canRetry ? () => void run(sent) : undefined);
      }
      return undefined;
    } finally {
      setRunning(false);
    }
  }, []);

  return { run, isRunning, problem, reset: useCallback(() => setProblem(undefined), []) };
}
