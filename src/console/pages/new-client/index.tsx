import { useEffect, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import type { Problem } from '../../api/problem.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Body, Schema } from '../../api/types.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { DateTimeField } from '../../ui/fields/date-time-field.tsx';
import { DurationField } from '../../ui/fields/duration-field.tsx';
import { NumberField } from '../../ui/fields/number-field.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { Section } from '../../ui/section.tsx';
import type { Choice } from './choose-method.ts';
import { Created } from './created.tsx';
import { CredentialFields } from './credential-fields.tsx';
import { bodyOf, choiceOf, type Draft, EMPTY_DRAFT, needsCredential, problemsOf } from './draft.ts';
import { MethodChoice } from './method-choice.tsx';
import { Questions } from './questions.tsx';
import { Rights } from './rights.tsx';
import { useDraft } from './use-draft.ts';
import './new-client.css';

interface Result {
  readonly client: Schema<'CreatedClient'>;
  readonly draft: Draft;
  readonly choice: Choice;
}

export default function NewClientPage() {
  const organizationId = useOrganization();
  const [result, setResult] = useState<Result>();
  if (result) return <Created organizationId={organizationId} {...result} />;
  return <NewClientForm organizationId={organizationId} onCreated={setResult} />;
}

interface NewClientFormProps {
  readonly organizationId: string;
  readonly onCreated: (result: Result) => void;
}

function NewClientForm({ organizationId, onCreated }: NewClientFormProps) {
  const { draft, change, setDraft, clear } = useDraft(organizationId);
  const [ownProblem, setOwnProblem] = useState<Problem>();
  const isStrict = useIsStrict(organizationId);
  useAddedRight(change, draft);
  const choice = choiceOf(draft, isStrict);
  const body = bodyOf(draft, choice, organizationId);
  const create = useAction({
    method: 'post',
    path: '/v1/clients',
    invalidates: ['/v1/clients'],
  });

  const submit = async () => {
    const errors = problemsOf(draft, choice);
    setOwnProblem(errors.length > 0 ? { status: 422, title: 'Some fields need another look', errors } : undefined);
    if (errors.length > 0) return;
    await create.run({
      body: body as Body<'/v1/clients', 'post'>,
      onAnswer: (client) => {
        clear();
        onCreated({ client: client as Schema<'CreatedClient'>, draft, choice });
      },
    });
  };

  return (
    <Page
      title="New client"
      subtitle="A client is one machine that gets tokens. Five questions choose how it authenticates."
      breadcrumbs={[{ label: 'Clients', href: organizationAddress(organizationId, '/clients') }]}
      actions={
        draft !== EMPTY_DRAFT && (
          <Button kind="quiet" onClick={() => setDraft(EMPTY_DRAFT)}>
            Start over
          </Button>
        )
      }
    >
      <Form onSubmit={submit} problem={ownProblem ?? create.problem}>
        <Section title="How it authenticates">
          <div className="new-client-questions">
            <Questions
              answers={draft.answers}
              onChange={(answers) => change({ answers: { ...draft.answers, ...answers }, override: null })}
            />
          </div>
          <MethodChoice draft={draft} isStrict={isStrict} onOverride={(override) => change({ override })} />
          {needsCredential(choice.method) && (
            <CredentialFields draft={draft} method={choice.method} onChange={change} />
          )}
        </Section>
        <Section title="The client">
          <TextField
            name="/client_name"
            label="Name"
            help="Unique in the organization."
            placeholder="Invoice worker"
            value={draft.name}
            onChange={(name) => change({ name })}
          />
          <TextField
            name="/owner"
            label="Owner"
            help="Who answers for it: a team, an address or a URL."
            isRequired={false}
            value={draft.owner}
            onChange={(owner) => change({ owner })}
          />
          <TextAreaField
            name="/description"
            label="Description"
            isRequired={false}
            rows={2}
            value={draft.description}
            onChange={(description) => change({ description })}
          />
          <DateTimeField
            name="/expires_at"
            label="Expires"
            help="From then on it gets no tokens, and its tokens are inactive. Empty: never."
            isRequired={false}
            value={draft.expiresAt}
            onChange={(expiresAt) => change({ expiresAt })}
          />
        </Section>
        <Section
          title="What it may do"
          description="Roles and grants decide which tokens it can get. Give it what it needs and no more."
        >
          <Rights organizationId={organizationId} draft={draft} onChange={change} />
        </Section>
        <details className="new-client-more">
          <summary>More: token lifetime and rate limit</summary>
          <DurationField
            name="/access_token_ttl"
            label="Token lifetime"
            help="Empty: as the resource server says, otherwise one hour."
            isRequired={false}
            value={draft.tokenTtl}
            onChange={(tokenTtl) => change({ tokenTtl })}
          />
          <NumberField
            name="/rate_limit/per_minute"
            label="Token requests per minute"
            help="Empty: 600."
            isRequired={false}
            min={1}
            value={draft.perMinute}
            onChange={(perMinute) => change({ perMinute })}
          />
          <NumberField
            name="/rate_limit/burst"
            label="Burst"
            help="Token requests that may come at once after a pause. Empty: 100."
            isRequired={false}
            min={1}
            value={draft.burst}
            onChange={(burst) => change({ burst })}
          />
        </details>
        <FormActions>
          <Button type="submit" kind="primary" isRunning={create.isRunning}>
            Create the client
          </Button>
          <LinkButton kind="quiet" href={organizationAddress(organizationId, '/clients')}>
            Cancel
          </LinkButton>
        </FormActions>
        <CallHint
          call={{ method: 'post', path: '/v1/clients', body }}
          command={fieldsCommand(['clients', 'create'], body)}
        />
      </Form>
    </Page>
  );
}

/** Whether the organization has the strict profile. A session that may not read it learns it from the refusal of a client. */
function useIsStrict(organizationId: string): boolean {
  const isEnabled = useCan('organizations:read');
  const organization = useResource('/v1/organizations/{id}', { path: { id: organizationId } }, { enabled: isEnabled });
  return organization.data?.security_profile === 'strict';
}

/** Adds the resource server or role that another page has just created for this client. */
function useAddedRight(change: (changes: Partial<Draft>) => void, { grants, roles }: Draft): void {
  const added = new URLSearchParams(useSearch());
  const [location, navigate] = useLocation();
  const [server, role] = [added.get('resource_server'), added.get('role')];
  useEffect(() => {
    if (server === null && role === null) return;
    if (server !== null && !grants.some(({ resource_server }) => resource_server === server)) {
      change({ grants: [...grants, { resource_server: server, scopes: [] }] });
    }
    if (role !== null && !roles.includes(role)) change({ roles: [...roles, role] });
    navigate(location, { replace: true });
  }, [server, role, grants, roles, change, location, navigate]);
}
