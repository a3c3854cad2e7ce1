import { useCan } from '../../api/session.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ToDoList } from './to-do-list.tsx';
import { UsageOverview } from './usage-overview.tsx';
import { useOrganizationToDo } from './use-organization-to-do.ts';

/** What an organization's machines do, and what needs a look. */
export function OrganizationOverview({ organizationId }: { readonly organizationId: string }) {
  const mayClients = useCan('clients:read');
  const toDo = useOrganizationToDo(organizationId);
  return (
    <>
      <ToDoList {...toDo} />
      {mayClients ? (
        <UsageOverview organizationId={organizationId} />
      ) : (
        <Empty title="You may not see the use of clients">It requires the scope clients:read.</Empty>
      )}
    </>
  );
}
