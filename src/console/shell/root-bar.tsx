import { useSession } from '../api/session.tsx';
import { useNow } from '../ui/time.tsx';

/** Marks the session of the root key, and says how long it lasts. */
export function RootBar() {
  const { expires_at } = useSession();
  const minutes = Math.max(0, Math.ceil((new Date(expires_at).getTime() - useNow()) / 60_000));
  return (
    <div className="root-bar" role="status">
      You are signed in with the root key, which may do everything. The session ends in {minutes}{' '}
      {minutes === 1 ? 'minute' : 'minutes'}.
    </div>
  );
}
