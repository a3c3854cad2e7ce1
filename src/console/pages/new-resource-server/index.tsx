import { Page } from '../../ui/page.tsx';

export default function NewResourceServerPage() {
  return <Page title="New resource server" />;
}
