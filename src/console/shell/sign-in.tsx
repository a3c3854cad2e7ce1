import { useEffect, useState } from 'react';
import { asProblem, type Problem } from '../api/problem.ts';
import { type Session, signIn } from '../api/session.tsx';
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
  const submit = async () => {
    const typed = key.trim();
    if (typed === '' || isRunning) return;
    setRunning(true);
    setProblem(undefined);
    try {
      onSignedIn(await signIn({ api_key: typed }));
    } catch (error) {
      const failure = asProblem(error);
      const isWrong = failure.status === 401 || failure.status === 422;
      setProblem(
        isWrong
          ? {
              ...failure,
              errors: [{ pointer: '/api_key', detail: 'No API key has this value, or it no longer works.' }],
            }
          : failure,
      );
    } finally {
      setRunning(false);
    }
  };
  return (
    <Entrance title="Sign in to Edgemint">
      <Form onSubmit={submit} problem={problem}>
        <TextField
          name="/api_key"
          label="API key"
          type="password"
          value={key}
          onChange={setKey}
          isCode
          autoFocus
          help="The key of an organization, or the root key. It is exchanged for a session and is not stored in the browser."
        />
        <FormActions>
          <Button kind="primary" type="submit" isRunning={isRunning}>
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
