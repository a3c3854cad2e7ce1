import { useState } from 'react';
import { Link } from 'wouter';
import { commandFor } from '../../api/command.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Table } from '../../ui/table.tsx';
import { clientPath } from './address.ts';
import { GrantsDialog } from './grants-dialog.tsx';
import { LeastPrivilegeSection } from './least-privilege.tsx';
import type { TabProps } from './tab.ts';

type Source = Schema<'GrantSource'>;

interface EffectiveScope {
  readonly resource_server: string;
  /** null for a grant that gives tokens without scopes. */
  readonly scope: string | null;
  readonly sources: readonly Source[];
}

/** What a client may do, and by what. */
export function AccessTab(props: TabProps) {
  const { client, etag } = props;
  const { client_id, organization_id } = client;
  const mayWrite = useCan('clients:write');
  const [isEditing, setEditing] = useState(false);
  const scopes = useList('/v1/clients/{client_id}/effective-scopes', { path: { client_id } });
  const rows = scopes.rows.flatMap(toRows);
  const change = mayWrite && (
    <Button size="small" onClick={() => setEditing(true)}>
      Change grants and roles
    </Button>
  );
  return (
    <>
      <Section title="Effective scopes" description="What its tokens can have, and what grants it." actions={change}>
        {scopes.error ? (
          <ErrorBox problem={scopes.error} retry={scopes.refetch} />
        ) : (
          <Table
            label="Effective scopes"
            columns={[
              {
                key: 'resource_server',
                label: 'Resource server',
                render: ({ resource_server }) => <SafeText text={resource_server} />,
              },
              {
                key: 'scope',
                label: 'Scope',
                render: ({ scope }) =>
                  scope === null ? (
                    <span className="faint">tokens without scopes</span>
                  ) : (
                    <code>
                      <SafeText text={scope} />
                    </code>
                  ),
              },
              {
                key: 'sources',
                label: 'Granted by',
                render: ({ sources }) => <Sources organizationId={organization_id} sources={sources} />,
              },
            ]}
            rows={rows}
            rowKey={({ resource_server, scope }) => JSON.stringify([resource_server, scope])}
            isLoading={scopes.isLoading}
            empty={
              <Empty title="It is granted nothing" action={change || undefined}>
                Without a grant or a role it gets no tokens.
              </Empty>
            }
          />
        )}
        <CallHint
          call={{ method: 'get', path: clientPath(client_id, '/effective-scopes') }}
          command={commandFor(['clients', 'get', client_id])}
        />
      </Section>
      <LeastPrivilegeSection client={client} />
      {isEditing && <GrantsDialog client={client} etag={etag} onClose={() => setEditing(false)} />}
    </>
  );
}

function toRows({ resource_server, sources, scopes }: Schema<'EffectiveScopes'>): EffectiveScope[] {
  if (scopes.length === 0) return [{ resource_server, scope: null, sources }];
  return scopes.map(({ name, sources: from }) => ({ resource_server, scope: name, sources: from }));
}

function Sources({
  organizationId,
  sources,
}: {
  readonly organizationId: string;
  readonly sources: readonly Source[];
}) {
  return (
    <ul className="client-sources">
      {sources.map((source) =>
        source.type === 'direct' ? (
          <li key="direct">own grant</li>
        ) : (
          <li key={source.id}>
            role{' '}
            <Link href={`/organizations/${encodeURIComponent(organizationId)}/roles/${encodeURIComponent(source.id)}`}>
              <SafeText text={source.name} />
            </Link>
          </li>
        ),
      )}
    </ul>
  );
}
