import { useState } from 'react';
import { useLocation } from 'wouter';
import { useAction } from '../../api/action.ts';
import { commandFor } from '../../api/command.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { useContents } from './contents.ts';
import type { OrganizationFields } from './fields.ts';
import { useIssuedInADay } from './issued.ts';

interface DangerProps {
  readonly organization: OrganizationFields;
  readonly etag: string | undefined;
}

/** What ends tokens or deletes things. Each action says in figures what goes with it. */
export function Danger({ organization, etag }: DangerProps) {
  const mayChange = useCan('root');
  const mayRevoke = useCan('tokens:revoke');
  const [open, setOpen] = useState<'revoke' | 'status' | 'delete'>();
  const close = () => setOpen(undefined);
  if (!mayChange && !mayRevoke) return null;
  const isActive = organization.status === 'active';
  return (
    <Section title="Stop and delete">
      <ul className="action-list">
        {mayRevoke && (
          <li>
            <div>
              <strong>Revoke all tokens</strong>
              <p>Every token that its clients have becomes inactive. They can get new ones at once.</p>
            </div>
            <Button onClick={() => setOpen('revoke')}>Revoke all tokens…</Button>
          </li>
        )}
        {mayChange && (
          <li>
            <div>
              <strong>{isActive ? 'Disable the organization' : 'Enable the organization'}</strong>
              <p>
                {isActive
                  ? 'Its clients get no tokens, and the tokens that they have end for good.'
                  : 'Its active clients get tokens again. The tokens that ended stay inactive.'}
              </p>
            </div>
            <Button onClick={() => setOpen('status')}>{isActive ? 'Disable…' : 'Enable…'}</Button>
          </li>
        )}
        {mayChange && (
          <li>
            <div>
              <strong>Delete the organization</strong>
              <p>Deletes it with everything that it owns. This cannot be undone.</p>
            </div>
            <Button onClick={() => setOpen('delete')}>Delete…</Button>
          </li>
        )}
      </ul>
      {open === 'revoke' && <RevokeTokens organization={organization} onClose={close} />}
      {open === 'status' && <ChangeStatus organization={organization} etag={etag} onClose={close} />}
      {open === 'delete' && <Delete organization={organization} etag={etag} onClose={close} />}
    </Section>
  );
}

interface DialogProps {
  readonly organization: OrganizationFields;
  readonly onClose: () => void;
}

/** The clients, and the tokens that may still be active. */
function useFigures(organizationId: string) {
  const mayRead = useCan('clients:read');
  const clients = useContents(organizationId, true).find(({ label }) => label.startsWith('Clients'));
  const issued = useIssuedInADay(organizationId);
  if (!mayRead) return [];
  return [
    { label: 'Clients', count: clients?.count },
    { label: 'Tokens issued in the last 24 hours', count: issued?.toLocaleString('en') },
  ];
}

function RevokeTokens({ organization: { id, name }, onClose }: DialogProps) {
  const revoke = useAction({
    method: 'post',
    path: '/v1/organizations/{id}/revoke-tokens',
    params: { path: { id } },
    onDone: onClose,
    invalidates: ['/v1/organizations', '/v1/clients'],
    success: 'All tokens are revoked.',
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Revoke all tokens"
      confirmName={name}
      consequences={useFigures(id)}
      action="Revoke all tokens"
      run={() => revoke.run()}
      isRunning={revoke.isRunning}
      problem={revoke.problem}
      call={{ method: 'post', path: `/v1/organizations/${id}/revoke-tokens` }}
      command={commandFor(['organizations', 'revoke-tokens', id])}
    >
      <p>
        Every token of the clients of <SafeText text={name} /> becomes inactive. APIs that verify offline accept them
        until they expire. Clients keep their secrets and get new tokens when they ask.
      </p>
    </ConfirmDialog>
  );
}

function ChangeStatus({
  organization: { id, name, status },
  onClose,
  ...current
}: DialogProps & { readonly etag: string | undefined }) {
  // As it was when the dialog was opened: a status that is read meanwhile must not turn the button into its opposite.
  const [{ isActive, etag }] = useState({ isActive: status === 'active', etag: current.etag });
  const next = isActive ? 'disabled' : 'active';
  const change = useAction({
    method: 'patch',
    path: '/v1/organizations/{id}',
    params: { path: { id } },
    body: { status: next },
    etag,
    onDone: onClose,
    invalidates: ['/v1/organizations', '/v1/clients'],
    success: isActive ? 'The organization is disabled.' : 'The organization is active.',
  });
  const figures = useFigures(id);
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={isActive ? 'Disable the organization' : 'Enable the organization'}
      confirmName={isActive ? name : undefined}
      consequences={isActive ? figures : figures.slice(0, 1)}
      action={isActive ? 'Disable' : 'Enable'}
      run={() => change.run()}
      isRunning={change.isRunning}
      problem={change.problem}
      call={{
        method: 'patch',
        path: `/v1/organizations/${id}`,
        body: { status: next },
        ...(etag && { ifMatch: etag }),
      }}
      command={commandFor(['organizations', 'update', id], { status: next, 'if-match': etag })}
    >
      <p>
        {isActive
          ? 'All its clients are refused from now on, and their tokens end for good, even if you enable it again.'
          : 'Its active clients get tokens again.'}
      </p>
    </ConfirmDialog>
  );
}

function Delete({ organization: { id, name }, etag, onClose }: DialogProps & { readonly etag: string | undefined }) {
  const [, navigate] = useLocation();
  const contents = useContents(id, true);
  const remove = useAction({
    method: 'delete',
    path: '/v1/organizations/{id}',
    params: { path: { id }, query: { cascade: true } },
    etag,
    onDone: () => {
      onClose();
      navigate('/organizations');
    },
    invalidates: ['/v1/organizations'],
    success: 'The organization was deleted.',
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title="Delete the organization"
      confirmName={name}
      consequences={contents}
      action="Delete everything"
      run={() => remove.run()}
      isRunning={remove.isRunning}
      problem={remove.problem}
      call={{ method: 'delete', path: `/v1/organizations/${id}?cascade=true` }}
      command={commandFor(['organizations', 'delete', id], { cascade: true })}
    >
      <p>
        This deletes the organization with everything that it owns, and ends all tokens of its clients. It cannot be
        undone.
      </p>
      {contents.some(({ names }) => names.length > 0) && (
        <ul className="dependents">
          {contents.flatMap(({ label, names }) =>
            names.length === 0
              ? []
              : [
                  <li key={label}>
                    <span className="faint">{label}:</span>{' '}
                    {names.map((each, index) => (
                      <span key={each}>
                        {index > 0 && ', '}
                        <SafeText text={each} />
                      </span>
                    ))}
                  </li>,
                ],
          )}
        </ul>
      )}
    </ConfirmDialog>
  );
}
