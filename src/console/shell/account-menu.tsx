import { Menu } from '@base-ui/react/menu';
import { useQueryClient } from '@tanstack/react-query';
import { asProblem, sentence } from '../api/problem.ts';
import { type Session, signOut, useSession } from '../api/session.tsx';
import { Icon } from '../ui/icon.tsx';
import { SafeText } from '../ui/safe-text.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toast.tsx';

const KINDS: Readonly<Record<Session['kind'], string>> = {
  root: 'Root key',
  api_key: 'API key',
  person: 'Signed in with Access',
  portal: 'Portal session',
};

/** Who is signed in, and how to sign out. */
export function AccountMenu() {
  const session = useSession();
  const client = useQueryClient();
  const leave = async () => {
    try {
      await signOut();
      if (session.returnUrl !== undefined) {
        window.location.assign(session.returnUrl);
        return;
      }
      // What was read with this session must not be shown to the next.
      client.clear();
      client.setQueryData(['session'], null);
    } catch (error) {
      toast.error(sentence(asProblem(error)), () => void leave());
    }
  };
  return (
    <Menu.Root>
      <Menu.Trigger className="account" aria-label="Account">
        <Icon name="user" />
        <span className="account-text">
          <span className="account-name">
            <SafeText text={session.name ?? KINDS[session.kind]} />
          </span>
          <span className="faint small">{session.name === null ? 'Whole instance' : KINDS[session.kind]}</span>
        </span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={4} side="top" align="start">
          <Menu.Popup className="popup">
            <p className="popup-note">
              The session ends <Time at={session.expires_at} />.
            </p>
            <Menu.Separator className="menu-separator" />
            <Menu.Item className="menu-item" onClick={() => void leave()}>
              {session.returnUrl === undefined ? 'Sign out' : 'Sign out and go back'}
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
