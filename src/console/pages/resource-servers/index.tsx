import { Page } from '../../ui/page.tsx';

export default function ResourceServersPage() {
  return <Page title="Resource servers" />;
}
