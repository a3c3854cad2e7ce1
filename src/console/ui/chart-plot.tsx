import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartProps } from './chart-data.ts';

const HEIGHT = 180;

/** The picture of a chart. */
export default function ChartPlot({ series, from, step }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    let plot: UPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(element);
      const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
      const count = Math.max(0, ...series.map(({ values }) => values.length));
      const start = new Date(from).getTime() / 1000;
      const times = Array.from({ length: count }, (_, index) => start + index * step);
      const axis = {
        stroke: color('text-faint'),
        grid: { stroke: color('border'), width: 1 },
        ticks: { show: false },
        font: '11px system-ui',
      };
      plot = new UPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          cursor: { points: { size: 6 } },
          legend: { live: true },
          scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
          axes: [axis, { ...axis, size: 44 }],
          series: [
            { value: (_, seconds) => (seconds == null ? '' : new Date(seconds * 1000).toLocaleString()) },
            ...series.map(({ label, tone = 'accent' }) => ({
              label,
              stroke: color(`chart-${tone}`),
              width: 1.5,
              points: { show: count < 3 },
            })),
          ],
        },
        [times, ...series.map(({ values }) => [...values])],
        element,
      );
    };
    draw();
    const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    dark.addEventListener('change', draw);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [series, from, step]);
  return <div ref={place} className="chart-plot" aria-hidden="true" />;
}
