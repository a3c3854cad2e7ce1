import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { call } from '../../api/call.ts';
import { commandFor, fieldsCommand } from '../../api/command.ts';
import { asProblem } from '../../api/problem.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Chart } from '../../ui/chart.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { NumberField } from '../../ui/fields/number-field.tsx';
import { SelectControl, SelectField } from '../../ui/fields/select-field.tsx';
import { Form } from '../../ui/form.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import type { Client } from '../clients/words.ts';
import { clientPath } from './address.ts';
import { mergePatchOf } from './merge-patch.ts';
import type { TabProps } from './tab.ts';
import { type HourOfUsage, usageSeries } from './usage-series.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The ranges of the chart. Usage is kept for 31 days. */
const RANGES = {
  '24h': { label: 'Last 24 hours', length: DAY_MS, step: HOUR_MS, word: 'hour' },
  '7d': { label: 'Last 7 days, by hour', length: 7 * DAY_MS, step: HOUR_MS, word: 'hour' },
  '30d': { label: 'Last 30 days, by day', length: 30 * DAY_MS, step: DAY_MS, word: 'day' },
} as const;
type Range = keyof typeof RANGES;

const TONES = ['accent', 'bad', 'warning', 'neutral', 'good'] as const;

/** How much a client uses, and how much it may. */
export function UsageTab({ client, etag }: TabProps) {
  return (
    <>
      <UsageSection clientId={client.client_id} />
      <QuotaSection client={client} etag={etag} />
    </>
  );
}

function UsageSection({ clientId }: { readonly clientId: string }) {
  const [range, setRange] = useState<Range>('24h');
  const { length, step, word } = RANGES[range];
  const until = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
  const from = until - length;
  const query = useQuery({
    queryKey: ['/v1/clients/{client_id}/usage', clientId, range, from],
    queryFn: ({ signal }) => readUsage(clientId, from, signal),
  });
  const usage = query.data && usageSeries(query.data, from, until, step);
  const isEmpty = usage !== undefined && usage.issued + usage.refused === 0;
  return (
    <Section
      title="Token requests"
      description={`Issued and refused by ${word}, in UTC.`}
      actions={
        <SelectControl
          label="Range"
          value={range}
          options={(Object.keys(RANGES) as Range[]).map((value) => ({ value, label: RANGES[value].label }))}
          onChange={setRange}
        />
      }
    >
      {query.error && !query.data && <ErrorBox problem={asProblem(query.error)} retry={() => void query.refetch()} />}
      {query.isLoading && <Skeleton lines={6} />}
      {isEmpty && <Empty title="No token requests in this time">They show within some seconds.</Empty>}
      {usage && !isEmpty && (
        <>
          <Chart
            label={`Token requests by ${word}`}
            series={usage.series.map(({ name, values }, index) => ({
              label: name,
              values,
              tone: TONES[index] ?? 'neutral',
            }))}
            from={new Date(usage.from).toISOString()}
            step={step / 1000}
          />
          <KeyValue
            items={[
              { label: 'Issued', value: usage.issued.toLocaleString('en') },
              { label: 'Refused', value: usage.refused.toLocaleString('en') },
            ]}
          />
          {usage.reasons.length > 0 && (
            <Table
              label="Refusals by reason"
              columns={[
                {
                  key: 'reason',
                  label: 'Reason of refusal',
                  render: ({ reason }) => (
                    <code>
                      <SafeText text={reason} />
                    </code>
                  ),
                },
                { key: 'count', label: 'Requests', align: 'end', render: ({ count }) => count.toLocaleString('en') },
              ]}
              rows={usage.reasons}
              rowKey={({ reason }) => reason}
              isLoading={false}
              empty={null}
            />
          )}
          {usage.refused > 0 && (
            <p>
              <a href="#diagnosis">Find out why requests are refused</a>
            </p>
          )}
        </>
      )}
      <CallHint
        call={{ method: 'get', path: `${clientPath(clientId, '/usage')}?from=${new Date(from).toISOString()}` }}
        command={commandFor(['clients', 'usage', clientId], { from: range, all: true })}
      />
    </Section>
  );
}

