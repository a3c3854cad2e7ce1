import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { useResource } from '../../api/queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { Page } from '../../ui/page.tsx';
import { Section } from '../../ui/section.tsx';
import { Table } from '../../ui/table.tsx';
import { Time, useNow } from '../../ui/time.tsx';
import { toast } from '../../ui/toast.tsx';
import { type MasterKey, nextStep, type Step } from './advice.ts';
import '../keys.css';

const STATUS_TONES = { current: 'good', previous: 'warning', retired: 'neutral' } as const;

export default function MasterKeys() {
  const found = useResource('/v1/master-keys');
  const now = useNow();
  const keys = found.data?.data;
  const step = keys && nextStep(keys, now);
  return (
    <Page
      title="Master keys"
      subtitle="MASTER_KEY seals the signing keys and the secrets of webhooks, and hashes all other secrets."
    >
      {found.error && <ErrorBox problem={found.error} retry={found.refetch} />}
      {step && <NextStep step={step} />}
      <Section title="Keys">
        <Table<MasterKey>
          label="Master keys"
          rows={keys ?? []}
          rowKey={({ id }) => id}
          isLoading={found.isLoading}
          columns={[
            { key: 'id', label: 'Key', render: ({ id }) => <Id value={id} /> },
            {
              key: 'status',
              label: 'Status',
              render: ({ status }) => <Badge tone={STATUS_TONES[status]}>{status}</Badge>,
            },
            { key: 'signing', label: 'Signing keys sealed', align: 'end', render: ({ signing_keys }) => signing_keys },
            {
              key: 'webhooks',
              label: 'Webhooks sealed',
              align: 'end',
              render: ({ webhooks }) => webhooks.toLocaleString('en'),
            },
            { key: 'goes', label: 'May be removed', render: ({ may_go_at }) => <Time at={may_go_at} absent="—" /> },
          ]}
          empty={null}
        />
        <CallHint call={{ method: 'get', path: '/v1/master-keys' }} command={commandFor(['master-keys', 'list'])} />
      </Section>
    </Page>
  );
}

function NextStep({ step }: { readonly step: Step }) {
  switch (step.do) {
    case 'nothing':
      return (
        <Section title="Next step">
          <p>There is nothing to do: MASTER_KEY has one key, and everything is sealed under it.</p>
          <p>
            To replace it, set MASTER_KEY to <code>old,new</code> by <code>npx wrangler secret put MASTER_KEY</code>,
            wait some minutes, set it to <code>new,old</code>, wait again, and come back here.
          </p>
        </Section>
      );
    case 'decide':
      return (
        <Section title="Next step" actions={<Reseal />}>
          <p>
            <Ids ids={step.ids} /> seals nothing. If it is the new key, put it first in MASTER_KEY, wait some minutes,
            and come back. If it is the old one, reseal, so that what its hashes need is kept.
          </p>
        </Section>
      );
    case 'reseal':
      return (
        <Section title="Next step: reseal" actions={<Reseal />}>
          <p>
            {step.values.toLocaleString('en')} of {step.total.toLocaleString('en')} values are sealed under an older
            key.
          </p>
          <progress
            className="progress"
            max={step.total}
            value={step.total - step.values}
            aria-label="Values sealed under the current key"
          />
        </Section>
      );
    case 'wait':
      return (
        <Section title="Next step: wait">
          <p>
            Everything is sealed under the current key. <Ids ids={[step.id]} /> may be removed from MASTER_KEY{' '}
            <Time at={step.until} />, when the last answer that was kept under it has expired.
          </p>
        </Section>
      );
    case 'remove':
      return (
        <Section title="Next step: remove the old key">
          <p>
            Run <code>npx wrangler secret put MASTER_KEY</code> with the current key alone. Nothing needs{' '}
            <Ids ids={step.ids} /> any more.
          </p>
        </Section>
      );
  }
}

function Ids({ ids }: { readonly ids: readonly string[] }) {
  return ids.map((id) => <Id key={id} value={id} />);
}

/** Reseals until nothing is sealed under an older key: each call reseals a part of the webhooks. */
function Reseal() {
  const [isRunning, setRunning] = useState(false);
  const reseal = useAction({ method: 'post', path: '/v1/master-keys/reseal', invalidates: ['/v1/master-keys'] });
  const run = async () => {
    setRunning(true);
    for (let left = Number.POSITIVE_INFINITY; ; ) {
      const answer = await reseal.run();
      const keys = answer && 'data' in answer ? answer.data : undefined;
      const previous = keys?.filter(({ status }) => status === 'previous');
      const older = previous?.reduce((sum, { webhooks }) => sum + webhooks, 0);
      if (older === 0) toast.success('Everything is sealed under the current key.');
      // If a call reseals nothing, other isolates seal under the old key, and the page says what is left.
      if (older === undefined || older === 0 || older >= left) break;
      left = older;
    }
    setRunning(false);
  };
  return (
    <>
      <Button kind="primary" isRunning={isRunning} onClick={() => void run()}>
        {isRunning ? 'Resealing…' : 'Reseal'}
      </Button>
      {reseal.problem && <ErrorBox problem={reseal.problem} />}
      <CallHint
        call={{ method: 'post', path: '/v1/master-keys/reseal' }}
        command={commandFor(['master-keys', 'reseal'])}
      />
    </>
  );
}
