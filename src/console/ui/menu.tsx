import { Menu as Base } from '@base-ui/react/menu';
import type { ReactNode } from 'react';
import { Icon } from './icon.tsx';

export type MenuItem =
  | {
      readonly label: string;
      readonly onSelect: () => void;
      readonly isDangerous?: boolean;
      readonly isDisabled?: boolean;
    }
  | 'separator';

interface MenuProps {
  /** Names the menu for people who do not see the icon. */
  readonly label: string;
  readonly items: readonly MenuItem[];
  /** The content of the button. Default: three dots. */
  readonly trigger?: ReactNode;
}

export function Menu({ label, items, trigger }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger className={trigger === undefined ? 'icon-button' : 'menu-trigger'} aria-label={label}>
        {trigger ?? <Icon name="more" />}
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className="positioner" sideOffset={4} align="end">
          <Base.Popup className="popup">
            {items.map((item, index) =>
              item === 'separator' ? (
                // biome-ignore lint/suspicious/noArrayIndexKey: separators are alike.
                <Base.Separator key={index} className="menu-separator" />
              ) : (
                <Base.Item
                  key={item.label}
                  className={item.isDangerous ? 'menu-item menu-item-danger' : 'menu-item'}
                  disabled={item.isDisabled ?? false}
                  onClick={item.onSelect}
                >
                  {item.label}
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
