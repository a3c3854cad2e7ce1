import { Page } from '../../ui/page.tsx';

export default function ResourceServerPage() {
  return <Page title="Resource server" />;
}
