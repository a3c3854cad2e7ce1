import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { missing } from '../../api/problem.ts';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { DurationField } from '../../ui/fields/duration-field.tsx';
import { Form } from '../../ui/form.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';

const DAY = 86_400;

interface RotateSecretProps {
  readonly webhook: Schema<'Webhook'>;
  readonly onClose: () => void;
}

/** Gives a webhook a new signing secret, and shows it once. */
export function RotateSecret({ webhook: { id, signing_secrets }, onClose }: RotateSecretProps) {
  const [grace, setGrace] = useState<number | null>(DAY);
  const [replaces, setReplaces] = useState(false);
  const older = signing_secrets[1];
  const body = { grace_seconds: grace ?? 0, ...(replaces && { replace_previous: true }) };
  const [secret, setSecret] = useState<string>();
  const rotate = useAction({
    method: 'post',
    path: '/v1/webhooks/{id}/rotate-secret',
    params: { path: { id } },
    body,
    invalidates: ['/v1/webhooks'],
    onAnswer: ({ signing_secret }) => setSecret(signing_secret),
  });
  const [isWithoutTime, setWithoutTime] = useState(false);
  const submit = async () => {
    // An empty field is not 0, which would end the old secret at once.
    setWithoutTime(grace === null);
    if (grace !== null) await rotate.run();
  };
  if (secret !== undefined) {
    return (
      <Dialog isOpen closeLabel="Done" onClose={onClose} title="The webhook has a new signing secret" isGuarded>
        <SecretOnce label="New signing secret" value={secret} />
        <p>Give it to the receiver. Until the old secret ends, each request has a signature of both.</p>
      </Dialog>
    );
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Rotate the signing secret"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={rotate.isRunning} onClick={() => void submit()}>
          Rotate
        </Button>
      }
    >
      <Form onSubmit={submit} problem={isWithoutTime ? missing('/grace_seconds') : rotate.problem}>
        <DurationField
          name="/grace_seconds"
          label="The old secret signs as well for"
          help="0 if the old one leaked: it stops signing at once."
          value={grace}
          onChange={setGrace}
        />
        {older && (
          <CheckboxField
            name="/replace_previous"
            label={`End the secret before it, …${older.hint}, at once`}
            help="It still signs, and only two secrets can."
            value={replaces}
            onChange={setReplaces}
          />
        )}
      </Form>
      <CallHint
        call={{ method: 'post', path: `/v1/webhooks/${id}/rotate-secret`, body }}
        command={commandFor(['webhooks', 'rotate-secret', id], {
          grace: `${grace ?? 0}s`,
          'replace-previous': replaces,
        })}
      />
    </Dialog>
  );
}
