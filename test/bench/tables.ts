import type { Comparison } from './comparisons.ts';
import type { Cost } from './costs.ts';
import type { Growth } from './growth.ts';
import type { Footprint } from './memory.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import type { Piece } from './pieces.ts';
import type { Summary } from './rounds.ts';
import type { Spread } from './statistics.ts';
import type { Aim } from './targets.ts';

/** The table of the subjects. */
export function resultsTable(results: readonly Summary[]): string {
  const rows = results.map(({ name, requestsPerSecond, cpu, p50, p99, errors, generatorCpu }) => [
    name,
    Math.round(requestsPerSecond),
    Math.round(cpu),
    p50.toFixed(2),
    p99.toFixed(2),
    errors,
    percent(generatorCpu),
  ]);
  return table(['', 'requests/s', 'CPU µs/request', 'p50 ms', 'p99 ms', 'errors', 'generator'], rows);
}

/** The table of the ratios. */
export function comparisonsTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ of, to, requests, cpu, p99 }) => [
    `${of} / ${to}`,
    spreadText(cpu),
    spreadText(requests),
    spreadText(p99),
  ]);
  return table(['', 'by CPU time', 'by requests/s', 'p99'], rows);
}

/** The table of the aims. */
export function aimsTable(aims: readonly Aim[]): string {
  const rows = aims.map(({ aim, limit, reached, isMet }) => [aim, limit, reached.toFixed(2), isMet ? 'yes' : 'no']);
  return table(['', 'aim', 'reached', 'met'], rows);
}

/** The table of the prices: how many of each operation a token takes, and what that costs. */
export function costsTable(costs: readonly Cost[]): string {
  const used = (Object.keys(OPERATIONS) as Operation[]).filter((operation) =>
    costs.some(({ items }) => items.some((item) => item.operation === operation)),
  );
  const rows = used.map((operation) => [
    OPERATIONS[operation],
    ...costs.map(({ items }) => {
      const item = items.find((one) => one.operation === operation);
      return item ? `${countText(item.count)}: $${item.dollars.toFixed(3)}` : '0';
    }),
  ]);
  const counted = ['tokens counted', ...costs.map(({ tokens }) => tokens.toLocaleString('en'))];
  const starts = ['starts of an evicted gate', ...costs.map(({ gateStarts }) => gateStarts.toFixed(2))];
  const totals = ['**a million tokens**', ...costs.map(({ total }) => `**$${total.toFixed(2)}**`)];
  return table(
    ['for one token: for a million', ...costs.map(({ profile }) => profile)],
    [counted, starts, ...rows, totals],
  );
}

/** The table of the pieces beyond the full floor. */
export function piecesTable(pieces: readonly Piece[]): string {
  const rows = pieces.map(({ piece, micros, price }) => `| ${piece} | ${micros} | ${price} |`);
  const sum = pieces.reduce((total, { micros }) => total + micros, 0);
  return ['| piece | µs | giving it up would mean |', '|---|--:|---|', ...rows, `| all pieces | ${sum} | |`].join('\n');
}

export function memoryTable(footprints: readonly Footprint[]): string {
  const rows = footprints.map(({ tokens, heap, resident }) => [
    tokens.toLocaleString('en'),
    (heap / 1e6).toFixed(1),
    Math.round(resident / 1e6),
  ]);
  return table(['tokens', 'heap MB', 'resident MB'], rows);
}

export function growthTable(growth: readonly Growth[]): string {
  const rows = growth.map(({ question, few, many, ratio, errors }) => [
    question,
    few.toFixed(2),
    many.toFixed(2),
    spreadText(ratio),
    errors,
  ]);
  return table(['', 'p50 ms of 100', 'p50 ms of 100,000', 'ratio', 'errors'], rows);
}

/** A Markdown table whose first column is text, and whose others are numbers. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`.replace(/^\| {2}\|/, '| |');
  const rule = `|---|${'--:|'.repeat(head.length - 1)}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function spreadText({ median, least, greatest }: Spread): string {
  return `**${median.toFixed(2)}** (${least.toFixed(2)} to ${greatest.toFixed(2)})`;
}

function countText(count: number): string {
  return count >= 10 ? count.toFixed(0) : count >= 0.1 ? count.toFixed(2) : count.toPrecision(1);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
