import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useSession } from '../../api/session.tsx';
import type { Body } from '../../api/types.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { shownServer } from '../grants/shown.ts';
import { EMPTY_SERVER, newServerBody, type ServerDraft } from '../resource-server/server-draft.ts';
import { ServerFields } from '../resource-server/server-fields.tsx';

/** The pages that lead here and get the new resource server back. */
const CALLERS: Readonly<Record<string, string>> = { 'new-client': '/clients/new', 'new-role': '/roles/new' };

export default function NewResourceServerPage() {
  const organizationId = useOrganization();
  const { isInstanceAdmin } = useSession();
  const [, navigate] = useLocation();
  const caller = CALLERS[new URLSearchParams(useSearch()).get('for') ?? ''];
  const [draft, setDraft] = useState<ServerDraft>(EMPTY_SERVER);
  const [isShared, setShared] = useState(false);
  const body = newServerBody(draft, isShared ? null : organizationId);
  const create = useAction({
    method: 'post',
    path: '/v1/resource-servers',
    body: body as Body<'/v1/resource-servers', 'post'>,
    invalidates: ['/v1/resource-servers'],
    success: 'The resource server was created.',
    onDone: (created) => {
      const { id, identifier } = shownServer(created);
      navigate(
        organizationAddress(
          organizationId,
          caller === undefined
            ? `/resource-servers/${encodeURIComponent(id)}`
            : `${caller}?${new URLSearchParams({ resource_server: identifier })}`,
        ),
      );
    },
  });
  const list = organizationAddress(organizationId, '/resource-servers');
  return (
    <Page
      title="New resource server"
      subtitle={
        caller === undefined
          ? 'A resource server is an API that tokens are for.'
          : 'A resource server is an API that tokens are for. You come back afterwards, and what you typed is still there.'
      }
      breadcrumbs={[{ label: 'Resource servers', href: list }]}
    >
      <Form onSubmit={() => create.run()} problem={create.problem}>
        <ServerFields draft={draft} isExisting={false} onChange={(changes) => setDraft({ ...draft, ...changes })} />
        {isInstanceAdmin && (
          <CheckboxField
            name="/organization_id"
            label="Share it with all organizations"
            help="Then only an administrator of the instance can change it."
            value={isShared}
            onChange={setShared}
          />
        )}
        <FormActions>
          <Button type="submit" kind="primary" isRunning={create.isRunning}>
            Create the resource server
          </Button>
          <LinkButton kind="quiet" href={caller === undefined ? list : organizationAddress(organizationId, caller)}>
            Cancel
          </LinkButton>
        </FormActions>
        <CallHint
          call={{ method: 'post', path: '/v1/resource-servers', body }}
          command={fieldsCommand(['resource-servers', 'create'], body)}
        />
      </Form>
    </Page>
  );
}