/** Reads all hours from a time on. There are at most 744 of them, a hundred a page. */
async function readUsage(clientId: string, from: number, signal: AbortSignal): Promise<HourOfUsage[]> {
  const hours: HourOfUsage[] = [];
  let cursor: string | undefined;
  do {
    const { body } = await call<{ readonly data: readonly HourOfUsage[]; readonly next_cursor: string | null }>({
      method: 'get',
      path: '/v1/clients/{client_id}/usage',
      params: { path: { client_id: clientId }, query: { from: new Date(from).toISOString(), limit: 100, cursor } },
      signal,
    });
    hours.push(...body.data);
    cursor = body.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return hours;
}

function QuotaSection({ client, etag }: Pick<TabProps, 'client' | 'etag'>) {
  const { client_id } = client;
  const mayWrite = useCan('clients:write');
  const [isEditing, setEditing] = useState(false);
  const { data, error, refetch } = useResource('/v1/clients/{client_id}/quota', { path: { client_id } });
  return (
    <Section
      title="Quota"
      description="How many tokens it may be issued in a day and in a month, by UTC."
      actions={
        mayWrite && (
          <Button size="small" onClick={() => setEditing(true)}>
            Change the quota
          </Button>
        )
      }
    >
      {error && <ErrorBox problem={error} retry={refetch} />}
      {!data && !error && <Skeleton lines={3} />}
      {data && (
        <KeyValue
          items={[
            { label: 'At the quota', value: data.action === null ? 'There is none' : ACTIONS[data.action] },
            { label: 'Today', value: <Period {...data.day} /> },
            { label: 'This month', value: <Period {...data.month} /> },
          ]}
        />
      )}
      <CallHint
        call={{ method: 'get', path: clientPath(client_id, '/quota') }}
        command={commandFor(['clients', 'quota', client_id])}
      />
      {isEditing && <QuotaDialog client={client} etag={etag} onClose={() => setEditing(false)} />}
    </Section>
  );
}

const ACTIONS = {
  warn: 'Webhooks are told at 80 % and 100 %',
  enforce: 'Webhooks are told, and further tokens are refused',
} as const;

interface PeriodProps {
  readonly limit: number | null;
  readonly issued: number;
  readonly resets_at: string;
}

function Period({ limit, issued, resets_at }: PeriodProps) {
  const count = issued.toLocaleString('en');
  if (limit === null) return <>{count} issued, no limit</>;
  return (
    <>
      {count} of {limit.toLocaleString('en')} issued{' '}
      <meter min={0} max={limit} high={limit * 0.8} value={Math.min(issued, limit)} aria-label="Used" />{' '}
      <span className="faint">
        resets <Time at={resets_at} />
      </span>
    </>
  );
}

interface QuotaDialogProps {
  readonly client: Client;
  readonly etag: string | undefined;
  readonly onClose: () => void;
}

function QuotaDialog({ client, etag, onClose }: QuotaDialogProps) {
  const { client_id, quota } = client;
  const [before] = useState(quota);
  const [version] = useState(etag);
  const [fields, setFields] = useState(
    quota ?? { tokens_per_day: null, tokens_per_month: null, action: 'warn' as const },
  );
  const isNone = fields.tokens_per_day === null && fields.tokens_per_month === null;
  // A patch that sets one limit leaves the others of the quota, so all of them are sent.
  const body = isNone ? { quota: null } : { quota: fields };
  const isChanged = Object.keys(mergePatchOf({ quota: before }, body)).length > 0;
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    body,
    etag: version,
    invalidates: ['/v1/clients'],
    success: 'The quota is changed.',
    onDone: onClose,
    onReload: onClose,
  });
  const save = () => (isChanged ? action.run() : onClose());
  return (
    <Dialog
      isOpen
      isDismissible={false}
      onClose={onClose}
      title="Change the quota"
      actions={
        <Button kind="primary" isRunning={action.isRunning} onClick={() => void save()}>
          Save
        </Button>
      }
    >
      <Form onSubmit={save} problem={action.problem}>
        <NumberField
          name="/quota/tokens_per_day"
          label="Tokens a day"
          isRequired={false}
          min={1}
          help="Empty: any number."
          value={fields.tokens_per_day}
          onChange={(value) => setFields({ ...fields, tokens_per_day: value })}
        />
        <NumberField
          name="/quota/tokens_per_month"
          label="Tokens a month"
          isRequired={false}
          min={1}
          help="Empty: any number."
          value={fields.tokens_per_month}
          onChange={(value) => setFields({ ...fields, tokens_per_month: value })}
        />
        <SelectField
          name="/quota/action"
          label="At the quota"
          options={[
            { value: 'warn', label: 'Tell webhooks' },
            { value: 'enforce', label: 'Tell webhooks and refuse further tokens' },
          ]}
          value={fields.action}
          onChange={(value) => setFields({ ...fields, action: value })}
        />
      </Form>
      <CallHint
        call={{ method: 'patch', path: clientPath(client_id), body, ...(version && { ifMatch: version }) }}
        command={fieldsCommand(['clients', 'update', client_id], body, { 'if-match': version })}
      />
    </Dialog>
  );
}
