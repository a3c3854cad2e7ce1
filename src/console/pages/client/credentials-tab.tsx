import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor, fieldsCommand } from '../../api/command.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SafeText, visible } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { METHOD_LABELS, type Method } from '../clients/words.ts';
import { AddKeyDialog, AddWorkloadDialog } from './add-credential-dialogs.tsx';
import { clientAddress, clientPath } from './address.ts';
import { patchWithout } from './credential-patches.ts';
import { type TabProps, usesSecret } from './tab.ts';

type Secret = Schema<'Secret'>;
type Credential = Schema<'Credential'>;

const KINDS: Readonly<Record<string, string>> = {
  key: 'Key',
  certificate: 'Certificate',
  published_keys: 'Published keys',
  certificate_subject: 'Certificate subject',
  workload: 'Workload',
};

/** All credentials of a client, each with its last use. */
export function CredentialsTab(props: TabProps) {
  return (
    <>
      {usesSecret(props.client) && <Secrets {...props} />}
      <OtherCredentials {...props} />
    </>
  );
}

function Secrets({ client: { client_id, client_name, organization_id } }: TabProps) {
  const mayWrite = useCan('clients:write');
  const secrets = useList('/v1/clients/{client_id}/secrets', { path: { client_id } });
  const [deleted, setDeleted] = useState<Secret>();
  const promote = useAction({
    method: 'post',
    path: '/v1/clients/{client_id}/secrets/{id}/promote',
    body: {},
    invalidates: ['/v1/clients'],
    success: 'The secret is the primary one again.',
  });
  return (
    <Section
      title="Secrets"
      description="A client has at most two. A rotation makes the primary one the secondary one; both are accepted until it is deleted."
      actions={
        mayWrite && (
          <LinkButton size="small" href={`${clientAddress(organization_id, client_id)}/rotate`}>
            Rotate
          </LinkButton>
        )
      }
    >
      {secrets.error ? (
        <ErrorBox problem={secrets.error} retry={secrets.refetch} />
      ) : (
        <Table<Secret>
          label="Secrets"
          columns={[
            { key: 'hint', label: 'Secret', render: ({ hint }) => <code>…{hint}</code> },
            { key: 'rank', label: 'Rank', render: (secret) => <Rank secret={secret} /> },
            { key: 'created_at', label: 'Created', render: ({ created_at }) => <Time at={created_at} /> },
            { key: 'last_used_at', label: 'Last use', render: ({ last_used_at }) => <Time at={last_used_at} /> },
            { key: 'expires_at', label: 'Expires', render: ({ expires_at }) => <Time at={expires_at} /> },
            {
              key: 'safe',
              label: 'Safe to delete',
              render: ({ safe_to_delete, reason }) => (
                <>
                  {safe_to_delete ? 'Yes. ' : 'No. '}
                  <span className="faint">{reason}</span>
                </>
              ),
            },
            ...(mayWrite
              ? [
                  {
                    key: 'actions',
                    label: 'Actions',
                    align: 'end' as const,
                    render: (secret: Secret) =>
                      secret.rank === 'secondary' && (
                        <span className="client-row-actions">
                          <Button
                            size="small"
                            isRunning={promote.isRunning}
                            aria-label={`Make primary: …${secret.hint}`}
                            onClick={() => void promote.run({ params: { path: { client_id, id: secret.id } } })}
                          >
                            Make primary
                          </Button>
                          <Button size="small" aria-label={`Delete …${secret.hint}`} onClick={() => setDeleted(secret)}>
                            Delete
                          </Button>
                        </span>
                      ),
                  },
                ]
              : []),
          ]}
          rows={secrets.rows}
          rowKey={({ id }) => id}
          isLoading={secrets.isLoading}
          empty={<Empty title="No secret">Rotate to make one.</Empty>}
        />
      )}
      {promote.problem && <ErrorBox problem={promote.problem} />}
      <CallHint
        call={{ method: 'get', path: clientPath(client_id, '/secrets') }}
        command={commandFor(['secrets', 'list', client_id])}
      />
      {deleted && (
        <DeleteSecretDialog
          clientId={client_id}
          clientName={client_name}
          secret={deleted}
          onClose={() => setDeleted(undefined)}
        />
      )}
    </Section>
  );
}

function Rank({ secret: { rank, leaked_at, expires_at } }: { readonly secret: Secret }) {
  const isExpired = expires_at !== null && Date.parse(expires_at) <= Date.now();
  return (
    <>
      {rank} {leaked_at !== null && <Badge tone="bad">leaked</Badge>} {isExpired && <Badge tone="bad">expired</Badge>}
    </>
  );
}

interface DeleteSecretDialogProps {
  readonly clientId: string;
  readonly clientName: string;
  readonly secret: Secret;
  readonly onClose: () => void;
}

