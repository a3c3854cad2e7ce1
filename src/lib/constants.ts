/** Entries of any one memory in an isolate; the oldest goes first. */
export const CACHE_ENTRIES_MAX = 10_000;
