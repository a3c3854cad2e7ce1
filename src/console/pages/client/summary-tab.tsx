import type { ReactNode } from 'react';
import { commandFor } from '../../api/command.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { SafeLines } from '../../ui/safe-lines.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Scopes } from '../../ui/scopes.tsx';
import { Section } from '../../ui/section.tsx';
import { Time } from '../../ui/time.tsx';
import { type Client, METHOD_LABELS, stateOf } from '../clients/words.ts';
import { clientPath } from './address.ts';
import type { TabProps } from './tab.ts';

/** What a client is: its fields, and why it is disabled. */
export function SummaryTab({ client, open }: TabProps) {
  const { client_id, claims, metadata, rate_limit } = client;
  return (
    <>
      <StateNotice client={client} open={open} />
      <Section title="Details">
        <KeyValue
          items={[
            { label: 'Owner', value: textOr(client.owner, 'nobody') },
            {
              label: 'Description',
              value: client.description === '' ? textOr(null, 'none') : <Description text={client.description} />,
            },
            { label: 'Authenticates by', value: methodsOf(client) },
            { label: 'Last use', value: <Time at={client.last_used_at} /> },
            { label: 'Expires', value: <Time at={client.expires_at} /> },
            { label: 'Created', value: <Time at={client.created_at} /> },
            { label: 'Changed', value: <Time at={client.updated_at} /> },
          ]}
        />
      </Section>
      <Section title="Tokens">
        <KeyValue
          items={[
            {
              label: 'Lifetime',
              value: client.access_token_ttl === null ? 'As the resource server says' : `${client.access_token_ttl} s`,
            },
            { label: 'Rate limit', value: `${rate_limit.per_minute} a minute, up to ${rate_limit.burst} at once` },
            { label: 'Default resource server', value: textOr(client.default_resource, 'none') },
            { label: 'Bound to', value: bindingsOf(client) },
            { label: 'Custom claims', value: jsonOr(claims) },
            { label: 'Requestable claims', value: <Scopes scopes={client.requestable_claims} /> },
          ]}
        />
      </Section>
      <Section title="Operation">
        <KeyValue
          items={[
            { label: 'Security profile', value: client.security_profile },
            { label: 'May rotate its own secret', value: client.may_rotate_secret ? 'yes' : 'no' },
            { label: 'Successful requests in the log', value: client.log === 'all' ? 'all' : 'a sample' },
            { label: 'Introspects for', value: <Scopes scopes={client.introspects} /> },
            { label: 'Metadata', value: jsonOr(metadata) },
          ]}
        />
      </Section>
      <CallHint
        call={{ method: 'get', path: clientPath(client_id) }}
        command={commandFor(['clients', 'get', client_id])}
      />
    </>
  );
}

/** Says that a client gets no tokens, why, who did it, and offers the way back. */
function StateNotice({ client, open }: Pick<TabProps, 'client' | 'open'>) {
  const mayWrite = useCan('clients:write');
  const { label, tone, reason } = stateOf(client, Date.now());
  if (tone === 'good') return null;
  const isDisabled = client.status === 'disabled';
  return (
    <div className="client-notice" role="note">
      <div>
        <p>
          <strong>{label}.</strong> {reason}. It gets no tokens, and its tokens are invalid.
        </p>
        {isDisabled && <DisabledBy client={client} />}
      </div>
      {mayWrite && (
        <Button
          size="small"
          onClick={() => open(isDisabled ? { kind: 'status' } : { kind: 'edit', field: '/expires_at' })}
        >
          {isDisabled ? 'Enable it' : 'Change the expiry'}
        </Button>
      )}
    </div>
  );
}

/** Names the actor of the change that disabled a client, if the audit log still has it and the session may read it. */
function DisabledBy({ client: { client_id, organization_id } }: { readonly client: Client }) {
  const mayAudit = useCan('audit:read');
  const events = useList(
    '/v1/audit-events',
    { query: { organization_id, target: client_id, action: 'client.updated', limit: 20 } },
    { enabled: mayAudit },
  );
  const event = events.rows.find(({ changes }) => changes.status === 'disabled');
  if (!event) return null;
  return (
    <p className="faint">
      By <SafeText text={event.actor} />, <Time at={event.at} />. <a href="#audit">See the audit</a>
    </p>
  );
}

function methodsOf({ token_endpoint_auth_method, additional_auth_methods }: Client): string {
  const [first, ...more] = [token_endpoint_auth_method, ...additional_auth_methods].map(
    (method) => METHOD_LABELS[method],
  );
  return more.length === 0 ? `${first}` : `${first}; also ${more.join(', ')}`;
}

function bindingsOf(client: Client): string {
  const bindings = [
    ...(client.dpop_bound_access_tokens ? ['a DPoP key'] : []),
    ...(client.tls_client_certificate_bound_access_tokens ? ['the client certificate'] : []),
  ];
  return bindings.length === 0 ? 'nothing: bearer tokens' : bindings.join(' and ');
}

function Description({ text }: { readonly text: string }) {
  return (
    <span className="client-lines">
      <SafeLines text={text} />
    </span>
  );
}

function textOr(text: string | null, absent: string): ReactNode {
  return text === null ? <span className="faint">{absent}</span> : <SafeText text={text} />;
}

function jsonOr(value: Readonly<Record<string, unknown>>): ReactNode {
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="faint">none</span>;
  return (
    <code className="client-lines">
      <SafeLines text={JSON.stringify(value, null, 1)} />
    </code>
  );
}
