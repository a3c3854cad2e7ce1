import { useLocation } from 'wouter';
import { commandFor } from '../../api/command.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { MarkedText } from '../../ui/marked-text.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { clientAddress, clientPath } from './address.ts';
import { solutionOf } from './solutions.ts';
import type { TabProps } from './tab.ts';

type Diagnosis = Schema<'Diagnosis'>;
type Finding = Diagnosis['findings'][number];
type Reason = NonNullable<Diagnosis['summary']>[number];
type Refusal = NonNullable<Diagnosis['refusals']>[number];

/** Why a client is refused, and the action that solves each problem. */
export function DiagnosisTab({ client, open }: TabProps) {
  const { client_id } = client;
  const { data, error, isLoading, refetch } = useResource('/v1/clients/{client_id}/diagnosis', { path: { client_id } });
  if (error) return <ErrorBox problem={error} retry={refetch} />;
  if (isLoading || !data) return <Skeleton lines={8} />;
  return (
    <>
      <Section
        title="Why is it refused?"
        description={
          <>
            The problems that it has now. Checked <Time at={data.checked_at} />.
          </>
        }
        actions={
          <Button size="small" onClick={refetch}>
            Check again
          </Button>
        }
      >
        {data.findings.length === 0 ? (
          <Empty title="No problem found">Its status, credentials and grants are in order.</Empty>
        ) : (
          <ul className="client-findings">
            {data.findings.map((finding) => (
              <FindingItem key={finding.finding} finding={finding} client={client} open={open} />
            ))}
          </ul>
        )}
      </Section>
      <Section title="Refused requests by reason" description="Within 7 days. A refusal shows after a second or two.">
        {data.summary === null ? (
          <p>The gate of the client did not answer. Check again in a moment.</p>
        ) : (
          <Table<Reason>
            label="Refused requests by reason"
            columns={[
              {
                key: 'reason',
                label: 'Reason',
                render: ({ reason }) => (
                  <code>
                    <SafeText text={reason} />
                  </code>
                ),
              },
              { key: 'count', label: 'Requests', align: 'end', render: ({ count }) => count.toLocaleString('en') },
              { key: 'last', label: 'Last', render: ({ last_at }) => <Time at={last_at} /> },
              { key: 'meaning', label: 'What it means', render: ({ meaning }) => <Text text={meaning} /> },
              { key: 'next', label: 'What to do', render: ({ next_step }) => <Text text={next_step} /> },
            ]}
            rows={data.summary}
            rowKey={({ reason }) => reason}
            isLoading={false}
            empty={<Empty title="Nothing was refused">No request of this client was refused in the last 7 days.</Empty>}
          />
        )}
      </Section>
      {data.refusals !== null && data.refusals.length > 0 && (
        <Section title="The refused requests" description="Requests that differ only in their time are counted as one.">
          <Table<Refusal>
            label="Refused requests"
            columns={[
              { key: 'at', label: 'Last', render: ({ at }) => <Time at={at} /> },
              { key: 'count', label: 'Times', align: 'end', render: ({ count }) => count.toLocaleString('en') },
              {
                key: 'reason',
                label: 'Reason',
                render: ({ reason }) => (
                  <code>
                    <SafeText text={reason} />
                  </code>
                ),
              },
              {
                key: 'answer',
                label: 'Answer',
                render: ({ endpoint, status, error: code }) => (
                  <SafeText text={`${endpoint}: ${status} ${code ?? ''}`} />
                ),
              },
              {
                key: 'asked',
                label: 'Asked for',
                render: ({ resource, scopes }) => (
                  <SafeText text={[resource, ...(scopes ?? [])].filter(Boolean).join(' ')} />
                ),
              },
              { key: 'address', label: 'From', render: ({ address }) => <SafeText text={address ?? 'unknown'} /> },
              {
                key: 'proven',
                label: 'Authenticated',
                render: ({ authenticated }) =>
                  authenticated ? 'yes' : <span title="Anybody may have sent it">no</span>,
              },
              {
                key: 'request',
                label: 'Request id',
                render: ({ request_id }) => (
                  <code className="small">
                    <SafeText text={request_id} />
                  </code>
                ),
              },
            ]}
            rows={data.refusals}
            rowKey={({ request_id }) => request_id}
            isLoading={false}
            empty={null}
          />
        </Section>
      )}
      <CallHint
        call={{ method: 'get', path: clientPath(client_id, '/diagnosis') }}
        command={commandFor(['clients', 'diagnose', client_id])}
      />
    </>
  );
}

/** A sentence in a table, which gets its width also on a phone. */
function Text({ text }: { readonly text: string }) {
  return (
    <span className="client-text">
      <MarkedText text={text} />
    </span>
  );
}

function FindingItem({ finding, client, open }: { readonly finding: Finding } & Pick<TabProps, 'client' | 'open'>) {
  const { severity, meaning, next_step, names } = finding;
  return (
    <li className="client-finding">
      <div>
        <Badge tone={severity === 'error' ? 'bad' : 'warning'}>{severity}</Badge>{' '}
        <strong>
          <MarkedText text={meaning} />
        </strong>
        {names.length > 0 && (
          <p>
            <code>
              <SafeText text={names.join(', ')} />
            </code>
          </p>
        )}
        <p className="faint">
          <MarkedText text={next_step} />
        </p>
      </div>
      <Solve finding={finding.finding} client={client} open={open} />
    </li>
  );
}

/** The button or link that solves a problem, if the session may do it. */
function Solve({ finding, client, open }: { readonly finding: string } & Pick<TabProps, 'client' | 'open'>) {
  const { client_id, organization_id } = client;
  const found = solutionOf(finding);
  const isPermitted = useCan(found?.requires ?? 'root');
  const [, navigate] = useLocation();
  if (!found || !isPermitted) return null;
  const { label, solution } = found;
  const organization = `/organizations/${encodeURIComponent(organization_id)}`;
  switch (solution.kind) {
    case 'enable':
      return (
        <Button kind="primary" size="small" onClick={() => open({ kind: 'status' })}>
          {label}
        </Button>
      );
    case 'edit':
      return (
        <Button size="small" onClick={() => open({ kind: 'edit', field: solution.field })}>
          {label}
        </Button>
      );
    case 'rotate':
      return (
        <Button size="small" onClick={() => navigate(`${clientAddress(organization_id, client_id)}/rotate`)}>
          {label}
        </Button>
      );
    case 'tab':
      return (
        <a className="button button-secondary button-small" href={`#${solution.tab}`}>
          {label}
        </a>
      );
    case 'organization':
      return (
        <LinkButton size="small" href={organization}>
          {label}
        </LinkButton>
      );
    case 'resource-servers':
      return (
        <LinkButton size="small" href={`${organization}/resource-servers`}>
          {label}
        </LinkButton>
      );
  }
}
