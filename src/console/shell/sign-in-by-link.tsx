import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { asProblem, type Problem } from '../api/problem.ts';
import { type Session, signIn } from '../api/session.tsx';
import { LinkButton } from '../ui/button.tsx';
import { ErrorBox } from '../ui/error-box.tsx';
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

/** Exchanges a one-time link for a session. */
export default function SignInByLink({ onSignedIn }: { readonly onSignedIn: (session: Session) => void }) {
  const [problem, setProblem] = useState<Problem>();
  const [, navigate] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a link is exchanged once.
  useEffect(() => {
    document.title = 'Sign in · Edgemint';
    const link = takeToken();
    if (link === '') {
      setProblem({ status: 0, title: 'This link is incomplete', detail: 'Open the whole link, or ask for a new one.' });
      return;
    }
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
  }, []);
  return (
    <Entrance title={problem ? 'The link does not work' : 'Signing in…'}>
      {problem && (
        <>
          <ErrorBox problem={problem} />
          <p className="small">A link works once, and for a few minutes. Ask for a new one where you got it.</p>
          <LinkButton href="/sign-in">Sign in with an API key</LinkButton>
        </>
      )}
    </Entrance>
  );
}
