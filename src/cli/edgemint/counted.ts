/** Returns a number with its noun, such as "1 role" or "2 roles". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
