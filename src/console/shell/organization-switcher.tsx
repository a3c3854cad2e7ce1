import { useState } from 'react';
import { useLocation } from 'wouter';
import { call } from '../api/call.ts';
import { organizationAddress } from '../api/organization.ts';
import { useResource } from '../api/queries.ts';
import type { Schema } from '../api/types.ts';
import { visible } from '../ui/safe-text.tsx';
import { SwitcherCombobox } from './switcher-combobox.tsx';

const SHOWN = 50;

/** Chooses the organization whose pages are shown. */
export function OrganizationSwitcher({ organizationId }: { readonly organizationId: string | undefined }) {
  const [, navigate] = useLocation();
  const current = useResource(
    '/v1/organizations/{id}',
    { path: { id: organizationId ?? '' } },
    { enabled: organizationId !== undefined },
  );
  const [chosen, setChosen] = useState<{ readonly value: string; readonly label: string }>();
  const label = current.data?.name ?? (chosen?.value === organizationId ? chosen?.label : undefined);
  return (
    <SwitcherCombobox
      label="Organization"
      text={label === undefined ? 'Choose an organization' : visible(label)}
      load={async () => {
        const { body } = await call<{ readonly data: readonly Schema<'Organization'>[] }>({
          method: 'get',
          path: '/v1/organizations',
          params: { query: { limit: SHOWN } },
        });
        return body.data.map(({ id, name }) => ({ value: id, label: name }));
      }}
      onChoose={(option) => {
        setChosen(option);
        navigate(organizationAddress(option.value));
      }}
    />
  );
}
