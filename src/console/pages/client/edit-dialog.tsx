import { useEffect, useRef, useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { useList } from '../../api/queries.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { DateTimeField } from '../../ui/fields/date-time-field.tsx';
import { DurationField } from '../../ui/fields/duration-field.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { NumberField } from '../../ui/fields/number-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TagsField } from '../../ui/fields/tags-field.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { type Client, METHOD_OPTIONS, type Method, withValue } from '../clients/words.ts';
import { clientPath } from './address.ts';
import { mergePatchOf } from './merge-patch.ts';

interface EditDialogProps {
  readonly client: Client;
  readonly etag: string | undefined;
  /** The name of the field that gets the focus. */
  readonly field: string | undefined;
  readonly onClose: () => void;
}

/** The fields of the form. What is granted, credentials and the quota have forms of their own. */
const FIELDS = [
  'client_name',
  'owner',
  'description',
  'expires_at',
  'token_endpoint_auth_method',
  'additional_auth_methods',
  'access_token_ttl',
  'default_resource',
  'rate_limit',
  'requestable_claims',
  'dpop_bound_access_tokens',
  'tls_client_certificate_bound_access_tokens',
  'security_profile',
  'may_rotate_secret',
  'log',
] as const satisfies readonly (keyof Client)[];
type Fields = Pick<Client, (typeof FIELDS)[number]>;

