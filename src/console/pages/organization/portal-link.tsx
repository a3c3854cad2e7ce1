import { useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { useSession } from '../../api/session.tsx';
import type { Body } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { FieldGroup } from '../../ui/fields/field.tsx';
import { NumberField } from '../../ui/fields/number-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { Section } from '../../ui/section.tsx';
import { Time } from '../../ui/time.tsx';
import { SCOPE_DESCRIPTIONS, SCOPES } from '../api-keys/scopes.ts';

type Request = Body<'/v1/portal-links', 'post'>;
type Scope = Request['scopes'][number];

/** What a portal link can give: everything but links and API keys, by which its users' access would have no end. */
const PORTAL_SCOPES = SCOPES.filter(
  (scope): scope is Scope => !['portal-links:write', 'api-keys:write'].includes(scope),
);
const USUAL: readonly Scope[] = ['clients:read', 'clients:write', 'resource-servers:read', 'roles:read'];
const MINUTES_DEFAULT = 10;
const MINUTES_MAX = 60;

/** Lets somebody of the organization see its machines in this console, without an API key. */
export function PortalLink({ organizationId }: { readonly organizationId: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Section
      title="Portal"
      description="A link for your customer: it opens this console once, for this organization alone, with the rights that you choose."
      actions={<Button onClick={() => setOpen(true)}>Create a portal link…</Button>}
    >
      {isOpen && <PortalLinkDialog organizationId={organizationId} onClose={() => setOpen(false)} />}
    </Section>
  );
}

interface PortalLinkDialogProps {
  readonly organizationId: string;
  readonly onClose: () => void;
}

function PortalLinkDialog({ organizationId, onClose }: PortalLinkDialogProps) {
  const session = useSession();
  const own = PORTAL_SCOPES.filter((scope) => session.isInstanceAdmin || session.scopes.includes(scope));
  const [scopes, setScopes] = useState<readonly Scope[]>(USUAL.filter((scope) => own.includes(scope)));
  const [name, setName] = useState('');
  const [returnUrl, setReturnUrl] = useState('');
  const [minutes, setMinutes] = useState<number | null>(MINUTES_DEFAULT);
  const body: Request = {
    organization_id: organizationId,
    scopes: [...scopes],
    return_url: returnUrl,
    ...(name !== '' && { name }),
    expires_in: (minutes ?? MINUTES_DEFAULT) * 60,
  };
  const [link, setLink] = useState<{ readonly url: string; readonly expires_at: string }>();
  const create = useAction({ method: 'post', path: '/v1/portal-links', body, onAnswer: setLink });
  const submit = () => create.run();
  if (link) {
    return (
      <Dialog isOpen onClose={onClose} closeLabel="Done" title="The portal link was created" isGuarded>
        <SecretOnce label="Portal link" value={link.url} />
        <p>
          It works once, and stops working <Time at={link.expires_at} />. Open it in a browser without a session of
          yours, or let your product lead its user there.
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Create a portal link"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={create.isRunning} onClick={() => void submit()}>
          Create portal link
        </Button>
      }
    >
      <Form onSubmit={submit} problem={create.problem}>
        <TextField
          name="/return_url"
          label="Return URL"
          type="url"
          help="The page of your product that the console leads back to."
          placeholder="https://app.example.com/settings/machines"
          value={returnUrl}
          onChange={setReturnUrl}
          autoFocus
        />
        <TextField
          name="/name"
          label="Name of the user"
          help="For the audit log."
          isRequired={false}
          value={name}
          onChange={setName}
        />
        <NumberField
          name="/expires_in"
          label="The link can be used for"
          help="The session that it opens lasts up to 8 hours."
          min={1}
          max={MINUTES_MAX}
          unit="minutes"
          value={minutes}
          onChange={setMinutes}
        />
        <FieldGroup name="/scopes" label="Rights">
          {own.map((scope) => (
            <CheckboxField
              key={scope}
              name={`/scopes/${scope}`}
              label={scope}
              help={SCOPE_DESCRIPTIONS[scope]}
              value={scopes.includes(scope)}
              onChange={(isChosen) =>
                setScopes(isChosen ? [...scopes, scope] : scopes.filter((each) => each !== scope))
              }
            />
          ))}
        </FieldGroup>
      </Form>
      <CallHint
        call={{ method: 'post', path: '/v1/portal-links', body }}
        command={fieldsCommand(['portal-links', 'create'], body)}
      />
    </Dialog>
  );
}
