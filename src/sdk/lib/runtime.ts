/**
 * Whether the code runs in workerd. There, work belongs to the request that began it: it may end with that request at any moment, and another
 * request must not await its promise.
 */
export function isWorkerd(): boolean {
  return (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers';
}