/** Changes the fields of a client. */
export function EditDialog({ client, etag, field, onClose }: EditDialogProps) {
  // What was shown when the dialog opened is what is changed, even if it is read again meanwhile.
  const [before] = useState({ client, etag });
  const { client_id } = before.client;
  const [fields, setFields] = useState<Fields>(() => pickFields(before.client));
  const [json, setJson] = useState({ claims: asJson(before.client.claims), metadata: asJson(before.client.metadata) });
  const parsed = { claims: parseObject(json.claims), metadata: parseObject(json.metadata) };
  const set = <Name extends keyof Fields>(name: Name, value: Fields[Name]) => setFields({ ...fields, [name]: value });
  const body = mergePatchOf(before.client, {
    ...fields,
    ...(parsed.claims && { claims: parsed.claims }),
    ...(parsed.metadata && { metadata: parsed.metadata as Client['metadata'] }),
  });
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    etag: before.etag,
    invalidates: ['/v1/clients'],
    success: 'The client is changed.',
    onDone: onClose,
    onReload: onClose,
  });
  const faults = Object.entries(parsed).flatMap(([name, value]) =>
    value ? [] : [{ pointer: `/${name}`, detail: 'must be a JSON object, such as {"tier": "gold"}' }],
  );
  const [shownFaults, showFaults] = useState(false);
  const problem =
    shownFaults && faults.length > 0 ? { status: 422, title: 'Validation failed', errors: faults } : action.problem;
  const isChanged = Object.keys(body).length > 0;
  const save = () => {
    showFaults(true);
    if (faults.length > 0) return;
    return isChanged ? action.run({ body }) : onClose();
  };
  const form = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const selector = field && `[data-field="${CSS.escape(field)}"] :is(input, button, textarea)`;
    if (selector) form.current?.querySelector<HTMLElement>(selector)?.focus();
  }, [field]);

  return (
    <Dialog
      isOpen
      isDismissible={false}
      onClose={onClose}
      title="Edit the client"
      actions={
        <Button kind="primary" isRunning={action.isRunning} onClick={() => void save()}>
          Save
        </Button>
      }
    >
      <div ref={form}>
        <Form onSubmit={save} problem={problem}>
          <TextField
            name="/client_name"
            label="Name"
            value={fields.client_name}
            onChange={(value) => set('client_name', value)}
          />
          <TextField
            name="/owner"
            label="Owner"
            isRequired={false}
            help="Who answers for it: a team, an address or a URL."
            value={fields.owner ?? ''}
            onChange={(value) => set('owner', value === '' ? null : value)}
          />
          <TextAreaField
            name="/description"
            label="Description"
            isRequired={false}
            rows={2}
            value={fields.description}
            onChange={(value) => set('description', value)}
          />
          <DateTimeField
            name="/expires_at"
            label="Expires"
            isRequired={false}
            help="From then on it gets no tokens, and the tokens that it has are invalid. Empty: never."
            value={fields.expires_at}
            onChange={(value) => set('expires_at', value)}
          />
          <SelectField
            name="/token_endpoint_auth_method"
            label="Authenticates by"
            options={METHOD_OPTIONS}
            value={fields.token_endpoint_auth_method}
            onChange={(value) => set('token_endpoint_auth_method', value as Method)}
          />
          <MultiComboboxField
            name="/additional_auth_methods"
            label="Also accepted"
            isRequired={false}
            help="During a migration, such as from a secret to a key."
            options={METHOD_OPTIONS.filter(({ value }) => value !== fields.token_endpoint_auth_method)}
            value={fields.additional_auth_methods}
            onChange={(value) => set('additional_auth_methods', value as Method[])}
          />
          <DurationField
            name="/access_token_ttl"
            label="Lifetime of its tokens"
            isRequired={false}
            help="60 seconds to one day. Empty: as the resource server says."
            value={fields.access_token_ttl}
            onChange={(value) => set('access_token_ttl', value)}
          />
          <DefaultResource
            client={before.client}
            value={fields.default_resource}
            onChange={(value) => set('default_resource', value)}
          />
          <NumberField
            name="/rate_limit/per_minute"
            label="Token requests a minute"
            min={1}
            value={fields.rate_limit.per_minute}
            onChange={(value) => set('rate_limit', { ...fields.rate_limit, per_minute: value ?? 0 })}
          />
          <NumberField
            name="/rate_limit/burst"
            label="Token requests at once"
            min={1}
            help="How many may come together after a pause."
            value={fields.rate_limit.burst}
            onChange={(value) => set('rate_limit', { ...fields.rate_limit, burst: value ?? 0 })}
          />
          <CheckboxField
            name="/dpop_bound_access_tokens"
            label="Every token request must have a DPoP proof"
            value={fields.dpop_bound_access_tokens}
            onChange={(value) => set('dpop_bound_access_tokens', value)}
          />
          <CheckboxField
            name="/tls_client_certificate_bound_access_tokens"
            label="Every token is bound to the client certificate"
            value={fields.tls_client_certificate_bound_access_tokens}
            onChange={(value) => set('tls_client_certificate_bound_access_tokens', value)}
          />
          <SelectField
            name="/security_profile"
            label="Security profile"
            options={[
              { value: 'standard', label: 'Standard' },
              { value: 'strict', label: 'Strict', help: 'No secrets, and only bound tokens' },
            ]}
            value={fields.security_profile}
            onChange={(value) => set('security_profile', value)}
          />
          <CheckboxField
            name="/may_rotate_secret"
            label="It may rotate its own secret"
            value={fields.may_rotate_secret}
            onChange={(value) => set('may_rotate_secret', value)}
          />
          <SelectField
            name="/log"
            label="Successful requests in the log"
            options={[
              { value: 'sampled', label: 'A sample' },
              { value: 'all', label: 'All of them' },
            ]}
            value={fields.log}
            onChange={(value) => set('log', value)}
          />
          <TagsField
            name="/requestable_claims"
            label="Requestable claims"
            isRequired={false}
            help="The claims that a token request may set."
            value={fields.requestable_claims}
            onChange={(value) => set('requestable_claims', value)}
          />
          <TextAreaField
            name="/claims"
            label="Custom claims"
            isCode
            rows={3}
            help="JSON. Every token of the client has them."
            value={json.claims}
            onChange={(claims) => setJson({ ...json, claims })}
          />
          <TextAreaField
            name="/metadata"
            label="Metadata"
            isCode
            rows={3}
            help="JSON. Your own notes, as names with texts."
            value={json.metadata}
            onChange={(metadata) => setJson({ ...json, metadata })}
          />
        </Form>
        {isChanged && (
          <CallHint
            call={{ method: 'patch', path: clientPath(client_id), body, ...(before.etag && { ifMatch: before.etag }) }}
            command={fieldsCommand(['clients', 'update', client_id], body, { 'if-match': before.etag })}
          />
        )}
      </div>
    </Dialog>
  );
}

interface DefaultResourceProps {
  readonly client: Client;
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

function DefaultResource({ client: { client_id }, value, onChange }: DefaultResourceProps) {
  const scopes = useList('/v1/clients/{client_id}/effective-scopes', { path: { client_id } });
  const granted = scopes.rows.map(({ resource_server }) => ({ value: resource_server, label: resource_server }));
  return (
    <SelectField
      name="/default_resource"
      label="Default resource server"
      help="For token requests that name none, if it is granted several."
      options={withValue([{ value: '', label: 'None' }, ...granted], value ?? '')}
      value={value ?? ''}
      onChange={(chosen) => onChange(chosen === '' ? null : chosen)}
    />
  );
}

function pickFields(client: Client): Fields {
  return Object.fromEntries(FIELDS.map((name) => [name, client[name]])) as unknown as Fields;
}

function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** Reads a JSON object. Nothing is an empty one. @returns undefined if it is none */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
