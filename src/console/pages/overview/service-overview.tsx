import { Link } from 'wouter';
import { useResource } from '../../api/queries.ts';
import { ErrorBox } from '../../ui/error-box.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Section } from '../../ui/section.tsx';
import { Status } from '../../ui/status.tsx';
import { Time, useNow } from '../../ui/time.tsx';

const REFRESH_MS = 30_000;
/** The tasks run every minute. One that is late by so much is worth a look. */
const LATE_MS = 10 * 60_000;
/** This one runs with token requests. */
const NOT_SCHEDULED = ['flush_usage'];

const STORES = { d1: 'Database (D1)', kv: 'Key-value store (KV)', gates: 'Gates (Durable Objects)' } as const;

/** The stores, the tasks of the background, and the ages of the keys. */
export function ServiceOverview() {
  const health = useResource('/healthz', {}, { refetchInterval: REFRESH_MS });
  const signing = useResource('/v1/signing-keys');
  const master = useResource('/v1/master-keys');
  const now = useNow();
  const active = signing.data?.data.find(({ status }) => status === 'active');
  const next = signing.data?.data.find(({ status }) => status === 'next');
  const previous = master.data?.data.filter(({ status }) => status === 'previous').length ?? 0;
  return (
    <div className="grid-2">
      <Section title="Service">
        {health.error && <ErrorBox problem={health.error} retry={health.refetch} />}
        {health.data && (
          <KeyValue
            items={[
              ...(Object.keys(STORES) as (keyof typeof STORES)[]).map((store) => ({
                label: STORES[store],
                value: <Status status={health.data?.stores[store] ?? 'unavailable'} />,
              })),
              { label: 'Tasks of the background', value: <Tasks lastSuccess={health.data.last_success} now={now} /> },
            ]}
          />
        )}
      </Section>
      <Section title="Keys">
        {(signing.error ?? master.error) && (
          <ErrorBox problem={signing.error ?? master.error ?? { status: 0, title: '' }} />
        )}
        <KeyValue
          items={[
            {
              label: 'Signing key, active since',
              value: (
                <Link href="/signing-keys">
                  <Time at={active?.activated_at} absent="not yet" />
                </Link>
              ),
            },
            {
              label: 'Next signing key, may sign from',
              value: <Time at={next?.signs_from} absent="none" />,
            },
            {
              label: 'Master keys',
              value: (
                <Link href="/master-keys">
                  {previous === 0 ? 'one, nothing to do' : `a rotation is not finished (${previous} old)`}
                </Link>
              ),
            },
          ]}
        />
      </Section>
    </div>
  );
}

function Tasks({
  lastSuccess,
  now,
}: {
  readonly lastSuccess: Readonly<Record<string, string | null | undefined>> | null;
  readonly now: number;
}) {
  if (lastSuccess === null) return <Status status="unknown" />;
  const scheduled = Object.entries(lastSuccess).filter(([task]) => !NOT_SCHEDULED.includes(task));
  const times = scheduled.flatMap(([, at]) => (at ? [Date.parse(at)] : []));
  const late = scheduled.filter(([, at]) => at && now - Date.parse(at) > LATE_MS).map(([task]) => task);
  if (times.length === 0) return <Status status="none has run yet" tone="warning" />;
  if (late.length > 0) return <Status status={`late: ${late.join(', ')}`} tone="bad" />;
  return (
    <>
      <Status status="ok" />, <Time at={new Date(Math.max(...times)).toISOString()} />
    </>
  );
}
