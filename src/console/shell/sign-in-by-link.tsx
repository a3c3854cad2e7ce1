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
let token = '';

function takeToken(): string {
  if (window.location.hash.length > 1) {
    token = window.location.hash.slice(1);
    window.history.replaceState(null, '', window.location.pathname);
  }
  return token;
}

interface Props {
  /** The session that the browser has. */
  readonly current: Session | null;
  readonly onSignedIn: (session: Session) => void;
}

/** Exchanges a one-time link for a session, if the reader agrees: anybody can send a link to an organization of their own. */
export default function SignInByLink({ current, onSignedIn }: Props) {
  const [link] = useState(takeToken);
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(link === '' ? INCOMPLETE : undefined);
  const [, navigate] = useLocation();
  useEffect(() => {
    document.title = 'Sign in · Edgemint';
  }, []);
  const exchange = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      onSignedIn(await signIn({ link }));
      token = '';
      navigate('/', { replace: true });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setRunning(false);
    }
  };
  // Without an answer, and after these, the link may still work.
  const isTemporary = link !== '' && problem && [0, 429, 503].includes(problem.status);
  if (problem) {
    return (
      <Entrance title={isTemporary ? 'The service did not answer' : 'The link does not work'}>
        <ErrorBox problem={problem} {...(isTemporary && { retry: () => void exchange() })} />
        <p className="small">A link works once, and for a few minutes. Ask for a new one where you got it.</p>
        <LinkButton href="/sign-in">Sign in with an API key</LinkButton>
      </Entrance>
    );
  }
  return (
    <Entrance title="Sign in with the link?">
      {current && (
        <p>
          You are signed in{' '}
          {current.kind === 'root' ? (
            'with the root key'
          ) : (
            <SafeText text={`as ${current.name ?? 'a user of the portal'}`} />
          )}
          . The link ends that session.
        </p>
      )}
      <p>Continue only if you asked for the link: it decides in which organization you will work.</p>
      <FormActions>
        <Button kind="primary" isRunning={isRunning} onClick={() => void exchange()}>
          Continue
        </Button>
        {current && <LinkButton href="/">Stay signed in</LinkButton>}
      </FormActions>
    </Entrance>
  );
}

const INCOMPLETE = {
  status: 0,
  title: 'This link is incomplete',
  detail: 'Open the whole link, or ask for a new one.',
};
