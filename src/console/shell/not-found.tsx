import { LinkButton } from '../ui/button.tsx';
import { Empty } from '../ui/empty.tsx';
import { Page } from '../ui/page.tsx';

/** Stands in the place of a page that does not exist. */
export function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="Nothing has this address" action={<LinkButton href="/">Go to the overview</LinkButton>}>
        <p>The resource may have been deleted, or the link is incomplete.</p>
      </Empty>
    </Page>
  );
}

/** Stands in the place of a page that the session may not see. */
export function NotPermitted({ requires }: { readonly requires: string }) {
  return (
    <Page title="Not permitted">
      <Empty title="Your session may not see this page" action={<LinkButton href="/">Go to the overview</LinkButton>}>
        <p>
          {requires === 'root' ? (
            'It is for administrators of the whole instance.'
          ) : (
            <>
              It needs the scope <code>{requires}</code>. Ask an administrator for a key that has it.
            </>
          )}
        </p>
      </Empty>
    </Page>
  );
}
