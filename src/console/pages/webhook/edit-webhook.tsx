import { useState } from 'react';
import { areEqualJson } from '../../../lib/equal-json.ts';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import type { Body, Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { EventsField } from '../webhooks/events-field.tsx';

interface EditWebhookProps {
  readonly webhook: Schema<'Webhook'>;
  readonly etag: string | undefined;
  readonly onClose: () => void;
}

export function EditWebhook({ onClose, ...current }: EditWebhookProps) {
  // The version that the form began with: what is read meanwhile must neither hide the change of another person nor count as one here.
  const [{ webhook, etag }] = useState(current);
  const [name, setName] = useState(webhook.name);
  const [description, setDescription] = useState(webhook.description ?? '');
  const [url, setUrl] = useState(webhook.url);
  const [events, setEvents] = useState<readonly string[] | null>(webhook.events ?? null);
  const body = {
    ...(name !== webhook.name && { name }),
    ...(description !== (webhook.description ?? '') && { description }),
    ...(url !== webhook.url && { url }),
    ...(!areEqualJson(events, webhook.events ?? null) && { events }),
  } as Body<'/v1/webhooks/{id}', 'patch'>;
  const update = useAction({
    method: 'patch',
    path: '/v1/webhooks/{id}',
    params: { path: { id: webhook.id } },
    body,
    etag,
    invalidates: ['/v1/webhooks'],
    success: 'The webhook was changed.',
    onDone: onClose,
    onReload: onClose,
  });
  const save = () => (Object.keys(Object(body)).length === 0 ? onClose() : update.run());
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Edit the webhook"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={update.isRunning} onClick={() => void save()}>
          Save changes
        </Button>
      }
    >
      <Form onSubmit={save} problem={update.problem}>
        <TextField name="/name" label="Name" value={name} onChange={setName} autoFocus />
        <TextField
          name="/url"
          label="URL"
          type="url"
          help="With another URL, pending events are sent at once."
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
        call={{
          method: 'patch',
          path: `/v1/webhooks/${webhook.id}`,
          body,
          ...(etag !== undefined && { ifMatch: etag }),
        }}
        command={fieldsCommand(['webhooks', 'update', webhook.id], Object(body), { 'if-match': etag })}
      />
    </Dialog>
  );
}
