import { mayLeave } from '../api/expiry.ts';
import { asProblem, sentence } from '../api/problem.ts';
import { endSession } from '../api/queries.ts';
import { type Session, signOut, useSession } from '../api/session.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { SafeText } from '../ui/safe-text.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toast.tsx';

const KINDS: Readonly<Record<Session['kind'], string>> = {
  root: 'Root key',
  api_key: 'API key',
  person: 'Cloudflare Access',
  portal: 'Portal',
};

/** Who is signed in and for how long, and how to sign out. */
export function Account() {
  const session = useSession();
  const leave = async () => {
    if (!mayLeave()) return;
    try {
      await signOut();
      // The page may be kept for the Back button, so it must forget what it read in any case.
      endSession();
      if (session.returnUrl !== undefined) window.location.assign(session.returnUrl);
    } catch (error) {
      toast.error(sentence(asProblem(error)), () => void leave());
    }
  };
  return (
    <section className="account" aria-label="Account">
      <p className="account-text">
        <Icon name="user" />
        <span className="account-name">
          <SafeText text={session.name ?? KINDS[session.kind]} />
        </span>
      </p>
      <p className="faint small">
        Signed out <Time at={session.expires_at} />
      </p>
      <Button size="small" onClick={() => void leave()}>
        {session.returnUrl === undefined ? 'Sign out' : 'Sign out and go back'}
      </Button>
    </section>
  );
}
