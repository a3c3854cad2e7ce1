/** Returns a number of things in words, such as "50 or more clients". @param hasMore whether there may be more than were counted */
export function countOf(count: number, noun: string, hasMore = false): string {
  const counted = count === 0 && hasMore ? 'Perhaps some' : `${count.toLocaleString('en')}${hasMore ? ' or more' : ''}`;
  return `${counted} ${noun}${count === 1 && !hasMore ? '' : 's'}`;
}
