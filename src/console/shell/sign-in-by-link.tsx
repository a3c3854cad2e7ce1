import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { asProblem, type Problem } from '../api/problem.ts';
import { type Session, signIn } from '../api/session.tsx';
import { Button, LinkButton } from '../ui/button.tsx';
import { ErrorBox } from '../ui/error-box.tsx';
import { FormActions } from '../ui/form.tsx';
import { SafeText } from '../ui/safe-text.tsx';
import { Entrance } from './entrance.tsx';

// The token is read and removed from the address once, before anything is rendered: neither the history nor a reload may have it.
let token: string | undefined;

function takeToken(): string {
  if (window.location.hash.length > 1) {
    token = decodeURIComponent(window.location.hash.slice(1));
    window.history.replaceState(null, '', window.location.pathname);
  }
  return token ?? '';
}

let exchange: Promise<Session> | undefined;

interface Props {
  /** The session that the browser has. A link that somebody else sent must not replace it unnoticed. */
  readonly current: Session | null;
  readonly onSignedIn: (session: Session) => void;
}

/** Exchanges a one-time link for a session. */
export default function SignInByLink({ current, onSignedIn }: Props) {
  const [link] = useState(takeToken);
  const [hasAgreed, setAgreed] = useState(current === null);
  const [problem, setProblem] = useState<Problem | undefined>(link === '' ? INCOMPLETE : undefined);
  const [, navigate] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a link is exchanged once.
  useEffect(() => {
    document.title = 'Sign in · Edgemint';
    if (link === '' || !hasAgreed) return;
    // In development React runs an effect twice. The link works once.
    exchange ??= signIn({ link });
    exchange
      .then((session) => {
        onSignedIn(session);
        navigate('/', { replace: true });
      })
      .catch((error: unknown) => setProblem(asProblem(error)))
      .finally(() => {
        exchange = undefined;
        token = undefined;
      });
  }, [hasAgreed]);
  if (problem) {
    return (
      <Entrance title="The link does not work">
        <ErrorBox problem={problem} />
        <p className="small">A link works once, and for a few minutes. Ask for a new one where you got it.</p>
        <LinkButton href="/sign-in">Sign in with an API key</LinkButton>
      </Entrance>
    );
  }
  if (hasAgreed || !current) return <Entrance title="Signing in…">{null}</Entrance>;
  return (
    <Entrance title="Sign in with the link?">
      <p>
        You are signed in{' '}
        {current.name === null ? (
          'with the root key'
        ) : (
          <>
            as <SafeText text={current.name} />
          </>
        )}
        . The link ends that session and begins another. Continue only if you asked for the link.
      </p>
      <FormActions>
        <Button kind="primary" onClick={() => setAgreed(true)}>
          Continue
        </Button>
        <LinkButton href="/">Stay signed in</LinkButton>
      </FormActions>
    </Entrance>
  );
}

const INCOMPLETE = {
  status: 0,
  title: 'This link is incomplete',
  detail: 'Open the whole link, or ask for a new one.',
};
