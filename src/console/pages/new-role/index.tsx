import { useEffect, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useSession } from '../../api/session.tsx';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { shownRole } from '../grants/shown.ts';
import { type RoleDraft, RoleFields } from '../role/role-fields.tsx';

const EMPTY: RoleDraft = { name: '', description: '', grants: [] };
const keyOf = (organizationId: string) => `edgemint-new-role:${organizationId}`;
const callerKeyOf = (organizationId: string) => `${keyOf(organizationId)}:caller`;

export default function NewRolePage() {
  const organizationId = useOrganization();
  const { isInstanceAdmin } = useSession();
  const [location, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const added = search.get('resource_server');
  // A visit for a new client remains one after a resource server was created on the way.
  const [isForClient] = useState(
    () =>
      search.get('for') === 'new-client' ||
      (added !== null && sessionStorage.getItem(callerKeyOf(organizationId)) !== null),
  );
  useEffect(() => {
    if (isForClient) sessionStorage.setItem(callerKeyOf(organizationId), 'new-client');
    else sessionStorage.removeItem(callerKeyOf(organizationId));
  }, [isForClient, organizationId]);
  const [draft, setDraft] = useState<RoleDraft>(() => readDraft(organizationId));
  const [isShared, setShared] = useState(false);
  useEffect(() => sessionStorage.setItem(keyOf(organizationId), JSON.stringify(draft)), [draft, organizationId]);
  useEffect(() => {
    if (added === null) return;
    setDraft((before) =>
      before.grants.some(({ resource_server }) => resource_server === added)
        ? before
        : { ...before, grants: [...before.grants, { resource_server: added, scopes: [] }] },
    );
    navigate(location, { replace: true });
  }, [added, location, navigate]);

  const { name, description, grants } = draft;
  const body = {
    ...(!isShared && { organization_id: organizationId }),
    name: name.trim(),
    ...(description.trim() !== '' && { description: description.trim() }),
    grants: grants.map(({ resource_server, scopes }) => ({ resource_server, scopes: [...scopes] })),
  };
  const create = useAction({
    method: 'post',
    path: '/v1/roles',
    body,
    invalidates: ['/v1/roles'],
    success: 'The role was created.',
    onDone: (created) => {
      sessionStorage.removeItem(keyOf(organizationId));
      const role = shownRole(created);
      const rest = isForClient
        ? `/clients/new?${new URLSearchParams({ role: role.name })}`
        : `/roles/${encodeURIComponent(role.id)}`;
      navigate(organizationAddress(organizationId, rest));
    },
  });
  const list = organizationAddress(organizationId, '/roles');
  return (
    <Page
      title="New role"
      subtitle="A role is a named set of grants for many clients. A change of the role changes all of them."
      breadcrumbs={[{ label: 'Roles', href: list }]}
    >
      <Form onSubmit={() => create.run()} problem={create.problem}>
        <RoleFields
          organizationId={organizationId}
          draft={draft}
          onChange={(changes) => setDraft({ ...draft, ...changes })}
        />
        {isInstanceAdmin && (
          <CheckboxField
            name="/organization_id"
            label="Share it with all organizations"
            help="It can only grant shared resource servers then, and only an administrator of the instance can change it."
            value={isShared}
            onChange={setShared}
          />
        )}
        <FormActions>
          <Button type="submit" kind="primary" isRunning={create.isRunning}>
            Create the role
          </Button>
          <LinkButton kind="quiet" href={isForClient ? organizationAddress(organizationId, '/clients/new') : list}>
            Cancel
          </LinkButton>
        </FormActions>
        <CallHint
          call={{ method: 'post', path: '/v1/roles', body }}
          command={fieldsCommand(['roles', 'create'], body)}
        />
      </Form>
    </Page>
  );
}

/** Returns what was typed before another page was visited, such as the one that creates a resource server. */
function readDraft(organizationId: string): RoleDraft {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(keyOf(organizationId)) ?? '{}') };
  } catch {
    return EMPTY;
  }
}
