import { Page } from '../../ui/page.tsx';

export default function RotatePage() {
  return <Page title="Rotate the secret" />;
}
