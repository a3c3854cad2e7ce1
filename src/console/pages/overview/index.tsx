import { useSession } from '../../api/session.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { Page } from '../../ui/page.tsx';
import { InstanceOverview } from './instance-overview.tsx';
import { OrganizationOverview } from './organization-overview.tsx';

/** The first page: the whole instance, or the organization that the session is limited to. */
export default function OverviewPage() {
  const { organization } = useSession();
  if (organization) {
    return (
      <Page title={organization.name} subtitle="What its machines do, and what needs a look">
        <OrganizationOverview organizationId={organization.id} />
      </Page>
    );
  }
  return (
    <Page
      title="Overview"
      subtitle="What all machines of this instance do, and how the service is"
      actions={<LinkButton href="/organizations">Organizations</LinkButton>}
    >
      <InstanceOverview />
    </Page>
  );
}
