import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { useIssuedInADay } from '../organization/issued.ts';
import { Countdown, useSecond } from './countdown.tsx';
import { consequencesOf, duration, isFresh, type SigningKey } from './timeline.ts';

interface EmergencyProps {
  readonly signingKey: SigningKey;
  readonly keys: readonly SigningKey[];
  readonly onClose: () => void;
  /** @param changeId the change that is followed until no isolate uses the key */
  readonly onAccepted: (changeId: string | undefined) => void;
}

/** Removes a compromised key at once, after it has said in figures what follows. */
export function Emergency({ signingKey, keys, onClose, onAccepted }: EmergencyProps) {
  const { kid, alg, status } = signingKey;
  const now = useSecond();
  const issued = useIssuedInADay(undefined, status !== 'next');
  const { pausedUntil, isolates, verifiers, hasTokens } = consequencesOf(signingKey, keys, now);
  const body = { emergency: true, kid };
  const revoke = useAction({
    method: 'post',
    path: '/v1/signing-keys/rotate',
    body,
    invalidates: ['/v1/signing-keys'],
    onDone: (answer) => onAccepted('id' in answer ? String(answer.id) : undefined),
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Remove a compromised ${alg} key`}
      confirmName={kid}
      consequences={[
        {
          label: 'Tokens that end for good: all that it signed',
          count: hasTokens
            ? `about ${issued?.toLocaleString('en') ?? '…'} of all algorithms in 24 hours`
            : 'none: it has not signed yet',
        },
        {
          label: `New ${alg} tokens`,
          count:
            pausedUntil === undefined
              ? 'are issued without a pause'
              : `none for ${duration((pausedUntil - now) / 1000)}`,
        },
        { label: 'Introspection accepts its tokens for', count: `at most ${duration(isolates)} more` },
        { label: 'Verifiers that do not introspect, for', count: `at most ${duration(isolates + verifiers)} more` },
      ]}
      action="Remove the key"
      run={() => revoke.run()}
      isRunning={revoke.isRunning}
      problem={revoke.problem}
      call={{ method: 'post', path: '/v1/signing-keys/rotate', body }}
      command={commandFor(['keys', 'rotate'], { emergency: true, kid })}
    >
      <p>
        For a private key that somebody else may have. To replace a key in good order, rotate instead: then no token is
        lost.
      </p>
      {pausedUntil !== undefined && (
        <p className="notice notice-bad">
          The next key is too young. If you remove this one now, requests for {alg} tokens are answered 503 until every
          verifier has the next key, in <Countdown to={pausedUntil} />.
        </p>
      )}
      {isFresh(signingKey, now) && (
        <p className="notice">
          This key took over only minutes ago. If the key before it leaked, remove that one: it is in the list as
          retiring.
        </p>
      )}
    </ConfirmDialog>
  );
}
