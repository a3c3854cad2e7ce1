import { Menu } from '@base-ui/react/menu';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { Icon } from '../ui/icon.tsx';
import { SafeText } from '../ui/safe-text.tsx';

interface Choice {
  readonly value: string;
  readonly label: string;
}

interface SwitcherProps {
  readonly label: string;
  readonly text: string;
  readonly load: () => Promise<readonly Choice[]>;
  readonly onChoose: (choice: Choice) => void;
}

/** A button that opens the list of organizations. It loads the list when it is opened. */
export function SwitcherCombobox({ label, text, load, onChoose }: SwitcherProps) {
  const [choices, setChoices] = useState<readonly Choice[]>();
  const [, navigate] = useLocation();
  return (
    <Menu.Root onOpenChange={(isOpen) => isOpen && void load().then(setChoices, () => setChoices([]))}>
      <Menu.Trigger className="switcher" aria-label={`${label}: ${text}`}>
        <span className="switcher-text">{text}</span>
        <Icon name="chevron" />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={4} align="start">
          <Menu.Popup className="popup">
            {choices === undefined && <p className="popup-note">Loading…</p>}
            {choices?.map((choice) => (
              <Menu.Item key={choice.value} className="menu-item" onClick={() => onChoose(choice)}>
                <SafeText text={choice.label} />
              </Menu.Item>
            ))}
            <Menu.Separator className="menu-separator" />
            <Menu.Item className="menu-item" onClick={() => navigate('/organizations')}>
              All organizations
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
