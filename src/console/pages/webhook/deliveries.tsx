import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { useList, useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { CodeSamples } from '../../ui/code-samples.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SelectControl } from '../../ui/fields/select-field.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Time, useNow } from '../../ui/time.tsx';
import { describeEvent } from '../webhooks/events.ts';
import { lastAnswer } from '../webhooks/health.ts';

type Delivery = Schema<'WebhookDelivery'>;

/** How often the list is read again: deliveries that are pending are sent within seconds. */
const REFETCH_MS = 4000;

const STATUSES = [
  { value: 'all', label: 'All deliveries' },
  { value: 'pending', label: 'Pending' },
  { value: 'delivered', label: 'Delivered' },
  { value: 'failed', label: 'Given up' },
] as const;

interface DeliveriesProps {
  readonly webhookId: string;
  readonly isActive: boolean;
}

export function Deliveries({ webhookId, isActive }: DeliveriesProps) {
  const [status, setStatus] = useState<(typeof STATUSES)[number]['value']>('all');
  const [shown, setShown] = useState<Delivery>();
  const query = { limit: 50, status: status === 'all' ? undefined : status };
  const list = useList(
    '/v1/webhooks/{id}/deliveries',
    { path: { id: webhookId }, query },
    { refetchInterval: REFETCH_MS },
  );
  return (
    <Section
      title="Deliveries"
      description="Kept for 30 days, the newest first."
      actions={
        <SelectControl label="Status of the deliveries" value={status} onChange={setStatus} options={STATUSES} />
      }
    >
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="Deliveries"
          rows={list.rows}
          rowKey={({ event_id }) => event_id}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading && list.rows.length === 0}
          columns={[
            {
              key: 'event',
              label: 'Event',
              render: (delivery) => (
                <button type="button" className="link-button" onClick={() => setShown(delivery)}>
                  {delivery.event}
                </button>
              ),
            },
            { key: 'status', label: 'Status', render: (delivery) => <DeliveryStatus delivery={delivery} /> },
            { key: 'answer', label: 'Last answer', render: lastAnswer },
            { key: 'attempts', label: 'Attempts', align: 'end', render: ({ attempts }) => attempts },
            { key: 'created', label: 'Happened', render: ({ created_at }) => <Time at={created_at} /> },
          ]}
          empty={
            <Empty title={status === 'all' ? 'Nothing was sent yet' : 'No delivery has this status'}>
              {status === 'all' && isActive && 'Send a test event to see whether the receiver answers.'}
            </Empty>
          }
        />
      )}
      <CallHint
        call={{
          method: 'get',
          path: `/v1/webhooks/${webhookId}/deliveries${status === 'all' ? '' : `?status=${status}`}`,
        }}
        command={commandFor(['webhooks', 'deliveries', webhookId], { status: query.status })}
      />
      {shown && (
        <DeliveryDialog
          webhookId={webhookId}
          eventId={shown.event_id}
          isActive={isActive}
          onClose={() => setShown(undefined)}
        />
      )}
    </Section>
  );
}

function DeliveryStatus({ delivery: { status, next_attempt_at, attempts } }: { readonly delivery: Delivery }) {
  const now = useNow();
  return (
    <>
      <Status status={status} />
      {status === 'pending' && attempts > 0 && next_attempt_at !== null && (
        <div className="faint small">
          {Date.parse(next_attempt_at) > now ? (
            <>
              again <Time at={next_attempt_at} />
            </>
          ) : (
            'again within a minute'
          )}
        </div>
      )}
    </>
  );
}

interface DeliveryDialogProps {
  readonly webhookId: string;
  readonly eventId: string;
  readonly isActive: boolean;
  readonly onClose: () => void;
}

/** One delivery with its payload, and the button that sends it again. */
function DeliveryDialog({ webhookId, eventId, isActive, onClose }: DeliveryDialogProps) {
  const path = { id: webhookId, event_id: eventId };
  const found = useResource('/v1/webhooks/{id}/deliveries/{event_id}', { path }, { refetchInterval: REFETCH_MS });
  const mayChange = useCan('webhooks:write');
  const redeliver = useAction({
    method: 'post',
    path: '/v1/webhooks/{id}/deliveries/{event_id}/redeliver',
    params: { path },
    invalidates: ['/v1/webhooks/{id}/deliveries'],
    success: 'The event is being sent again.',
  });
  const delivery = found.data;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      closeLabel="Close"
      title={delivery?.event ?? 'Delivery'}
      description={delivery && describeEvent(delivery.event)}
      actions={
        mayChange &&
        isActive &&
        delivery &&
        delivery.payload !== null && (
          <Button kind="primary" isRunning={redeliver.isRunning} onClick={() => void redeliver.run()}>
            Send again
          </Button>
        )
      }
    >
      {found.error && <ErrorBox problem={found.error} retry={found.refetch} />}
      {redeliver.problem && <ErrorBox problem={redeliver.problem} />}
      {!delivery && !found.error && <Skeleton lines={6} />}
      {delivery && (
        <>
          <KeyValue
            items={[
              { label: 'Status', value: <Status status={delivery.status} /> },
              { label: 'Last answer', value: lastAnswer(delivery) },
              { label: 'Attempts', value: delivery.attempts },
              { label: 'Happened', value: <Time at={delivery.created_at} /> },
              { label: 'Last attempt', value: <Time at={delivery.last_attempt_at} /> },
              ...(delivery.next_attempt_at
                ? [{ label: 'Next attempt', value: <Time at={delivery.next_attempt_at} /> }]
                : []),
              { label: 'Event ID', value: <Id value={delivery.event_id} /> },
            ]}
          />
          {delivery.payload ? (
            <CodeSamples
              samples={[{ label: 'Payload', language: 'json', code: JSON.stringify(delivery.payload, null, 2) }]}
            />
          ) : (
            <p className="faint">The event is not kept any more.</p>
          )}
          <CallHint
            call={{ method: 'post', path: `/v1/webhooks/${webhookId}/deliveries/${eventId}/redeliver` }}
            command={commandFor(['webhooks', 'redeliver', webhookId, eventId])}
          />
        </>
      )}
    </Dialog>
  );
}
