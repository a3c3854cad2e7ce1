import { Dialog as Base } from '@base-ui/react/dialog';
import type { ReactNode } from 'react';

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly description?: ReactNode;
  /** Buttons at the end. */
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
  /** Whether a press outside closes it. False for forms, in which something may have been typed. */
  readonly isDismissible?: boolean;
  /** Whether only its buttons close it, not Escape: it shows a secret. */
  readonly isGuarded?: boolean;
  /** The label of the button that closes it. */
  readonly closeLabel?: string;
}

export function Dialog(props: DialogProps) {
  const { isOpen, onClose, title, description, actions, children, isGuarded = false, closeLabel = 'Cancel' } = props;
  const isDismissible = !isGuarded && (props.isDismissible ?? true);
  return (
    <Base.Root
      open={isOpen}
      onOpenChange={(open, { reason }) => {
        if (!open && !(isGuarded && reason === 'escape-key')) onClose();
      }}
      disablePointerDismissal={!isDismissible}
    >
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className="dialog">
          <Base.Title className="dialog-title">{title}</Base.Title>
          {description !== undefined && (
            <Base.Description className="dialog-description">{description}</Base.Description>
          )}
          <div className="dialog-body">{children}</div>
          <div className="dialog-actions">
            <Base.Close className="button button-secondary button-normal">{closeLabel}</Base.Close>
            {actions}
          </div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
