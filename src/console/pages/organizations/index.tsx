import { Page } from '../../ui/page.tsx';

export default function OrganizationsPage() {
  return <Page title="Organizations" />;
}
