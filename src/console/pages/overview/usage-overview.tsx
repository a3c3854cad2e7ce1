import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { call } from '../../api/call.ts';
import { commandFor } from '../../api/command.ts';
import { organizationAddress } from '../../api/organization.ts';
import { asProblem } from '../../api/problem.ts';
import { useResource } from '../../api/queries.ts';
import { CallHint } from '../../ui/call-hint.tsx';
import { Chart } from '../../ui/chart.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { type HourOfUsage, usageSeries } from '../client/usage-series.ts';
import { tokensPerMinute } from './tokens-per-minute.ts';
import './overview.css';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PAGE = 100;
const TOP = 8;
/** How often the figures are read again while the page is open. */
const REFRESH_MS = 60_000;

const RANGES = {
  '24h': { label: 'Last 24 hours', length: DAY_MS, step: HOUR_MS, interval: 'hour' },
  '7d': { label: 'Last 7 days', length: 7 * DAY_MS, step: HOUR_MS, interval: 'hour' },
  '30d': { label: 'Last 30 days', length: 30 * DAY_MS, step: DAY_MS, interval: 'day' },
} as const;
type Range = keyof typeof RANGES;

const TONES = ['accent', 'bad', 'warning', 'neutral', 'good'] as const;

/** Tokens, refusals and top clients. @param organizationId undefined for the whole instance */
export function UsageOverview({ organizationId }: { readonly organizationId: string | undefined }) {
  const [range, setRange] = useState<Range>('24h');
  const { length, step, interval } = RANGES[range];
  const until = Math.ceil(Date.now() / step) * step;
  const from = until - length;
  const query = { organization_id: organizationId, from: new Date(from).toISOString() };
  const usage = useQuery({
    queryKey: ['/v1/usage', query, interval],
    queryFn: ({ signal }) => readUsage({ ...query, interval }, signal),
    refetchInterval: REFRESH_MS,
  });
  const top = useResource(
    '/v1/usage/top-clients',
    { query: { ...query, limit: TOP } },
    { refetchInterval: REFRESH_MS },
  );
  const figures = usage.data && usageSeries(usage.data, from, until, step);
  const isEmpty = figures !== undefined && figures.issued + figures.refused === 0;
  const total = figures ? figures.issued + figures.refused : 0;
  return (
    <>
      <Section
        title="Token requests"
        actions={
          <fieldset className="overview-ranges" aria-label="Range">
            {(Object.keys(RANGES) as Range[]).map((each) => (
              <button key={each} type="button" aria-pressed={each === range} onClick={() => setRange(each)}>
                {RANGES[each].label}
              </button>
            ))}
          </fieldset>
        }
      >
        {usage.error && !usage.data && <ErrorBox problem={asProblem(usage.error)} retry={() => void usage.refetch()} />}
        {usage.isLoading && <Skeleton lines={6} />}
        {isEmpty && (
          <Empty title="No token requests in this time">
            The page of a client counts its requests at once, this page within an hour.
          </Empty>
        )}
        {figures && !isEmpty && (
          <>
            <dl className="overview-figures">
              <Figure label="Tokens per minute" value={tokensPerMinute(usage.data ?? [], Date.now())} />
              <Figure label="Issued" value={figures.issued.toLocaleString('en')} />
              <Figure label="Refused" value={figures.refused.toLocaleString('en')} isBad={figures.refused > 0} />
              <Figure
                label="Refused, share"
                value={`${((figures.refused / total) * 100).toFixed(1)} %`}
                isBad={figures.refused > 0}
              />
            </dl>
            <Chart
              label={`Token requests by ${interval}`}
              series={figures.series.map(({ name, values }, index) => ({
                label: name,
                values,
                tone: TONES[index] ?? 'neutral',
              }))}
              from={new Date(figures.from).toISOString()}
              step={step / 1000}
            />
            {top.data && (
              <p className="faint small">
                Requests until <Time at={top.data.complete_until} /> are counted in full, later ones in part.
              </p>
            )}
          </>
        )}
        <CallHint
          call={{
            method: 'get',
            path: `/v1/usage?${new URLSearchParams({ ...(organizationId && { organization_id: organizationId }), interval, from: query.from })}`,
          }}
          command={commandFor(['usage'], { from: range, interval, organization: organizationId })}
        />
      </Section>
      {figures && !isEmpty && (
        <div className="grid-2">
          <Section title="Refusals by reason">
            {figures.reasons.length === 0 ? (
              <p className="faint">No request was refused.</p>
            ) : (
              <Table
                label="Refusals by reason"
                columns={[
                  { key: 'reason', label: 'Reason', render: ({ reason }) => <code>{reason}</code> },
                  { key: 'count', label: 'Requests', align: 'end', render: ({ count }) => count.toLocaleString('en') },
                ]}
                rows={figures.reasons}
                rowKey={({ reason }) => reason}
                isLoading={false}
                empty={null}
              />
            )}
          </Section>
          <Section title="Top clients">
            {top.error && <ErrorBox problem={top.error} retry={top.refetch} />}
            <Table
              label="Top clients"
              columns={[
                {
                  key: 'client',
                  label: 'Client',
                  render: ({ client_id, client_name, organization_id }) =>
                    client_name === null || organization_id === null ? (
                      <span className="faint">{client_id} (deleted)</span>
                    ) : (
                      <Link
                        href={organizationAddress(organization_id, `/clients/${encodeURIComponent(client_id)}#usage`)}
                      >
                        <SafeText text={client_name} />
                      </Link>
                    ),
                },
                { key: 'issued', label: 'Issued', align: 'end', render: ({ issued }) => issued.toLocaleString('en') },
                {
                  key: 'refused',
                  label: 'Refused',
                  align: 'end',
                  render: ({ refused }) => refused.toLocaleString('en'),
                },
              ]}
              rows={top.data?.data ?? []}
              rowKey={({ client_id }) => client_id}
              isLoading={top.isLoading}
              empty={<p className="faint">No client has asked for a token.</p>}
            />
          </Section>
        </div>
      )}
    </>
  );
}

function Figure({
  label,
  value,
  isBad = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly isBad?: boolean;
}) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className={isBad ? 'overview-bad' : undefined}>{value}</dd>
    </div>
  );
}

interface Interval {
  readonly start: string;
  readonly issued: number;
  readonly refused: Readonly<Record<string, number>>;
}

async function readUsage(
  query: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<HourOfUsage[]> {
  const intervals: HourOfUsage[] = [];
  let cursor: string | undefined;
  do {
    const { body } = await call<{ readonly data: readonly Interval[]; readonly next_cursor: string | null }>({
      method: 'get',
      path: '/v1/usage',
      params: { query: { ...query, limit: PAGE, cursor } },
      signal,
    });
    intervals.push(...body.data.map(({ start, issued, refused }) => ({ hour: start, issued, refused })));
    cursor = body.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return intervals;
}
