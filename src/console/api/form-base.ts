import { useState } from 'react';

export interface FormBase<T> {
  /** The version that the form began with. */
  readonly base: T;
  readonly etag: string | undefined;
  readonly draft: T;
  readonly setDraft: (draft: T) => void;
  /** Forgets what was typed. The form then shows the current version. */
  readonly reset: () => void;
}

/**
 * Keeps the version of a resource that a form began with, as long as something is typed: a version that is read meanwhile must not hide
 * the change of another person. A form in which nothing is typed follows the current version.
 * @param isEqual whether a draft changes nothing of a version
 */
export function useFormBase<T>(
  current: T,
  etag: string | undefined,
  isEqual: (draft: T, version: T) => boolean,
): FormBase<T> {
  const [state, setState] = useState({ base: current, etag, draft: current });
  // While it is rendered, so that no older version is shown first.
  if (etag !== state.etag && isEqual(state.draft, state.base)) setState({ base: current, etag, draft: current });
  return {
    ...state,
    setDraft: (draft) => setState((before) => ({ ...before, draft })),
    reset: () => setState((before) => ({ ...before, draft: before.base })),
  };
}
