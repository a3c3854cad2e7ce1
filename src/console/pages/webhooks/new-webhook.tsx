import { useState } from 'react';
import { useLocation } from 'wouter';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import type { Body } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { webhookAddress } from './address.ts';
import { EventsField } from './events-field.tsx';

interface NewWebhookProps {
  /** Undefined for a webhook of the instance. */
  readonly organizationId: string | undefined;
  readonly onClose: () => void;
}

/** Creates a webhook, shows its signing secret once, and leads to it. */
export function NewWebhook({ organizationId, onClose }: NewWebhookProps) {
  const [, navigate] = useLocation();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly string[] | null>(null);
  const body = {
    ...(organizationId !== undefined && { organization_id: organizationId }),
    name,
    description,
    url,
    events,
  } as Body<'/v1/webhooks', 'post'>;
  const [created, setCreated] = useState<{ readonly id: string; readonly secret: string }>();
  const create = useAction({
    method: 'post',
    path: '/v1/webhooks',
    body,
    invalidates: ['/v1/webhooks'],
    onAnswer: ({ id, signing_secret }) => setCreated({ id, secret: signing_secret }),
  });
  const submit = () => create.run();
  if (created) {
    const close = () => navigate(webhookAddress(organizationId, created.id));
    return (
      <Dialog
        isOpen
        closeLabel="Close"
        onClose={close}
        title="The webhook was created"
        isGuarded
        actions={
          <Button kind="primary" onClick={close}>
            Show the webhook
          </Button>
        }
      >
        <SecretOnce label="Signing secret" value={created.secret} />
        <p>
          The receiver verifies each request with it, by any library of Standard Webhooks. Then send a test event from
          the page of the webhook.
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New webhook"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={create.isRunning} onClick={() => void submit()}>
          Create webhook
        </Button>
      }
    >
      <Form onSubmit={submit} problem={create.problem}>
        <TextField name="/name" label="Name" placeholder="On call" value={name} onChange={setName} autoFocus />
        <TextField
          name="/url"
          label="URL"
          type="url"
          help="https, with a public host name."
          placeholder="https://hooks.example.com/edgemint"
          value={url}
          onChange={setUrl}
        />
        <TextField
          name="/description"
          label="Description"
          isRequired={false}
          value={description}
          onChange={setDescription}
        />
        <EventsField value={events} onChange={setEvents} />
      </Form>
      <CallHint
        call={{ method: 'post', path: '/v1/webhooks', body }}
        command={fieldsCommand(['webhooks', 'create'], Object(body))}
      />
    </Dialog>
  );
}
