let listener: (() => void) | undefined;

/** Sets what happens when the API no longer accepts the session. */
export function listenForSignOut(onEnd: () => void): () => void {
  listener = onEnd;
  return () => {
    if (listener === onEnd) listener = undefined;
  };
}

/** Reports that the API answered 401. */
export function onSignedOut(): void {
  listener?.();
}
