import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { Form } from '../../ui/form.tsx';
import { Countdown, useSecond } from './countdown.tsx';
import { algorithmsOf, rotatableFrom, type SigningKey } from './timeline.ts';

interface RotateProps {
  readonly keys: readonly SigningKey[];
  readonly onClose: () => void;
}

/** Activates the next keys now. */
export function Rotate({ keys, onClose }: RotateProps) {
  const [alg, setAlg] = useState('all');
  const now = useSecond();
  const algs = algorithmsOf(keys);
  const body = alg === 'all' ? {} : { alg: alg as 'ES256' };
  const from = rotatableFrom(keys, alg === 'all' ? algs : [alg]);
  const isReady = from !== undefined && from <= now;
  const rotate = useAction({
    method: 'post',
    path: '/v1/signing-keys/rotate',
    body,
    invalidates: ['/v1/signing-keys'],
    success: 'The next keys sign from now on.',
    onDone: onClose,
  });
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Rotate the signing keys"
      actions={
        <Button kind="primary" disabled={!isReady} isRunning={rotate.isRunning} onClick={() => void rotate.run()}>
          Rotate
        </Button>
      }
    >
      <Form onSubmit={() => isReady && rotate.run()} problem={rotate.problem}>
        <p>
          The next key becomes the one that signs, and a new next key is published. The old key stays published until
          its last token has expired, so no token becomes invalid and no client notices.
        </p>
        <SelectField
          name="/alg"
          label="Algorithm"
          value={alg}
          onChange={setAlg}
          options={[{ value: 'all', label: 'All' }, ...algs.map((each) => ({ value: each, label: each }))]}
        />
        {!isReady && from !== undefined && (
          <p className="notice">
            A next key is too young: not every verifier has it. It can sign in <Countdown to={from} />.
          </p>
        )}
      </Form>
      <CallHint
        call={{ method: 'post', path: '/v1/signing-keys/rotate', body }}
        command={commandFor(['keys', 'rotate'], { alg: alg === 'all' ? undefined : alg })}
      />
    </Dialog>
  );
}
