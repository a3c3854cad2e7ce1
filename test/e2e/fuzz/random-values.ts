import { seeded } from '../../random.ts';

export type Random = ReturnType<typeof randomValues>;

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'];
/** Characters that are often handled wrongly: controls, quotes, other scripts and directions, combining marks, astral ones. */
const ODD = [
  ...'\u0000\u0009\u000a\u001f\u007f\u0085 "\'\\/%+&=;:#?<>`{}$()[]*~|^_-.,@!',
  ...'éßİıſµ中א\u0301\u200d\u202e\u2028\ufeff\uffff😀🦊\u{10ffff}',
];

/** Returns generators of random values that give the same values for the same seed. */
export function randomValues(seed: number) {
  const random = seeded(seed);
  const { below, pick } = random;
  const chance = (percent: number) => below(100) < percent;
  const character = () => (chance(70) ? pick(LETTERS as [string, ...string[]]) : pick(ODD as [string, ...string[]]));

  /** Returns a text of so many code points. */
  const text = (min: number, max: number): string => {
    const short = Math.min(max, min + below(12));
    const length = chance(6) ? max : chance(6) ? min : short;
    return Array.from({ length }, character).join('');
  };

  const digits = (value: number, length = 2) => String(value).padStart(length, '0');

  /** Returns a date-time of RFC 3339 in one of its forms, within a few days of now or at the edges of what it can say. */
  const dateTime = (): string => {
    const instant = Date.now() + (below(20) - 5) * 3_600_000;
    const time = chance(80) ? new Date(instant) : new Date(Date.UTC(1 + below(9990), below(12), 1 + below(28)));
    const day = `${digits(time.getUTCFullYear(), 4)}-${digits(time.getUTCMonth() + 1)}-${digits(time.getUTCDate())}`;
    const clock = `${digits(time.getUTCHours())}:${digits(time.getUTCMinutes())}:${digits(time.getUTCSeconds())}`;
    const decimals = pick(['', '', '.5', '.123', '.123456789']);
    const zone = pick(['Z', 'Z', 'z', '+00:00', '-00:00', '+14:00', '-12:00', '+05:45']);
    return chance(3) ? `${day}T23:59:60Z` : `${day}${pick(['T', 'T', 't'])}${clock}${decimals}${zone}`;
  };

  /** Returns any JSON value, of few levels. */
  const json = (levels = 2): unknown => {
    const kinds = [null, true, below(1000), 0.5, -1, text(0, 20)] as const;
    if (levels === 0 || chance(60)) return pick(kinds as unknown as [unknown, ...unknown[]]);
    const items = Array.from({ length: below(3) }, () => json(levels - 1));
    return chance(50) ? items : Object.fromEntries(items.map((item, index) => [`${text(1, 9)}${index}`, item]));
  };

  return { ...random, chance, character, text, dateTime, json };
}
