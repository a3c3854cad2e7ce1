import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { missing } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { DurationField } from '../../ui/fields/duration-field.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { Form } from '../../ui/form.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import type { ApiKey } from './types.ts';

const DAY = 86_400;

interface RotateApiKeyProps {
  readonly apiKey: ApiKey;
  readonly isOwn: boolean;
  readonly onClose: () => void;
}

/** Gives an API key a new value, and shows it once. The old one works on for a while. */
export function RotateApiKey({ apiKey, isOwn, onClose }: RotateApiKeyProps) {
  const { id, name, secondary } = apiKey;
  const [until, setUntil] = useState<'deleted' | 'time' | 'now'>('deleted');
  const [grace, setGrace] = useState<number | null>(DAY);
  const [replaces, setReplaces] = useState(false);
  const seconds = { deleted: undefined, time: grace ?? undefined, now: 0 }[until];
  const body = {
    ...(seconds !== undefined && { grace_seconds: seconds }),
    ...(replaces && { replace_secondary: true }),
  };
  const [value, setValue] = useState<string>();
  const rotate = useAction({
    method: 'post',
    path: '/v1/api-keys/{id}/rotate',
    params: { path: { id } },
    body,
    invalidates: ['/v1/api-keys'],
    onAnswer: ({ api_key }) => setValue(api_key),
  });
  const [isWithoutTime, setWithoutTime] = useState(false);
  const submit = async () => {
    setWithoutTime(until === 'time' && grace === null);
    if (until !== 'time' || grace !== null) await rotate.run();
  };
  if (value !== undefined) {
    return (
      <Dialog isOpen closeLabel="Done" onClose={onClose} title="The API key has a new value" isGuarded>
        <SecretOnce label="New API key" value={value} />
        <p>
          {until === 'now'
            ? 'The old value does not work any more.'
            : 'Give the program the new value. Delete the old one when it is no longer used: the list shows its last use.'}
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Rotate the API key"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={rotate.isRunning} onClick={() => void submit()}>
          Rotate
        </Button>
      }
    >
      <Form onSubmit={submit} problem={isWithoutTime ? missing('/grace_seconds') : rotate.problem}>
        <p>
          <SafeText text={name} /> gets a new value and keeps its id and rights.
          {isOwn && ' This session goes on as long as the value that it began with works.'}
        </p>
        <RadioCardsField
          name="/grace"
          label="The old value works"
          value={until}
          onChange={setUntil}
          options={[
            { value: 'deleted', label: 'Until you delete it', help: 'Its last use shows when that is safe.' },
            { value: 'time', label: 'For some time', help: 'It ends by itself.' },
            { value: 'now', label: 'No longer', help: 'For a value that leaked. Programs that have it fail at once.' },
          ]}
        />
        {until === 'time' && (
          <DurationField name="/grace_seconds" label="For how long" value={grace} onChange={setGrace} />
        )}
        {secondary && (
          <CheckboxField
            name="/replace_secondary"
            label={`End the value before it, …${secondary.hint}, at once`}
            help={`It still works, and only two values can. ${secondary.reason}`}
            value={replaces}
            onChange={setReplaces}
          />
        )}
      </Form>
      <CallHint
        call={{ method: 'post', path: `/v1/api-keys/${id}/rotate`, body }}
        command={commandFor(['api-keys', 'rotate', id], {
          grace: seconds === undefined ? undefined : `${seconds}s`,
          'replace-secondary': replaces,
        })}
      />
    </Dialog>
  );
}
