import { useState } from 'react';
import { useOrganization } from '../../api/organization.ts';
import { useList, useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { ListHint } from '../../ui/list-hint.tsx';
import { Menu } from '../../ui/menu.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText, visible } from '../../ui/safe-text.tsx';
import { Scopes } from '../../ui/scopes.tsx';
import { Table } from '../../ui/table.tsx';
import { Time, useNow } from '../../ui/time.tsx';
import { DeleteApiKey, DeleteSecondary } from './delete-api-key.tsx';
import { expiryOf } from './expiry.ts';
import { NewApiKey } from './new-api-key.tsx';
import { RotateApiKey } from './rotate-api-key.tsx';
import { PRESETS, presetOf } from './scopes.ts';
import type { ApiKey } from './types.ts';
import '../keys.css';

type Open = { readonly do: 'create' } | { readonly do: 'rotate' | 'delete' | 'delete-secondary'; readonly key: ApiKey };

export default function ApiKeys() {
  const organizationId = useOrganization();
  const list = useList('/v1/api-keys', { query: { organization_id: organizationId, limit: 50 } });
  const me = useResource('/v1/me');
  const mayChange = useCan('api-keys:write');
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const create = mayChange && (
    <Button kind="primary" onClick={() => setOpen({ do: 'create' })}>
      New API key
    </Button>
  );
  const itemsFor = (key: ApiKey) => [
    { label: 'Rotate…', onSelect: () => setOpen({ do: 'rotate', key }) },
    ...(key.secondary
      ? [
          {
            label: 'Delete the old value…',
            onSelect: () => setOpen({ do: 'delete-secondary', key }),
            isDangerous: true,
          },
        ]
      : []),
    { label: 'Delete…', onSelect: () => setOpen({ do: 'delete', key }), isDangerous: true },
  ];
  return (
    <Page
      title="API keys"
      subtitle="The credentials for managing this organization by program. Machines that get tokens are clients."
      actions={create}
    >
      {list.error ? (
        <ErrorBox problem={list.error} retry={list.refetch} />
      ) : (
        <Table
          label="API keys"
          rows={list.rows}
          rowKey={({ id }) => id}
          hasMore={list.hasMore}
          onLoadMore={list.loadMore}
          isLoading={list.isLoading}
          columns={[
            {
              key: 'name',
              label: 'Name',
              render: ({ id, name }) => (
                <>
                  <SafeText text={name} /> {id === me.data?.id && <Badge tone="accent">This session</Badge>}
                </>
              ),
            },
            {
              key: 'value',
              label: 'Value',
              render: ({ hint, secondary }) => (
                <>
                  <code>…{hint}</code>
                  {secondary && (
                    <div className="faint small keys-nowrap">
                      old: <code>…{secondary.hint}</code>
                    </div>
                  )}
                </>
              ),
            },
            { key: 'scopes', label: 'Rights', render: ({ scopes }) => <Rights scopes={scopes} /> },
            { key: 'used', label: 'Last used', render: ({ last_used_at }) => <Time at={last_used_at} /> },
            { key: 'expires', label: 'Expires', render: ({ expires_at }) => <Expires at={expires_at ?? null} /> },
            {
              key: 'actions',
              label: 'Actions',
              align: 'end',
              render: (key) => mayChange && <Menu label={`Actions for ${visible(key.name)}`} items={itemsFor(key)} />,
            },
          ]}
          empty={
            <Empty title="There is no API key yet" action={create}>
              Create one for each program that manages this organization, with only the rights that it needs.
            </Empty>
          }
        />
      )}
      <ListHint kind="api-keys" organizationId={organizationId} />
      {open?.do === 'create' && <NewApiKey organizationId={organizationId} onClose={close} />}
      {open?.do === 'rotate' && <RotateApiKey apiKey={open.key} isOwn={open.key.id === me.data?.id} onClose={close} />}
      {open?.do === 'delete' && <DeleteApiKey apiKey={open.key} isOwn={open.key.id === me.data?.id} onClose={close} />}
      {open?.do === 'delete-secondary' && <DeleteSecondary apiKey={open.key} onClose={close} />}
    </Page>
  );
}

function Rights({ scopes }: { readonly scopes: readonly string[] }) {
  const preset = PRESETS.find(({ value }) => value === presetOf(scopes));
  return preset ? <span title={scopes.join(', ')}>{preset.label}</span> : <Scopes scopes={scopes} />;
}

function Expires({ at }: { readonly at: string | null }) {
  const expiry = expiryOf(at, useNow());
  if (expiry === 'expired') return <Badge tone="bad">Expired</Badge>;
  if (expiry === 'soon') {
    return (
      <Badge tone="warning">
        <Time at={at} />
      </Badge>
    );
  }
  return <Time at={at} />;
}
