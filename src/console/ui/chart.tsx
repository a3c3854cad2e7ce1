import { type PointerEvent, useEffect, useRef, useState } from 'react';
import type { ChartProps } from './chart-data.ts';
import { labelStep, pathOf, ticksUpTo } from './chart-scale.ts';

export type { ChartProps, Series } from './chart-data.ts';

const HEIGHT = 200;
const LEFT = 48;
const BOTTOM = 22;
const TOP = 8;
const WIDTH_DEFAULT = 800;
/** The room that a label of the time needs. */
const LABEL_WIDTH = 64;
const HOUR_S = 3600;

/** Values over time: a picture, and the same as a table for screen readers. Times are in UTC, as the API counts. */
export function Chart({ label, series, from, step }: ChartProps) {
  const place = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(WIDTH_DEFAULT);
  const [pointed, setPointed] = useState<number>();
  useEffect(() => {
    if (!place.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);

  const count = Math.max(0, ...series.map(({ values }) => values.length));
  const times = Array.from({ length: count }, (_, index) =>
    new Date(new Date(from).getTime() + index * step * 1000).toISOString(),
  );
  const ticks = ticksUpTo(Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const top = ticks.at(-1) ?? 1;
  const x = (index: number) => LEFT + (count < 2 ? 0 : (index / (count - 1)) * (width - LEFT - 4));
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const every = labelStep(count, Math.max(1, Math.floor((width - LEFT) / LABEL_WIDTH)));
  const shown = pointed ?? count - 1;
  const point = ({ clientX }: PointerEvent) => {
    const left = place.current?.getBoundingClientRect().left ?? 0;
    const index = Math.round(((clientX - left - LEFT) / (width - LEFT - 4)) * (count - 1));
    setPointed(Math.min(count - 1, Math.max(0, index)));
  };

  return (
    <figure className="chart">
      <svg
        ref={place}
        className="chart-plot"
        aria-hidden="true"
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line className="chart-grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
            <text className="chart-label" x={LEFT - 8} y={y(tick) + 4} textAnchor="end">
              {tick.toLocaleString('en')}
            </text>
          </g>
        ))}
        {times.map((at, index) =>
          index % every === 0 ? (
            <text
              key={at}
              className="chart-label"
              x={x(index)}
              y={HEIGHT - 4}
              textAnchor={index === 0 ? 'start' : 'middle'}
            >
              {axisLabel(at, step)}
            </text>
          ) : null,
        )}
        {series.toReversed().map((each) => (
          <path
            key={each.label}
            className={`chart-line chart-${each.tone ?? 'accent'}`}
            d={pathOf(each.values, x, y)}
          />
        ))}
        {pointed !== undefined && (
          <line className="chart-cursor" x1={x(pointed)} x2={x(pointed)} y1={TOP} y2={HEIGHT - BOTTOM} />
        )}
      </svg>
      <ul className="chart-legend" aria-hidden="true">
        <li>{times[shown]?.slice(0, step < HOUR_S * 24 ? 16 : 10).replace('T', ' ')} UTC</li>
        {series.map((each) => (
          <li key={each.label}>
            <span className={`chart-swatch chart-${each.tone ?? 'accent'}`} />
            {each.label} <strong>{each.values[shown]?.toLocaleString('en') ?? '–'}</strong>
          </li>
        ))}
      </ul>
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
          {times.map((at, index) => (
            <tr key={at}>
              <th scope="row">{at}</th>
              {series.map((each) => (
                <td key={each.label}>{each.values[index] ?? ''}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** The hour, or the date at midnight. */
function axisLabel(at: string, step: number): string {
  return step >= HOUR_S * 24 || at.slice(11, 16) === '00:00' ? at.slice(5, 10) : at.slice(11, 16);
}
