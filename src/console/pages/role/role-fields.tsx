import { organizationAddress } from '../../api/organization.ts';
import { useCan } from '../../api/session.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { GrantsEditor } from '../grants/grants-editor.tsx';
import type { Grant } from '../grants/holders.ts';
import { shownServers } from '../grants/shown.ts';
import { useCompleteList } from '../grants/use-complete-list.ts';

/** The fields of a role as they are typed. */
export interface RoleDraft {
  readonly name: string;
  readonly description: string;
  readonly grants: readonly Grant[];
}

interface RoleFieldsProps {
  readonly organizationId: string;
  readonly draft: RoleDraft;
  readonly onChange: (changes: Partial<RoleDraft>) => void;
}

/** All fields of a role. */
export function RoleFields({ organizationId, draft, onChange }: RoleFieldsProps) {
  const canRead = useCan('resource-servers:read');
  const canCreate = useCan('resource-servers:write');
  const servers = useCompleteList(
    '/v1/resource-servers',
    { query: { organization_id: organizationId } },
    { enabled: canRead },
  );
  const creator = canCreate && (
    <div>
      <LinkButton size="small" href={organizationAddress(organizationId, '/resource-servers/new?for=new-role')}>
        New resource server
      </LinkButton>
    </div>
  );
  return (
    <>
      <TextField
        name="/name"
        label="Name"
        help="Clients refer to the role by it, and their tokens name it in the claim roles."
        placeholder="order-reader"
        value={draft.name}
        onChange={(name) => onChange({ name })}
      />
      <TextAreaField
        name="/description"
        label="Description"
        isRequired={false}
        rows={2}
        value={draft.description}
        onChange={(description) => onChange({ description })}
      />
      {servers.error && <ErrorBox problem={servers.error} retry={servers.refetch} />}
      {servers.isLoading && servers.rows.length === 0 && <Skeleton lines={2} />}
      {!servers.isLoading && !servers.error && servers.rows.length === 0 && draft.grants.length === 0 ? (
        <Empty title="There is no resource server yet" action={creator}>
          A role grants scopes of resource servers, so create one first.
        </Empty>
      ) : (
        <GrantsEditor
          value={draft.grants}
          servers={shownServers(servers.rows)}
          help="The scopes that every client with this role is granted."
          onChange={(grants) => onChange({ grants })}
        />
      )}
    </>
  );
}
