import { useEffect, useRef } from 'react';
import { useResource } from '../../api/queries.ts';
import { Countdown } from './countdown.tsx';

const POLL_MS = 2000;

interface SettlingNoticeProps {
  readonly changeId: string;
  /** Is called when no isolate uses the removed key any more. */
  readonly onDone: () => void;
}

/** Follows the removal of a key until no isolate of the service uses it. */
export function SettlingNotice({ changeId, onDone }: SettlingNoticeProps) {
  const { data } = useResource('/v1/changes/{id}', { path: { id: changeId } }, { refetchInterval: POLL_MS });
  const isDone = data?.status === 'delivered';
  const notice = useRef<HTMLParagraphElement>(null);
  // The list may be scrolled to the key that was removed.
  useEffect(() => notice.current?.scrollIntoView({ block: 'center' }), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it is done.
  useEffect(() => {
    if (isDone) onDone();
  }, [isDone]);
  return (
    <p ref={notice} className={isDone ? 'notice' : 'notice notice-bad'} role="status">
      {isDone ? (
        'The key is in no JWKS any more, and introspection calls its tokens inactive. Restart resource servers that verify offline, if you can.'
      ) : data?.settles_at ? (
        <>
          The key is removed. Some isolates may still use it, for at most <Countdown to={Date.parse(data.settles_at)} />
          .
        </>
      ) : (
        'The key is removed. The store of copies is being told; this is repeated every minute until it succeeds.'
      )}
    </p>
  );
}