function DeleteSecretDialog({ clientId, clientName, secret, onClose }: DeleteSecretDialogProps) {
  const action = useAction({
    method: 'delete',
    path: '/v1/clients/{client_id}/secrets/{id}',
    params: { path: { client_id: clientId, id: secret.id } },
    invalidates: ['/v1/clients'],
    success: 'The secret is deleted.',
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Delete the secret …${secret.hint}`}
      {...(!secret.safe_to_delete && { confirmName: clientName })}
      action="Delete"
      run={() => action.run()}
      isRunning={action.isRunning}
      problem={action.problem}
      call={{ method: 'delete', path: clientPath(clientId, `/secrets/${secret.id}`) }}
      command={commandFor(['secrets', 'delete', clientId, secret.id])}
    >
      <p>
        {secret.safe_to_delete
          ? 'Nothing uses it.'
          : 'It may still be in use. Machines that have it and not the primary secret are refused from then on.'}{' '}
        {secret.reason}
      </p>
    </ConfirmDialog>
  );
}

type Adding = 'key' | 'workload';

function OtherCredentials({ client, etag, open }: TabProps) {
  const { client_id } = client;
  const mayWrite = useCan('clients:write');
  const credentials = useList('/v1/clients/{client_id}/credentials', { path: { client_id } });
  const [adding, setAdding] = useState<Adding>();
  const [removed, setRemoved] = useState<Credential>();
  const rows = credentials.rows.filter(({ kind }) => kind !== 'secret');
  const close = () => setAdding(undefined);
  return (
    <Section
      title="Keys, certificates and workloads"
      description="With these the machine needs no secret. Only those of accepted methods are listed."
      actions={
        mayWrite && (
          <>
            <Button size="small" onClick={() => setAdding('key')}>
              Add a key
            </Button>
            <Button size="small" onClick={() => setAdding('workload')}>
              Add a workload
            </Button>
            <Button
              size="small"
              kind="quiet"
              onClick={() => open({ kind: 'edit', field: '/token_endpoint_auth_method' })}
            >
              Change methods
            </Button>
          </>
        )
      }
    >
      {credentials.error ? (
        <ErrorBox problem={credentials.error} retry={credentials.refetch} />
      ) : (
        <Table<Credential>
          label="Keys, certificates and workloads"
          columns={[
            { key: 'kind', label: 'Kind', render: ({ kind }) => KINDS[kind] ?? kind },
            {
              key: 'name',
              label: 'Name',
              render: ({ name, id }) => (
                <>
                  {name !== null && <SafeText text={name} />}
                  <span className="client-credential-id">
                    <SafeText text={id} />
                  </span>
                </>
              ),
            },
            {
              key: 'methods',
              label: 'Method',
              render: ({ auth_methods }) =>
                auth_methods.map((method) => METHOD_LABELS[method as Method] ?? method).join(', '),
            },
            { key: 'last_used_at', label: 'Last use', render: ({ last_used_at }) => <Time at={last_used_at} /> },
            ...(mayWrite
              ? [
                  {
                    key: 'actions',
                    label: 'Actions',
                    align: 'end' as const,
                    render: (credential: Credential) => (
                      <Button
                        size="small"
                        aria-label={`Remove ${visible(credential.name ?? credential.id)}`}
                        onClick={() => setRemoved(credential)}
                      >
                        Remove
                      </Button>
                    ),
                  },
                ]
              : []),
          ]}
          rows={rows}
          rowKey={({ kind, id }) => `${kind} ${id}`}
          isLoading={credentials.isLoading}
          empty={
            <Empty title="None">
              {usesSecret(client)
                ? 'A key or the identity of a workload is safer than a secret: nothing that could leak is stored with you.'
                : 'It cannot authenticate. Add a key, or the workload that it is.'}
            </Empty>
          }
        />
      )}
      <CallHint
        call={{ method: 'get', path: clientPath(client_id, '/credentials') }}
        command={commandFor(['clients', 'get', client_id])}
      />
      {adding === 'key' && <AddKeyDialog client={client} etag={etag} onClose={close} />}
      {adding === 'workload' && <AddWorkloadDialog client={client} etag={etag} onClose={close} />}
      {removed && (
        <RemoveDialog client={client} etag={etag} credential={removed} onClose={() => setRemoved(undefined)} />
      )}
    </Section>
  );
}

interface RemoveDialogProps extends Pick<TabProps, 'client' | 'etag'> {
  readonly credential: Credential;
  readonly onClose: () => void;
}

function RemoveDialog({ client, etag, credential, onClose }: RemoveDialogProps) {
  const { client_id } = client;
  // The pointer names a place in a list, so the list must not have changed: hence the version that was shown.
  const [before] = useState({ client, etag });
  const body = patchWithout(before.client, credential.field ?? '') ?? {};
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    body,
    etag: before.etag,
    invalidates: ['/v1/clients'],
    success: 'The credential is removed.',
    onDone: onClose,
    onReload: onClose,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Remove the credential"
      action="Remove"
      run={() => action.run()}
      isRunning={action.isRunning}
      problem={action.problem}
      call={{ method: 'patch', path: clientPath(client_id), body, ...(before.etag && { ifMatch: before.etag }) }}
      command={fieldsCommand(['clients', 'update', client_id], body, { 'if-match': before.etag })}
    >
      <p>
        Machines that authenticate by <SafeText text={credential.name ?? credential.id} /> are refused from then on.{' '}
        {credential.last_used_at === null ? 'It was never used.' : 'Last use: '}
        {credential.last_used_at !== null && <Time at={credential.last_used_at} />}
      </p>
    </ConfirmDialog>
  );
}
