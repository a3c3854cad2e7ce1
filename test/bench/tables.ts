import type { Comparison } from './comparisons.ts';
import type { Growth } from './growth.ts';
import type { Summary } from './rounds.ts';
import type { Spread } from './statistics.ts';

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
    spreadText(requests),
    spreadText(cpu),
    spreadText(p99),
  ]);
  return table(['', 'requests/s', 'by CPU time', 'p99'], rows);
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
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`.replace('|  |', '| |');
  const rule = `|---|${'--:|'.repeat(head.length - 1)}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function spreadText({ median, least, greatest }: Spread): string {
  return `**${median.toFixed(2)}** (${least.toFixed(2)} to ${greatest.toFixed(2)})`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
