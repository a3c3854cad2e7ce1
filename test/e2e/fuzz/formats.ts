const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-](\d\d):(\d\d))$/i;

/** Whether a text is a date-time of RFC 3339. Written apart from the code under test. */
function isDateTime(text: string): boolean {
  const [, year, month, day, hour, minute, second, , , offsetHour = 0, offsetMinute = 0] = DATE_TIME.exec(text) ?? [];
  if (year === undefined) return false;
  const daysOfMonth = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
  const isDay = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= daysOfMonth;
  const isTime = Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59;
  const isLeapSecond = /T23:59:60(\.\d+)?(Z|[+-]00:00)$/i.test(text);
  return isDay && (isTime || isLeapSecond) && Number(offsetHour) <= 23 && Number(offsetMinute) <= 59;
}

/** The formats of the document. */
export const FORMATS = {
  'date-time': isDateTime,
  uri: (text: string) => /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]*$/i.test(text) && URL.canParse(text),
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
};
