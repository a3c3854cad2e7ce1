/** The most entries of an isolate's cache. When it is full, the oldest entry is evicted. */
export const CACHE_ENTRIES_MAX = 10_000;
