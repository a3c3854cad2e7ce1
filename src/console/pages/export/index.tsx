import { Page } from '../../ui/page.tsx';

export default function ExportPage() {
  return <Page title="Export" />;
}
