import { Page } from '../../ui/page.tsx';

export default function NewRolePage() {
  return <Page title="New role" />;
}
