import { Link } from 'wouter';
import { useResource } from '../../api/queries.ts';
import { LinkButton } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ServiceOverview } from './service-overview.tsx';
import { failingWebhooks } from './to-do.ts';
import { ToDoList } from './to-do-list.tsx';
import { UsageOverview } from './usage-overview.tsx';

const SHOWN = 50;

/** What all machines do, and how the service is. */
export function InstanceOverview() {
  const organizations = useResource('/v1/organizations', { query: { limit: 1 } });
  const webhooks = useResource('/v1/webhooks', { query: { limit: SHOWN } });
  if (organizations.data?.data.length === 0) {
    return (
      <>
        <Empty
          title="There is no organization yet"
          action={
            <LinkButton kind="primary" href="/organizations">
              Create an organization
            </LinkButton>
          }
        >
          An organization owns clients. Create one, then a resource server with the scopes of an API, then a client that
          gets tokens for it.
        </Empty>
        <ServiceOverview />
      </>
    );
  }
  return (
    <>
      <ToDoList
        items={failingWebhooks(undefined, webhooks.data?.data ?? [])}
        isLoading={webhooks.isLoading}
        problems={webhooks.error ? [webhooks.error] : []}
      />
      <p className="faint">
        <Link href="/organizations">Choose an organization</Link> to see its clients, rights, secrets and webhooks. Here
        are the webhooks of the instance.
      </p>
      <UsageOverview organizationId={undefined} />
      <ServiceOverview />
    </>
  );
}
