const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i;

// RFC 3339 can show a time in UTC only within these four-digit years.
const EARLIEST = Date.parse('0000-01-01T00:00:00.000Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Parses a date-time of [RFC 3339 section 5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), with any offset, `T` and `Z` in either
 * case, and any number of decimals. A leap second counts as the second after it, as in POSIX. Decimals after the third are cut off.
 * @returns milliseconds since the epoch, or undefined if it is not a date-time, or not of the years 0000 to 9999 in UTC
 */
export function parseTime(text: string): number | undefined {
  const parts = DATE_TIME.exec(text);
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const [, , , , , , , decimals = '', sign, offsetHour = '0', offsetMinute = '0'] = parts;
  if (hour > 23 || minute > 59 || second > 60 || Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;
  // `setUTCFullYear`, because `Date.UTC` takes the years 0 to 99 for those of the 20th century.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offset = (sign === '-' ? -1 : 1) * (Number(offsetHour) * 60 + Number(offsetMinute));
  const seconds = date.getTime() / 1000 + (hour * 60 + minute - offset) * 60 + second;
  // A leap second is the last second of a day in UTC.
  if (second === 60 && seconds % 86_400 !== 0) return undefined;
  const time = seconds * 1000 + Number(decimals.slice(0, 3).padEnd(3, '0'));
  return time >= EARLIEST && time <= LATEST ? time : undefined;
}
