import { lazy, Suspense } from 'react';
import type { ChartProps } from './chart-data.ts';

export type { ChartProps, Series } from './chart-data.ts';

const Plot = lazy(() => import('./chart-plot.tsx'));

/** Values over time: a picture, and the same as a table for screen readers. */
export function Chart(props: ChartProps) {
  const { label, series, from, step } = props;
  const count = Math.max(0, ...series.map(({ values }) => values.length));
  const start = new Date(from).getTime();
  return (
    <figure className="chart">
      <Suspense fallback={<div className="chart-plot" />}>
        <Plot {...props} />
      </Suspense>
      <table className="visually-hidden">
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map((each) => (
              <th key={each.label} scope="col">
                {each.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: count }, (_, index) => {
            const at = new Date(start + index * step * 1000).toISOString();
            return (
              <tr key={at}>
                <th scope="row">{at}</th>
                {series.map((each) => (
                  <td key={each.label}>{each.values[index] ?? ''}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </figure>
  );
}
