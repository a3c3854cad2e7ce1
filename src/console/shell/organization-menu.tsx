import { Menu } from '@base-ui/react/menu';
import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { organizationAddress } from '../api/organization.ts';
import { useList } from '../api/queries.ts';
import { SafeText } from '../ui/safe-text.tsx';

interface OrganizationMenuProps {
  readonly label: string;
  readonly trigger: ReactNode;
}

/** The first organizations, and a link to the page that has all. It is open at first: a press has loaded it. */
export default function OrganizationMenu({ label, trigger }: OrganizationMenuProps) {
  const [isOpen, setOpen] = useState(true);
  const [, navigate] = useLocation();
  const { rows, isLoading, hasMore } = useList('/v1/organizations', {}, { enabled: isOpen });
  return (
    <Menu.Root open={isOpen} onOpenChange={setOpen}>
      <Menu.Trigger className="switcher" aria-label={label}>
        {trigger}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={4} align="start">
          <Menu.Popup className="popup">
            {isLoading && <p className="popup-note">Loading…</p>}
            {rows.map(({ id, name }) => (
              <Menu.Item key={id} className="menu-item" onClick={() => navigate(organizationAddress(id))}>
                <SafeText text={name} />
              </Menu.Item>
            ))}
            <Menu.Separator className="menu-separator" />
            <Menu.Item className="menu-item" onClick={() => navigate('/organizations')}>
              {hasMore ? 'All organizations' : 'Manage organizations'}
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
