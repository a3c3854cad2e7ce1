import { Page } from '../../ui/page.tsx';

export default function SigningKeysPage() {
  return <Page title="Signing keys" />;
}
