import { useState } from 'react';
import { useLocation, useParams } from 'wouter';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { useMaybeOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Menu } from '../../ui/menu.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Scopes } from '../../ui/scopes.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Status } from '../../ui/status.tsx';
import { Time } from '../../ui/time.tsx';
import { webhookAddress } from '../webhooks/address.ts';
import { healthOf } from '../webhooks/health.ts';
import { Deliveries } from './deliveries.tsx';
import { EditWebhook } from './edit-webhook.tsx';
import { RotateSecret } from './rotate-secret.tsx';
import '../keys.css';

/** Its health follows its deliveries, which are read as often. */
const REFETCH_MS = 5000;

type Open = 'edit' | 'rotate' | 'delete' | 'disable';

export default function Webhook() {
  const { id = '' } = useParams<{ id: string }>();
  const organizationId = useMaybeOrganization();
  const found = useResource('/v1/webhooks/{id}', { path: { id } }, { refetchInterval: REFETCH_MS });
  const mayChange = useCan('webhooks:write');
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const webhook = found.data;
  const breadcrumbs = [{ label: 'Webhooks', href: webhookAddress(organizationId) }];
  if (!webhook) {
    return (
      <Page title="Webhook" breadcrumbs={breadcrumbs}>
        {found.error ? <ErrorBox problem={found.error} retry={found.refetch} /> : <Skeleton lines={8} />}
      </Page>
    );
  }
  const health = healthOf(webhook);
  const isActive = webhook.status !== 'disabled';
  return (
    <Page
      title={webhook.name}
      breadcrumbs={breadcrumbs}
      subtitle={<Status status={health.label} tone={health.tone} />}
      actions={
        mayChange && (
          <>
            {isActive ? <SendTest webhook={webhook} /> : <Enable webhook={webhook} etag={found.etag} />}
            <Menu
              label="More actions"
              items={[
                { label: 'Edit…', onSelect: () => setOpen('edit') },
                { label: 'Rotate the signing secret…', onSelect: () => setOpen('rotate') },
                ...(isActive ? [{ label: 'Disable…', onSelect: () => setOpen('disable') }] : []),
                'separator',
                { label: 'Delete…', onSelect: () => setOpen('delete'), isDangerous: true },
              ]}
            />
          </>
        )
      }
    >
      {health.advice && <p className="notice">{health.advice}</p>}
      <Section title="Settings">
        <KeyValue
          items={[
            { label: 'ID', value: <Id value={webhook.id} /> },
            { label: 'URL', value: <SafeText text={webhook.url} /> },
            ...(webhook.description ? [{ label: 'Description', value: <SafeText text={webhook.description} /> }] : []),
            {
              label: 'Events',
              value: webhook.events ? <Scopes scopes={webhook.events} /> : 'All, also those of later versions',
            },
            {
              label: 'Signing secrets',
              value: webhook.signing_secrets.map(({ hint, created_at, expires_at }) => (
                <div key={hint + created_at}>
                  <code>…{hint}</code>{' '}
                  <span className="faint">
                    created <Time at={created_at} />
                    {expires_at !== null && (
                      <>
                        , signs until <Time at={expires_at} />
                      </>
                    )}
                  </span>
                </div>
              )),
            },
            ...(webhook.failing_since ? [{ label: 'Failing since', value: <Time at={webhook.failing_since} /> }] : []),
            { label: 'Created', value: <Time at={webhook.created_at} /> },
          ]}
        />
        <CallHint call={{ method: 'get', path: `/v1/webhooks/${id}` }} command={commandFor(['webhooks', 'get', id])} />
      </Section>
      <Deliveries webhookId={id} isActive={isActive} />
      {open === 'edit' && <EditWebhook webhook={webhook} etag={found.etag} onClose={close} />}
      {open === 'rotate' && <RotateSecret webhook={webhook} onClose={close} />}
      {open === 'disable' && <Disable webhook={webhook} etag={found.etag} onClose={close} />}
      {open === 'delete' && (
        <Delete webhook={webhook} etag={found.etag} organizationId={organizationId} onClose={close} />
      )}
    </Page>
  );
}

interface ActionProps {
  readonly webhook: Schema<'Webhook'>;
  readonly etag: string | undefined;
}

function SendTest({ webhook: { id } }: Pick<ActionProps, 'webhook'>) {
  const test = useAction({
    method: 'post',
    path: '/v1/webhooks/{id}/test',
    params: { path: { id } },
    invalidates: [`/v1/webhooks/{id}/deliveries`],
    success: 'A test event is being sent. The list of deliveries shows how the receiver answers.',
  });
  return (
    <Button kind="primary" isRunning={test.isRunning} onClick={() => void test.run()}>
      Send a test event
    </Button>
  );
}

function Enable({ webhook: { id }, etag }: ActionProps) {
  const enable = useAction({
    method: 'patch',
    path: '/v1/webhooks/{id}',
    params: { path: { id } },
    body: { status: 'active' },
    etag,
    invalidates: ['/v1/webhooks'],
    success: 'The webhook is active. What was pending is sent at once.',
  });
  return (
    <Button kind="primary" isRunning={enable.isRunning} onClick={() => void enable.run()}>
      Enable
    </Button>
  );
}

function Disable({ webhook: { id, name }, etag, onClose }: ActionProps & { readonly onClose: () => void }) {
  const body = { status: 'disabled' as const };
  const disable = useAction({
    method: 'patch',
    path: '/v1/webhooks/{id}',
    params: { path: { id } },
    body,
    etag,
    invalidates: ['/v1/webhooks'],
    success: 'The webhook is disabled.',
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Disable the webhook"
      action="Disable"
      run={() => disable.run()}
      isRunning={disable.isRunning}
      problem={disable.problem}
      call={{ method: 'patch', path: `/v1/webhooks/${id}`, body, ...(etag && { ifMatch: etag }) }}
      command={commandFor(['webhooks', 'update', id], { ...body, 'if-match': etag })}
    >
      <p>
        <SafeText text={name} /> is sent nothing more. Events that happen while it is disabled are never sent to it.
      </p>
    </ConfirmDialog>
  );
}

interface DeleteProps extends ActionProps {
  readonly organizationId: string | undefined;
  readonly onClose: () => void;
}

function Delete({ webhook: { id, name }, etag, organizationId, onClose }: DeleteProps) {
  const [, navigate] = useLocation();
  const pending = useResource('/v1/webhooks/{id}/deliveries', {
    path: { id },
    query: { status: 'pending', limit: 100 },
  });
  const count = pending.data && `${pending.data.data.length}${pending.data.next_cursor === null ? '' : ' or more'}`;
  const remove = useAction({
    method: 'delete',
    path: '/v1/webhooks/{id}',
    params: { path: { id } },
    etag,
    success: 'The webhook was deleted.',
    onDone: () => {
      onClose();
      navigate(webhookAddress(organizationId));
    },
    invalidates: ['/v1/webhooks'],
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Delete the webhook"
      confirmName={name}
      consequences={[{ label: 'Pending events, which are not sent', count }]}
      action="Delete"
      run={() => remove.run()}
      isRunning={remove.isRunning}
      problem={remove.problem}
      call={{ method: 'delete', path: `/v1/webhooks/${id}` }}
      command={commandFor(['webhooks', 'delete', id])}
    >
      <p>Its deliveries and its signing secret go with it.</p>
    </ConfirmDialog>
  );
}
