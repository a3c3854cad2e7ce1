import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { missing } from '../../api/problem.ts';
import { useSession } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { DateTimeField } from '../../ui/fields/date-time-field.tsx';
import { FieldGroup } from '../../ui/fields/field.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { inDays } from './expiry.ts';
import { grantablePresets, presetOf, SCOPE_DESCRIPTIONS, SCOPES } from './scopes.ts';
import type { ApiKey } from './types.ts';

const LIFETIMES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: 'at', label: 'A time of your choice' },
  { value: 'never', label: 'Never' },
];

interface NewApiKeyProps {
  readonly organizationId: string;
  readonly onClose: () => void;
}

/** Creates an API key, and shows its value once. */
export function NewApiKey({ organizationId, onClose }: NewApiKeyProps) {
  const session = useSession();
  const own: readonly string[] = session.isInstanceAdmin ? SCOPES : session.scopes;
  const presets = grantablePresets(own);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<ApiKey['scopes']>([...(presets[0]?.scopes ?? [])]);
  const [isCustom, setCustom] = useState(presets.length === 0);
  const [lifetime, setLifetime] = useState('90');
  const [end, setEnd] = useState<string | null>(null);
  // The time is fixed when the form is opened, so that a retry sends the same body.
  const [now] = useState(() => Date.now());
  const chosen = lifetime === 'at' ? end : lifetime === 'never' ? null : inDays(Number(lifetime), now);
  const body = { organization_id: organizationId, name, scopes, expires_at: chosen };
  const [created, setCreated] = useState<string>();
  const create = useAction({
    method: 'post',
    path: '/v1/api-keys',
    body,
    invalidates: ['/v1/api-keys'],
    onAnswer: ({ api_key }) => setCreated(api_key),
  });
  // Without a time the key would never expire.
  const lacksTime = lifetime === 'at' && end === null;
  const [hasTried, setTried] = useState(false);
  const submit = async () => {
    setTried(true);
    if (!lacksTime) await create.run();
  };
  const { expires_at, ...fields } = body;
  const command = fieldsCommand(['api-keys', 'create'], fields, {
    expires: /^\d+$/.test(lifetime) ? `${lifetime}d` : expires_at,
  });
  if (created !== undefined) {
    return (
      <Dialog isOpen closeLabel="Done" onClose={onClose} title="The API key was created" isGuarded>
        <SecretOnce label="API key" value={created} />
        <p>
          Programs send it as <code>Authorization: Bearer …</code>, and <code>edgemint login</code> asks for it.
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New API key"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={create.isRunning} onClick={() => void submit()}>
          Create API key
        </Button>
      }
    >
      <Form
        onSubmit={submit}
        problem={lacksTime && hasTried ? missing('/expires_at', 'Choose a time.') : create.problem}
      >
        <TextField
          name="/name"
          label="Name"
          help="Name the program that uses it."
          placeholder="Deployment pipeline"
          value={name}
          onChange={setName}
          autoFocus
        />
        <RadioCardsField
          name="/rights"
          label="Rights"
          value={isCustom ? 'custom' : presetOf(scopes)}
          onChange={(value) => {
            setCustom(value === 'custom');
            const preset = presets.find((each) => each.value === value);
            if (preset) setScopes([...preset.scopes]);
          }}
          options={[
            ...presets.map(({ value, label, description }) => ({ value, label, help: description })),
            { value: 'custom', label: 'Choose', help: 'Each right on its own' },
          ]}
        />
        {isCustom ? (
          <FieldGroup name="/scopes" label="Scopes">
            {SCOPES.filter((scope) => own.includes(scope)).map((scope) => (
              <CheckboxField
                key={scope}
                name={`/scopes/${scope}`}
                label={scope}
                help={SCOPE_DESCRIPTIONS[scope]}
                value={scopes.includes(scope)}
                onChange={(isChosen) =>
                  setScopes(isChosen ? [...scopes, scope] : scopes.filter((each) => each !== scope))
                }
              />
            ))}
          </FieldGroup>
        ) : (
          <ul className="scope-notes">
            {scopes.map((scope) => (
              <li key={scope}>
                <code>{scope}</code> {SCOPE_DESCRIPTIONS[scope]}
              </li>
            ))}
          </ul>
        )}
        <SelectField
          name={lifetime === 'at' ? '/lifetime' : '/expires_at'}
          label="Expires"
          help="A webhook is told 14 days before, by the event api_key.expiring."
          value={lifetime}
          onChange={setLifetime}
          options={LIFETIMES}
        />
        {lifetime === 'at' && <DateTimeField name="/expires_at" label="Expires at" value={end} onChange={setEnd} />}
      </Form>
      <CallHint call={{ method: 'post', path: '/v1/api-keys', body }} command={command} />
    </Dialog>
  );
}
