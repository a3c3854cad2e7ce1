/**
 * Whether the code runs in workerd. There, work belongs to the request that began it: it may end with that request at any moment, and another
 * request must not await its promise.
 */
export function isWorkerd(): boolean {
  return (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers';
}

/** How work in the background outlives the request that began it. */
export interface BackgroundOptions {
  /** Keeps a Worker alive while something is fetched in the background. Default in Workers: `waitUntil` of `cloudflare:workers`. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Keeps a Worker alive until work has ended. Elsewhere nothing is needed. @param work never rejects */
export function keepAlive(work: Promise<unknown>, { waitUntil }: BackgroundOptions): void {
  if (waitUntil) waitUntil(work);
  else if (isWorkerd()) void keepWorkerAlive(work);
}

async function keepWorkerAlive(work: Promise<unknown>): Promise<void> {
  try {
    // As a variable, so that bundlers for other runtimes do not look for the module.
    const name = 'cloudflare:workers';
    const { waitUntil } = (await import(name)) as { waitUntil: (work: Promise<unknown>) => void };
    waitUntil(work);
  } catch {
    // An older version of workerd can do that in a handler only. The work then ends with the request, and another request begins it again.
  }
}
