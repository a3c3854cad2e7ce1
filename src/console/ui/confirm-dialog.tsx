import { type ReactNode, useState } from 'react';
import type { ShownCall } from '../api/equivalents.ts';
import type { Problem } from '../api/problem.ts';
import { Button } from './button.tsx';
import { CallHint } from './call-hint.tsx';
import { Dialog } from './dialog.tsx';
import { ErrorBox } from './error-box.tsx';
import { TextField } from './fields/text-field.tsx';
import { Form } from './form.tsx';
import { visible } from './safe-text.tsx';

interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children?: ReactNode;
  /** The name that must be typed. Without it one press is enough. */
  readonly confirmName?: string | undefined;
  /** What goes with it: a label and a count each. A count of undefined is still being read. */
  readonly consequences?: readonly { readonly label: string; readonly count: number | string | undefined }[];
  /** The label of the button that does it. */
  readonly action: string;
  readonly run: () => unknown;
  readonly isRunning?: boolean;
  readonly problem?: Problem | undefined;
  readonly call?: ShownCall;
  readonly command?: string | undefined;
}

/** Asks before something dangerous is done, and says what goes with it. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const {
    isOpen,
    onClose,
    title,
    children,
    confirmName,
    consequences = [],
    action,
    run,
    isRunning = false,
    problem,
    call,
    command,
  } = props;
  const [typed, setTyped] = useState('');
  // What cannot be seen cannot be typed: it is typed as it is shown.
  const name = confirmName === undefined ? undefined : visible(confirmName);
  const isConfirmed = name === undefined || typed === name;
  const close = () => {
    setTyped('');
    onClose();
  };
  const submit = () => {
    if (isConfirmed && !isRunning) void run();
  };
  return (
    <Dialog
      isOpen={isOpen}
      onClose={close}
      title={title}
      actions={
        <Button kind="danger" disabled={!isConfirmed} isRunning={isRunning} onClick={submit}>
          {action}
        </Button>
      }
    >
      {children}
      {consequences.length > 0 && (
        <dl className="consequences">
          {consequences.map(({ label, count }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{count ?? '…'}</dd>
            </div>
          ))}
        </dl>
      )}
      {problem && <ErrorBox problem={problem} />}
      {confirmName !== undefined && (
        <Form onSubmit={submit} problem={undefined}>
          <TextField name="/confirm" label={`Type ${name} to confirm`} value={typed} onChange={setTyped} isCode />
        </Form>
      )}
      {call && <CallHint call={call} command={command} />}
    </Dialog>
  );
}
