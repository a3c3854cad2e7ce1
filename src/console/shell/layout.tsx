import { Suspense, useEffect, useRef, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { can, useSession } from '../api/session.tsx';
import { ROUTES } from '../routes.ts';
import { ConflictHost } from '../ui/conflict.tsx';
import { Icon } from '../ui/icon.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { Navigation } from './navigation.tsx';
import { NotFound, NotPermitted } from './not-found.tsx';
import { RootBar } from './root-bar.tsx';

/** The frame of every page: the navigation at the side, folded on small windows, and the page. */
export function Layout() {
  const session = useSession();
  const [location] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(location);

  // A new page begins at its top, and a screen reader reads its title.
  useEffect(() => {
    setOpen(false);
    if (shown.current === location) return;
    shown.current = location;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);

  return (
    <div className={isOpen ? 'shell shell-open' : 'shell'}>
      <button type="button" className="skip-link" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header className="top-bar">
        <button
          type="button"
          className="icon-button"
          aria-expanded={isOpen}
          aria-controls="navigation"
          aria-label="Navigation"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? 'close' : 'menu'} />
        </button>
        <span className="top-bar-name">Edgemint</span>
      </header>
      <Navigation />
      <div className="content">
        {session.kind === 'root' && <RootBar />}
        <main ref={main} tabIndex={-1} className="main">
          <ErrorBoundary key={location}>
            <Suspense fallback={<div className="page-loading" aria-busy="true" />}>
              <Switch>
                {ROUTES.map(({ path, page: Page, requires }) => (
                  <Route key={path} path={path}>
                    {requires === undefined || can(session, requires) ? <Page /> : <NotPermitted requires={requires} />}
                  </Route>
                ))}
                <Route>
                  <NotFound />
                </Route>
              </Switch>
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <ConflictHost />
    </div>
  );
}
