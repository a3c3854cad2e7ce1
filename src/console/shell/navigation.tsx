import { Link, useLocation } from 'wouter';
import { organizationAddress, useMaybeOrganization } from '../api/organization.ts';
import { can, useSession } from '../api/session.tsx';
import { ROUTES, type Route } from '../routes.ts';
import { Icon } from '../ui/icon.tsx';
import { SafeText } from '../ui/safe-text.tsx';
import { Account } from './account.tsx';
import { Mark } from './mark.tsx';
import { OrganizationSwitcher } from './organization-switcher.tsx';

/** The navigation at the side: the pages of the organization in the address, and those of the whole instance. */
export function Navigation() {
  const session = useSession();
  const organizationId = useMaybeOrganization();
  const shown = (group: 'organization' | 'instance') =>
    ROUTES.filter(
      (route) => route.navigation?.group === group && (route.requires === undefined || can(session, route.requires)),
    );
  return (
    <nav id="navigation" className="navigation" aria-label="Main">
      <Link href="/" className="brand">
        <Mark />
        Edgemint
      </Link>
      {session.isInstanceAdmin ? (
        <OrganizationSwitcher organizationId={organizationId} />
      ) : (
        <p className="navigation-organization">
          <SafeText text={session.organization?.name} />
        </p>
      )}
      {organizationId !== undefined && (
        <Group
          routes={shown('organization')}
          hrefOf={({ path }) => organizationAddress(organizationId, path.split('/:organizationId')[1])}
        />
      )}
      {session.isInstanceAdmin && (
        <>
          <p className="navigation-heading">Instance</p>
          <Group routes={shown('instance')} hrefOf={({ path }) => path} />
        </>
      )}
      <Account />
    </nav>
  );
}

function Group({ routes, hrefOf }: { readonly routes: readonly Route[]; readonly hrefOf: (route: Route) => string }) {
  return (
    <ul>
      {routes.map((route) => {
        const { label, icon } = route.navigation ?? { label: route.title, icon: 'overview' as const };
        const isExact = route.path.endsWith(':organizationId') || route.path === '/' || route.path === '/organizations';
        return (
          <Item
            key={route.path}
            href={hrefOf(route)}
            label={label}
            icon={icon}
            isExact={isExact}
            preload={route.preload}
          />
        );
      })}
    </ul>
  );
}

interface ItemProps {
  readonly href: string;
  readonly label: string;
  readonly icon: Parameters<typeof Icon>[0]['name'];
  /** Whether pages below it have another place. */
  readonly isExact?: boolean;
  readonly preload?: () => Promise<unknown>;
}

function Item({ href, label, icon, isExact = false, preload }: ItemProps) {
  const [location] = useLocation();
  const isCurrent = location === href || (!isExact && location.startsWith(`${href}/`));
  return (
    <li>
      <Link
        href={href}
        className="navigation-item"
        aria-current={isCurrent ? 'page' : undefined}
        onPointerEnter={() => void preload?.().catch(() => undefined)}
      >
        <Icon name={icon} />
        {label}
      </Link>
    </li>
  );
}
