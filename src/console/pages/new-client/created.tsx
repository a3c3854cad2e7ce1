import { useEffect } from 'react';
import { ISSUER_URL } from '../../api/address.ts';
import { organizationAddress } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { LinkButton } from '../../ui/button.tsx';
import { CodeSamples } from '../../ui/code-samples.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Page } from '../../ui/page.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { Section } from '../../ui/section.tsx';
import { shownClient } from '../grants/shown.ts';
import type { Choice } from './choose-method.ts';
import { type Draft, kidOf, platformOf } from './draft.ts';
import { FirstTokenWatch } from './first-token-watch.tsx';
import { METHOD_NAMES } from './labels.ts';
import { type SnippetSubject, samplesFor, secretVariable } from './snippets.ts';

interface CreatedProps {
  readonly organizationId: string;
  readonly client: Schema<'CreatedClient'>;
  readonly draft: Draft;
  readonly choice: Choice;
}

/** Shows a new client: its secret, the code by which it gets a token, and whether it got one. */
export function Created({ organizationId, client, draft, choice }: CreatedProps) {
  const { client_id, client_name, client_secret } = client;
  const canRead = useCan('clients:read');
  const address = organizationAddress(organizationId, `/clients/${encodeURIComponent(client_id)}`);
  const granted = useResource(
    '/v1/clients/{client_id}/effective-scopes',
    { path: { client_id } },
    { enabled: canRead },
  );
  // The form is gone, and with it the focus.
  useEffect(() => document.querySelector<HTMLElement>('h1')?.focus(), []);
  const [first, ...others] = granted.data?.data ?? [];
  const own = shownClient(client).grants;
  const fallback = own[0];
  const subject: SnippetSubject = {
    issuer: ISSUER_URL,
    clientId: client_id,
    ...choice,
    place: draft.answers.place,
    platform: platformOf(draft),
    workload: draft.workload,
    ...withDefined({
      kid: kidOf(draft),
      resource: first?.resource_server ?? fallback?.resource_server,
    }),
    hasOthers: others.length > 0 || (!canRead && own.length > 1),
    scopes: first?.scopes.map(({ name }) => name) ?? fallback?.scopes ?? [],
  };
  const variable = secretVariable(choice.method);
  const hasNothing = granted.data !== undefined && first === undefined;
  return (
    <Page
      title={client_name}
      subtitle="The client was created."
      breadcrumbs={[{ label: 'Clients', href: organizationAddress(organizationId, '/clients') }]}
      actions={canRead && <LinkButton href={address}>Open the client</LinkButton>}
    >
      <Section title="Credentials">
        <KeyValue
          items={[
            { label: 'Client id', value: <Id value={client_id} /> },
            { label: 'Method', value: METHOD_NAMES[choice.method] },
            { label: 'Issuer', value: <Id value={ISSUER_URL} /> },
          ]}
        />
        {client_secret !== undefined && <SecretOnce label="Client secret" value={client_secret} />}
      </Section>
      <Section
        title="Get the first token"
        description={
          variable === undefined
            ? 'Run one of these on the machine.'
            : `The code reads the secret from the environment variable ${variable}, so that you can commit it.`
        }
      >
        {hasNothing && (
          <p className="new-client-warning">
            The client has no grants and no roles, so every token request is refused. Give it some first.
          </p>
        )}
        {!granted.isLoading && <CodeSamples samples={samplesFor(subject)} />}
        {canRead && <FirstTokenWatch clientId={client_id} href={address} />}
      </Section>
    </Page>
  );
}

function withDefined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
