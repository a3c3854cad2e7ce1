import { Page } from '../../ui/page.tsx';

export default function MasterKeysPage() {
  return <Page title="Master keys" />;
}
