const SHIFTS_MS = [3_600_000, 1_800_000];

/** Returns a time as the browser's time zone has it, for the value of a field. @param value RFC 3339 */
export function toLocal(value: string): string {
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/**
 * Returns the time in UTC that a field means, as RFC 3339. Of a time that comes twice, it is the first one. A time that the clocks skip is
 * as long after the change as it says.
 */
export function toUtc(local: string): string {
  return new Date(local).toISOString();
}

/** Says which time zone is meant, and which time in UTC. @param value null if there is no time */
export function zoneNote(value: string | null): string {
  const zone = `In your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (value === null) return `${zone}.`;
  const comesAgain = (direction: 1 | -1) =>
    SHIFTS_MS.some(
      (shift) => toLocal(new Date(Date.parse(value) + direction * shift).toISOString()) === toLocal(value),
    );
  const which = comesAgain(1) ? 'first' : comesAgain(-1) ? 'second' : undefined;
  const twice = which === undefined ? '' : ` The clocks go back then, and it comes twice: the ${which} one is meant.`;
  return `${zone}: ${value.replace(/\.0+Z$/, 'Z')} in UTC.${twice}`;
}
