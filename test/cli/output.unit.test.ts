import { describe, expect, test } from 'vitest';
import { displayWidth, truncate } from '../../src/cli/edgemint/fit.ts';
import { listing, record, relativeTime } from '../../src/cli/edgemint/output.ts';
import { hasColours, PLAIN, styleOf } from '../../src/cli/edgemint/style.ts';

interface Item {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly note: string | null;
  readonly status: string;
  readonly last_used_at: string | null;
}

const COLUMNS = {
  id: ({ id }: Item) => id,
  name: ({ name }: Item) => name,
  url: ({ url }: Item) => url,
  note: ({ note }: Item) => note,
  status: ({ status }: Item) => status,
  last_used_at: ({ last_used_at }: Item) => last_used_at,
};
const item: Item = {
  id: 'emc_18Sd2cbnL63519K2GXrfrVaHAwcVXb',
  name: 'A client with a rather long name for a terminal, 請求書 🧾',
  url: 'https://api.example.com/orders',
  note: null,
  status: 'active',
  last_used_at: new Date(Date.now() - 3 * 86_400_000 - 1000).toISOString(),
};

describe('a table', () => {
  test.each([60, 72, 80, 100, 120, 200])('fits a terminal of %i columns, with whole ids', (width) => {
    const text = listing(COLUMNS, [item, { ...item, name: 'W' }], { style: PLAIN, width });
    for (const line of text.trimEnd().split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    expect(text).toContain(item.id);
    expect(text).toContain('status');
    if (width >= 72) expect(text).toContain('3d ago');
    if (width < 160) expect(text).not.toContain('note');
  });

  test('fits one of 40 columns with ids and the beginnings of names', () => {
    const text = listing(COLUMNS, [item], { style: PLAIN, width: 40 });
    for (const line of text.trimEnd().split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(40);
    expect(text).toContain(`${item.id}  A c…`);
  });

  test.each([
    ['plain', 5],
    ['請求書', 6],
    ['👨‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['Zoë e\u0304\u0301', 5],
    ['「￥」', 6],
  ])('knows that %s takes %i columns', (text, width) => expect(displayWidth(text)).toBe(width));

  test('cuts no emoji into pieces', () => {
    expect(truncate('👨‍👩‍👧👨‍👩‍👧', 3)).toBe('👨‍👩‍👧…');
  });

  test('has everything in full if its output is no terminal', () => {
    const text = listing(COLUMNS, [item]);
    expect(text).toContain(item.name);
    expect(text).toMatch(/ UTC\n$/);
    expect(text.split('\n')[0]).toMatch(/^id +name +url +note +status +last_used_at$/);
  });
});

describe('colours', () => {
  const terminal = { isTTY: true } as NodeJS.WriteStream;
  const pipe = {} as NodeJS.WriteStream;

  test.each([
    [terminal, {}, true],
    [pipe, {}, false],
    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '' }, true],
    [terminal, { TERM: 'dumb' }, false],
    [pipe, { FORCE_COLOR: '1' }, true],
    [terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, true],
    [terminal, { FORCE_COLOR: '0' }, false],
  ])('of %o with %o: %s', (output, env, expected) => expect(hasColours(output, env)).toBe(expected));

  test('are never those of the shown text', () => {
    const style = styleOf(pipe, { FORCE_COLOR: '1' });
    const text = record({ name: '\u001b[31mred', status: 'active' }, { style, width: 80 });
    expect(text).toContain('�[31mred');
    expect(text).toContain('\u001b[32mactive\u001b[39m');
  });
});

test('a time is told by its distance', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');
  expect(relativeTime('2026-01-07T00:00:00Z', now)).toBe('3d ago');
  expect(relativeTime('2026-01-10T05:30:00Z', now)).toBe('in 5h');
  expect(relativeTime('never', now)).toBe('never');
});
