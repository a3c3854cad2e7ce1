import { Page } from '../../ui/page.tsx';

export default function NewClientPage() {
  return <Page title="New client" />;
}
