import { useEffect, useState } from 'react';
import { asProblem, type Problem } from '../api/problem.ts';
import { canSignInByAccess, readSession, type Session, signIn } from '../api/session.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields/text-field.tsx';
import { Form, FormActions } from '../ui/form.tsx';
import { Entrance } from './entrance.tsx';

/** Exchanges an API key for a session. The key is sent once and kept nowhere. */
export default function SignIn({ onSignedIn }: { readonly onSignedIn: (session: Session) => void }) {
  const [key, setKey] = useState('');
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    document.title = 'Sign in · Edgemint';
  }, []);
  const [isBehindAccess, setBehindAccess] = useState(canSignInByAccess);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only if the page had a session that has ended, which leaves this unknown.
  useEffect(() => {
    if (isBehindAccess !== undefined) return;
    readSession()
      .then((session) => (session ? onSignedIn(session) : setBehindAccess(canSignInByAccess())))
      .catch(() => undefined);
  }, []);
  const exchange = async (credential: Parameters<typeof signIn>[0], describe = (failure: Problem) => failure) => {
    if (isRunning) return;
    setRunning(true);
    setProblem(undefined);
    try {
      onSignedIn(await signIn(credential));
    } catch (error) {
      setProblem(describe(asProblem(error)));
    } finally {
      setRunning(false);
    }
  };
  const submit = async () => {
    const typed = key.trim();
    if (typed !== '') await exchange({ api_key: typed }, describeWrongKey);
  };
  return (
    <Entrance title="Sign in to Edgemint">
      {isBehindAccess && (
        <p>
          <Button kind="primary" isRunning={isRunning} onClick={() => exchange({ access: true })}>
            Continue with Cloudflare Access
          </Button>
        </p>
      )}
      <Form onSubmit={submit} problem={problem}>
        <TextField
          name="/api_key"
          label="API key"
          type="password"
          value={key}
          onChange={setKey}
          isCode
          autoFocus={!isBehindAccess}
          help="The key of an organization, or the root key. It is exchanged for a session and is not stored in the browser."
        />
        <FormActions>
          <Button kind={isBehindAccess ? 'secondary' : 'primary'} type="submit" isRunning={isRunning}>
            {isRunning ? 'Signing in…' : 'Sign in'}
          </Button>
        </FormActions>
      </Form>
      <p className="faint small entrance-note">
        Or run <code>edgemint console</code>, which opens a one-time link.
      </p>
    </Entrance>
  );
}

function describeWrongKey(failure: Problem): Problem {
  if (failure.status !== 401 && failure.status !== 422) return failure;
  return {
    ...failure,
    errors: [{ pointer: '/api_key', detail: 'No API key has this value, or it no longer works.' }],
  };
}
