import { Component, type ReactNode } from 'react';
import { Button } from '../ui/button.tsx';
import { Empty } from '../ui/empty.tsx';
import { Page } from '../ui/page.tsx';

interface State {
  readonly error: Error | undefined;
}

/** Shows a sentence in the place of a page that failed. The navigation keeps working. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    // After a deployment the files of the version that is open may be gone.
    const isOutdated = /dynamically imported module|module script/i.test(error.message);
    return (
      <Page title={isOutdated ? 'A new version is available' : 'This page failed'}>
        <Empty
          title={isOutdated ? 'Reload the page to use it' : 'Something in the page went wrong'}
          action={
            <Button kind="primary" onClick={() => window.location.reload()}>
              Reload
            </Button>
          }
        >
          {!isOutdated && <code>{error.message}</code>}
        </Empty>
      </Page>
    );
  }
}
