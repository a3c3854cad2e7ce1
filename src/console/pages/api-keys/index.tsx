import { Page } from '../../ui/page.tsx';

export default function ApiKeysPage() {
  return <Page title="API keys" />;
}
