import { useCan } from '../../api/session.tsx';
import { Empty } from '../../ui/empty.tsx';
import { CLIENTS_ASKED, CLIENTS_JUDGED } from './to-do.ts';
import { ToDoList } from './to-do-list.tsx';
import { UsageOverview } from './usage-overview.tsx';
import { useOrganizationToDo } from './use-organization-to-do.ts';

/** What an organization's machines do, and what needs a look. */
export function OrganizationOverview({ organizationId }: { readonly organizationId: string }) {
  const mayClients = useCan('clients:read');
  const toDo = useOrganizationToDo(organizationId);
  return (
    <>
      <ToDoList
        {...toDo}
        note={
          mayClients
            ? `Rights of the first ${CLIENTS_JUDGED} clients and secrets of the ${CLIENTS_ASKED} clients rotated last are looked at; a client’s page has its own.`
            : undefined
        }
      />
      {mayClients ? (
        <UsageOverview organizationId={organizationId} />
      ) : (
        <Empty title="You may not see the use of clients">It requires the scope clients:read.</Empty>
      )}
    </>
  );
}
