import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { call } from '../../api/call.ts';
import { fieldsCommand } from '../../api/command.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dependents } from '../../ui/dependents.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { NumberField } from '../../ui/fields/number-field.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { MembersField } from '../../ui/members-field.tsx';
import { Section } from '../../ui/section.tsx';
import { PROFILES, SUBJECTS } from './choices.ts';
import { draftOf, type OrganizationFields, patchOf } from './fields.ts';

interface SettingsProps {
  readonly organization: OrganizationFields;
  readonly etag: string | undefined;
  readonly onClose: () => void;
}

/** The form that changes an organization. */
export function Settings({ onClose, ...current }: SettingsProps) {
  // The version that the form began with: what is read meanwhile must neither hide the change of another person nor count as one here.
  const [{ organization, etag }] = useState(current);
  const [draft, setDraft] = useState(() => draftOf(organization));
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const patch = patchOf(organization, draft);
  const update = useAction({
    method: 'patch',
    path: '/v1/organizations/{id}',
    params: { path: { id: organization.id } },
    body: patch,
    etag,
    invalidates: ['/v1/organizations'],
    success: 'The organization was changed.',
    onDone: onClose,
    onReload: onClose,
  });
  const save = () => (Object.keys(patch).length === 0 ? onClose() : update.run());
  return (
    <Section title="Settings">
      <Form onSubmit={save} problem={update.problem}>
        <Dependents problem={update.problem} />
        <TextField name="/name" label="Name" value={draft.name} onChange={(name) => set({ name })} autoFocus />
        <RadioCardsField
          name="/subject"
          label="Subject of its tokens"
          help="A change applies to new tokens."
          value={draft.subject}
          onChange={(subject) => set({ subject })}
          options={SUBJECTS}
        />
        <RadioCardsField
          name="/security_profile"
          label="Security profile"
          help="Strict is refused as long as a client authenticates in a way that its rules forbid."
          value={draft.security_profile}
          onChange={(security_profile) => set({ security_profile })}
          options={PROFILES}
        />
        <NumberField
          name="/quota/tokens_per_day"
          label="Quota per day"
          help="How many tokens its clients together should be issued in a day (UTC). Webhooks are told at 80 % and 100 %; nothing is refused."
          isRequired={false}
          min={1}
          unit="tokens"
          value={draft.perDay}
          onChange={(perDay) => set({ perDay })}
        />
        <NumberField
          name="/quota/tokens_per_month"
          label="Quota per month"
          isRequired={false}
          min={1}
          unit="tokens"
          value={draft.perMonth}
          onChange={(perMonth) => set({ perMonth })}
        />
        <NumberField
          name="/unused_clients/report_after_days"
          label="Report unused clients after"
          help="The event client.unused is sent."
          isRequired={false}
          min={1}
          unit="days"
          value={draft.reportAfter}
          onChange={(reportAfter) => set({ reportAfter })}
        />
        <NumberField
          name="/unused_clients/disable_after_days"
          label="Disable unused clients after"
          help="Their tokens end for good."
          isRequired={false}
          min={1}
          unit="days"
          value={draft.disableAfter}
          onChange={(disableAfter) => set({ disableAfter })}
        />
        <MultiComboboxField
          name="/unused_clients/except"
          label="Clients that are left alone"
          help="However long they are unused."
          isRequired={false}
          value={draft.except}
          onChange={(except) => set({ except })}
          options={(search) => findClients(organization.id, search)}
        />
        <MembersField
          name="/metadata"
          label="Metadata"
          help="Your own notes. The service stores them and does not use them."
          isRequired={false}
          value={draft.metadata}
          onChange={(metadata) => set({ metadata })}
        />
        <FormActions>
          <Button type="submit" kind="primary" isRunning={update.isRunning}>
            Save changes
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </FormActions>
        <CallHint
          call={{
            method: 'patch',
            path: `/v1/organizations/${organization.id}`,
            body: patch,
            ...(etag !== undefined && { ifMatch: etag }),
          }}
          command={fieldsCommand(['organizations', 'update', organization.id], patch, { 'if-match': etag })}
        />
      </Form>
    </Section>
  );
}

async function findClients(organizationId: string, search: string) {
  const query = { organization_id: organizationId, limit: 20, name: search || undefined };
  const { body } = await call<{ data: { client_id: string; client_name: string }[] }>({
    method: 'get',
    path: '/v1/clients',
    params: { query },
  });
  return body.data.map(({ client_id, client_name }) => ({ value: client_id, label: client_name, help: client_id }));
}
