let listener: (() => void) | undefined;
/** How many secrets are on the page that cannot be shown again. */
let secrets = 0;
let hasEnded = false;
/** The page that they are on. */
let page = { href: '', pathname: '' };
const QUESTION = 'Leave the page? Its secret was not copied, and is never shown again.';

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
  page = { href: location.href, pathname: location.pathname };
  return () => {
    secrets -= 1;
    if (hasEnded && secrets === 0) onSignedOut();
  };
}

/**
 * Asks before a secret is lost that nobody has copied.
 * @param path the path of the page that follows
 */
export function mayLeave(path?: string): boolean {
  return secrets === 0 || path === page.pathname || confirm(QUESTION);
}

/**
 * Asks before the Back button leaves a page with a secret, and returns to the page if need be. Call it before the router begins to listen,
 * which would show the other page.
 */
export function guardBack(): void {
  addEventListener('popstate', () => {
    if (!mayLeave(location.pathname)) history.pushState(null, '', page.href);
  });
}
