/** A size in KiB, for a text: `16 KiB`. */
export function kib(bytes: number): string {
  return `${bytes / 1024} KiB`;
}
