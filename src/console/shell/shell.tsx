import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Redirect, useLocation } from 'wouter';
import { listenForSignOut } from '../api/expiry.ts';
import { asProblem } from '../api/problem.ts';
import { checkSession, endSession, SESSION_KEY } from '../api/queries.ts';
import { readSession, SessionContext } from '../api/session.tsx';
import { ErrorBox } from '../ui/error-box.tsx';
import { Layout } from './layout.tsx';

// A browser that is signed in needs neither.
const SignIn = lazy(() => import('./sign-in.tsx'));
const SignInByLink = lazy(() => import('./sign-in-by-link.tsx'));

/** How often the server is asked whether a session still lasts that has ended by the clock of this machine, in milliseconds. */
const CHECK_MS = 10_000;

/** Shows the sign-in pages to people without a session, and the pages to all others. */
export function Shell() {
  const [location, navigate] = useLocation();
  const client = useQueryClient();
  const isEntrance = location === '/sign-in' || location === '/link';
  const query = useQuery({
    queryKey: SESSION_KEY,
    queryFn: async () => (await readSession()) ?? null,
    staleTime: Number.POSITIVE_INFINITY,
  });

  useEffect(
    () =>
      listenForSignOut(() => {
        if (client.getQueryData(SESSION_KEY)) endSession();
      }),
    [client],
  );

  const endsAt = query.data?.expires_at;
  useEffect(() => {
    if (endsAt === undefined) return;
    // The server decides, because the clock of this machine may be wrong.
    const look = () => {
      void checkSession();
      timer = setTimeout(look, CHECK_MS);
    };
    let timer = setTimeout(look, Math.max(CHECK_MS, Date.parse(endsAt) - Date.now()));
    return () => clearTimeout(timer);
  }, [endsAt]);

  useEffect(() => {
    // Another tab may have signed out, or in as somebody else. The browser may also show this page again after it was left.
    const look = () => {
      if (document.visibilityState === 'visible') void checkSession();
    };
    addEventListener('pageshow', look);
    addEventListener('visibilitychange', look);
    return () => {
      removeEventListener('pageshow', look);
      removeEventListener('visibilitychange', look);
    };
  }, []);

  if (query.isPending) return null;
  if (query.error) {
    return (
      <main className="entrance">
        <ErrorBox problem={asProblem(query.error)} retry={() => void query.refetch()} />
      </main>
    );
  }
  const session = query.data;
  if (location === '/link') {
    return (
      <Suspense>
        <SignInByLink current={session} onSignedIn={(signedIn) => client.setQueryData(SESSION_KEY, signedIn)} />
      </Suspense>
    );
  }
  if (!session) {
    if (!isEntrance) return <Redirect to={`/sign-in?return=${encodeURIComponent(location + search())}`} replace />;
    return (
      <Suspense>
        <SignIn
          onSignedIn={(signedIn) => {
            client.setQueryData(SESSION_KEY, signedIn);
            navigate(returnAddress(), { replace: true });
          }}
        />
      </Suspense>
    );
  }
  if (isEntrance) return <Redirect to={returnAddress()} replace />;
  return (
    <SessionContext value={session}>
      <Layout />
    </SessionContext>
  );
}

function search(): string {
  return window.location.search + window.location.hash;
}

/** The address to go to after signing in: one of the console, never another site. */
function returnAddress(): string {
  const asked = new URLSearchParams(window.location.search).get('return') ?? '/';
  return /^\/(?![/\\])/.test(asked) && !asked.startsWith('/sign-in') && !asked.startsWith('/link') ? asked : '/';
}
