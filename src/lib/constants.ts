/** Entries of any one memory in an isolate; the oldest goes first. */
export const MEMORY_ENTRIES = 10_000;
