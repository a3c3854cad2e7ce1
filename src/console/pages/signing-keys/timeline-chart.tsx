import { useNow } from '../../ui/time.tsx';
import { type Phase, phasesOf, type SigningKey } from './timeline.ts';

const NAMES: Readonly<Record<Phase['name'], string>> = {
  published: 'published, too young to sign',
  ready: 'may sign from the next rotation on',
  signs: 'signs',
  retires: 'retired, still published',
};

const MINUTE_MS = 60_000;
/** How much of the chart lies in the future if nothing reaches further. */
const FUTURE_SHARE = 0.15;

interface TimelineChartProps {
  readonly alg: string;
  readonly keys: readonly SigningKey[];
}

/** Shows when each key of an algorithm is published, signs and retires. The table below has the same for people who do not see it. */
export function TimelineChart({ alg, keys }: TimelineChartProps) {
  const now = useNow();
  const lanes = keys.map((key) => ({ key, phases: phasesOf(key) }));
  const times = lanes.flatMap(({ phases }) =>
    phases.flatMap(({ from, to }) => [from, ...(to === undefined ? [] : [to])]),
  );
  const start = Math.min(now - MINUTE_MS, ...times);
  const end = Math.max(now + (now - start) * FUTURE_SHARE, ...times);
  const share = (time: number) => `${((Math.min(time, end) - start) / (end - start)) * 100}%`;
  return (
    <div className="keys-timeline" role="img" aria-label={`The ${alg} keys over time. The table has the same.`}>
      {lanes.map(({ key, phases }) => (
        <div key={key.kid} className="keys-lane">
          <span className="keys-lane-name">{key.kid.slice(0, 8)}</span>
          <div className="keys-lane-track">
            {phases.map(({ name, from, to }) => (
              <span
                key={name}
                className={`keys-phase keys-phase-${name}`}
                style={{ left: share(from), width: `calc(${share(to ?? end)} - ${share(from)})` }}
                title={NAMES[name]}
              />
            ))}
            <span className="keys-now" style={{ left: share(now) }} />
          </div>
        </div>
      ))}
      <div className="keys-legend">
        {(Object.keys(NAMES) as Phase['name'][]).map((name) => (
          <span key={name}>
            <span className={`keys-swatch keys-phase-${name}`} /> {NAMES[name]}
          </span>
        ))}
        <span>
          <span className="keys-swatch keys-swatch-now" /> now
        </span>
      </div>
    </div>
  );
}
