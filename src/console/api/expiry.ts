let listener: (() => void) | undefined;
/** How many secrets are on the page that cannot be shown again. */
let secrets = 0;
let hasEnded = false;

/** Sets what happens when the API no longer accepts the session. */
export function listenForSignOut(onEnd: () => void): () => void {
  listener = onEnd;
  return () => {
    if (listener === onEnd) listener = undefined;
  };
}

/**
 * Reports that the session has ended. While a secret is shown, the page stays.
 * @returns whether the page stays for now
 */
export function onSignedOut(): boolean {
  hasEnded = secrets > 0;
  if (!hasEnded) listener?.();
  return hasEnded;
}

/** Keeps the page although the session ends, until the returned function is called. */
export function keepForSecret(): () => void {
  secrets += 1;
  return () => {
    secrets -= 1;
    if (hasEnded && secrets === 0) onSignedOut();
  };
}
