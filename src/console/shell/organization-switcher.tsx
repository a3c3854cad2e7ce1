import { lazy, Suspense, useState } from 'react';
import { useResource } from '../api/queries.ts';
import { Icon } from '../ui/icon.tsx';
import { visible } from '../ui/safe-text.tsx';

const load = () => import('./organization-menu.tsx');
const OrganizationMenu = lazy(load);

/** Chooses the organization whose pages are shown. The list is loaded when it is wanted. */
export function OrganizationSwitcher({ organizationId }: { readonly organizationId: string | undefined }) {
  const [isWanted, setWanted] = useState(false);
  const current = useResource(
    '/v1/organizations/{id}',
    { path: { id: organizationId ?? '' } },
    { enabled: organizationId !== undefined },
  );
  const name = organizationId === undefined ? undefined : current.data?.name;
  const text = name === undefined ? 'Choose an organization' : visible(name);
  const content = (
    <>
      <span className="switcher-text">{text}</span>
      <Icon name="chevron" />
    </>
  );
  const trigger = (
    <button
      type="button"
      className="switcher"
      aria-label={`Organization: ${text}`}
      aria-haspopup="menu"
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setWanted(true)}
    >
      {content}
    </button>
  );
  if (!isWanted) return trigger;
  return (
    <Suspense fallback={trigger}>
      <OrganizationMenu label={`Organization: ${text}`} trigger={content} />
    </Suspense>
  );
}
