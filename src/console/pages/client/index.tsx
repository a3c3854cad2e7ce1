import { useState } from 'react';
import { useLocation, useParams } from 'wouter';
import { invalidate, useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { Menu, type MenuItem } from '../../ui/menu.tsx';
import { Page } from '../../ui/page.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { useNow } from '../../ui/time.tsx';
import { type Client, stateOf } from '../clients/words.ts';
import { AccessTab } from './access-tab.tsx';
import { clientAddress, clientsAddress } from './address.ts';
import { AuditTab } from './audit-tab.tsx';
import './client.css';
import { CredentialsTab } from './credentials-tab.tsx';
import { DeleteDialog, RevokeDialog, StatusDialog } from './dangerous-dialogs.tsx';
import { DiagnosisTab } from './diagnosis-tab.tsx';
import { EditDialog } from './edit-dialog.tsx';
import { SummaryTab } from './summary-tab.tsx';
import { type OpenDialog, type TabProps, usesSecret } from './tab.ts';
import { TestTokenTab } from './test-token-tab.tsx';
import { UsageTab } from './usage-tab.tsx';

/** One client. */
export default function ClientPage() {
  const { organizationId = '', clientId = '' } = useParams();
  const { data, etag, error, refetch } = useResource('/v1/clients/{client_id}', { path: { client_id: clientId } });
  const breadcrumbs = [{ label: 'Clients', href: clientsAddress(organizationId) }];
  if (error) {
    return (
      <Page title={error.status === 404 ? 'No such client' : 'Client'} breadcrumbs={breadcrumbs}>
        <ErrorBox problem={error} retry={error.status === 404 ? undefined : refetch} />
      </Page>
    );
  }
  if (!data) {
    return (
      <Page title="Client" breadcrumbs={breadcrumbs}>
        <Skeleton lines={6} />
      </Page>
    );
  }
  return <LoadedClient client={data as Client} etag={etag} />;
}

function LoadedClient({ client, etag }: Omit<TabProps, 'open'>) {
  const { client_id, client_name, organization_id, status } = client;
  const [dialog, open] = useState<OpenDialog>();
  const [, navigate] = useLocation();
  const mayWrite = useCan('clients:write');
  const mayRevoke = useCan('tokens:revoke');
  const mayAudit = useCan('audit:read');
  const { label, tone } = stateOf(client, useNow());
  const close = () => open(undefined);
  const tab: TabProps = { client, etag, open };
  const hasSecret = usesSecret(client);
  const leaveDeleted = () => {
    navigate(clientsAddress(organization_id));
    // Only now, because this page would ask for the client again.
    void invalidate('/v1/clients');
  };
  const items: MenuItem[] = [
    ...(mayWrite && hasSecret
      ? [
          {
            label: 'Rotate the secret',
            onSelect: () => navigate(`${clientAddress(organization_id, client_id)}/rotate`),
          },
        ]
      : []),
    ...(mayRevoke ? [{ label: 'Revoke all tokens', isDangerous: true, onSelect: () => open({ kind: 'revoke' }) }] : []),
    ...(mayWrite ? [{ label: 'Delete', isDangerous: true, onSelect: () => open({ kind: 'delete' }) }] : []),
  ];
  return (
    <Page
      title={client_name}
      subtitle={
        <span className="client-subtitle">
          <Badge tone={tone}>{label}</Badge>
          <Id value={client_id} />
        </span>
      }
      breadcrumbs={[{ label: 'Clients', href: clientsAddress(organization_id) }]}
      actions={
        <>
          {mayWrite && <Button onClick={() => open({ kind: 'edit' })}>Edit</Button>}
          {mayWrite && (
            <Button kind={status === 'disabled' ? 'primary' : 'secondary'} onClick={() => open({ kind: 'status' })}>
              {status === 'disabled' ? 'Enable' : 'Disable'}
            </Button>
          )}
          {items.length > 0 && <Menu label="More actions" items={items} />}
        </>
      }
    >
      <Tabs
        label="Parts of the client"
        tabs={[
          { id: 'summary', label: 'Summary', content: () => <SummaryTab {...tab} /> },
          { id: 'access', label: 'Access', content: () => <AccessTab {...tab} /> },
          { id: 'credentials', label: 'Credentials', content: () => <CredentialsTab {...tab} /> },
          { id: 'usage', label: 'Usage', content: () => <UsageTab {...tab} /> },
          { id: 'diagnosis', label: 'Diagnosis', content: () => <DiagnosisTab {...tab} /> },
          { id: 'test-token', label: 'Test token', content: () => <TestTokenTab {...tab} /> },
          ...(mayAudit ? [{ id: 'audit', label: 'Audit', content: () => <AuditTab {...tab} /> }] : []),
        ]}
      />
      {dialog?.kind === 'edit' && <EditDialog client={client} etag={etag} field={dialog.field} onClose={close} />}
      {dialog?.kind === 'status' && <StatusDialog client={client} onClose={close} />}
      {dialog?.kind === 'revoke' && <RevokeDialog client={client} onClose={close} />}
      {dialog?.kind === 'delete' && (
        <DeleteDialog client={client} etag={etag} onClose={close} onDeleted={leaveDeleted} />
      )}
    </Page>
  );
}
