import { useState } from 'react';
import { Link } from 'wouter';
import { call } from '../../api/call.ts';
import { commandFor } from '../../api/command.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { invalidate, useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { SelectControl } from '../../ui/fields/select-field.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { toast } from '../../ui/toast.tsx';
import type { Client } from '../clients/words.ts';
import { clientPath } from './address.ts';
import { grantsWithout, scopeKey } from './removal.ts';

type Judgement = Schema<'LeastPrivilege'>;
type JudgedScope = Schema<'ScopeStatus'>;

const DAYS = ['1', '7', '30', '90', '180', '365'] as const;
const TONES = { used: 'good', unused: 'warning', unknown: 'neutral' } as const;

/** Why it is not known whether a scope is used. */
const DOUBTS: Readonly<Record<string, string>> = {
  issued_unnamed: 'Tokens have it whose requests named no scopes, so nothing shows whether it is needed.',
  observed_too_briefly: 'It was granted, or the observation began, less than this time ago.',
  gate_unavailable: 'The gate of the client does not answer. Try again.',
  gate_older: 'The gate of the client runs an older version.',
  gate_behind: 'The gate of the client does not have its last change yet. Try again.',
  too_many_scopes: 'The client uses more scopes than are noted one by one.',
};

const SUGGESTIONS: Readonly<Record<string, string>> = {
  remove_from_client: 'It uses nothing of this role. Take the role away, unless an API goes by its name.',
  split_role: 'Other clients hold this role. Give this one another role, or grants of its own.',
  edit_role: 'No other client holds this role. Remove the scopes from it.',
};

/** Which scopes nobody uses, and a button that removes them. */
export function LeastPrivilegeSection({ client }: { readonly client: Client }) {
  const { client_id, organization_id } = client;
  const mayWrite = useCan('clients:write');
  const [days, setDays] = useState<string>('90');
  const [kept, setKept] = useState<ReadonlySet<string>>(new Set());
  const [isAsking, setAsking] = useState(false);
  const query = { unused_for: days };
  const { data, error, refetch, isLoading } = useResource('/v1/clients/{client_id}/least-privilege', {
    path: { client_id },
    query,
  });
  const removable = data?.scopes.filter(isRemovable) ?? [];
  const chosen = removable.filter((scope) => !kept.has(scopeKey(scope)));
  const keys = new Set(chosen.map(scopeKey));
  return (
    <Section
      title="Least privilege"
      description="Which of these scopes it needs. A scope counts as used when a token request or an introspection names it."
      actions={
        <SelectControl
          label="Not used for"
          value={days}
          options={DAYS.map((value) => ({
            value,
            label: value === '1' ? 'Not used for a day' : `Not used for ${value} days`,
          }))}
          onChange={setDays}
        />
      }
    >
      {error ? (
        <ErrorBox problem={error} retry={refetch} />
      ) : (
        <Table<JudgedScope>
          label="Use of scopes"
          columns={[
            { key: 'scope', label: 'Scope', render: (scope) => <ScopeName scope={scope} /> },
            { key: 'status', label: 'Use', render: ({ status }) => <Status status={status} tone={TONES[status]} /> },
            {
              key: 'requested',
              label: 'Last requested',
              render: ({ last_requested_at }) => <Time at={last_requested_at} />,
            },
            { key: 'issued', label: 'Last issued', render: ({ last_issued_at }) => <Time at={last_issued_at} /> },
            {
              key: 'introspected',
              label: 'Last introspected',
              render: ({ last_introspected_at }) => <Time at={last_introspected_at} />,
            },
            { key: 'why', label: 'Why', render: (scope) => <Why scope={scope} /> },
          ]}
          rows={data?.scopes ?? []}
          rowKey={scopeKey}
          isLoading={isLoading}
          selection={
            mayWrite && removable.length > 0
              ? {
                  selected: keys,
                  labelOf: (key) => (JSON.parse(key) as [string, string | null])[1] ?? 'tokens without scopes',
                  onChange: (selected) => setKept(new Set(removable.map(scopeKey).filter((key) => !selected.has(key)))),
                }
              : undefined
          }
          empty={<Empty title="Nothing to judge">It is granted nothing.</Empty>}
        />
      )}
      {mayWrite && removable.length > 0 && (
        <p>
          <Button kind="primary" disabled={chosen.length === 0} onClick={() => setAsking(true)}>
            {chosen.length === 1 ? 'Remove 1 unused scope' : `Remove ${chosen.length} unused scopes`}
          </Button>
        </p>
      )}
      {data && data.roles.length > 0 && <Roles organizationId={organization_id} roles={data.roles} />}
      <CallHint
        call={{ method: 'get', path: `${clientPath(client_id, '/least-privilege')}?${new URLSearchParams(query)}` }}
        command={commandFor(['least-privilege', client_id], { 'unused-for': `${days}d` })}
      />
      {isAsking && data && (
        <RemoveDialog client={client} judgement={data} scopes={chosen} days={days} onClose={() => setAsking(false)} />
      )}
    </Section>
  );
}

function isRemovable({ status, direct }: JudgedScope): boolean {
  return status === 'unused' && direct;
}

function ScopeName({ scope: { resource_server, scope } }: { readonly scope: JudgedScope }) {
  return (
    <>
      {scope === null ? (
        <span className="faint">tokens without scopes</span>
      ) : (
        <code>
          <SafeText text={scope} />
        </code>
      )}
      <br />
      <span className="faint small">
        <SafeText text={resource_server} />
      </span>
    </>
  );
}

function Why({ scope: { status, reason, unused_since, direct, roles } }: { readonly scope: JudgedScope }) {
  if (status === 'used') return null;
  if (status === 'unknown')
    return <span className="client-text">{DOUBTS[reason ?? ''] ?? <SafeText text={reason} />}</span>;
  const holders = `${roles.length === 1 ? 'the role' : 'the roles'} ${roles.join(', ')}`;
  return (
    <span className="client-text">
      Not used since <Time at={unused_since} />.
      {roles.length > 0 && <SafeText text={` Granted by ${holders}${direct ? ' as well' : ''}.`} />}
    </span>
  );
}

function Roles({ organizationId, roles }: { readonly organizationId: string; readonly roles: Judgement['roles'] }) {
  return (
    <>
      <h3>Roles that grant more than it uses</h3>
      <ul className="client-roles">
        {roles.map(({ id, name, unused, suggestion }) => (
          <li key={id}>
            <Link href={`/organizations/${encodeURIComponent(organizationId)}/roles/${encodeURIComponent(id)}`}>
              <SafeText text={name} />
            </Link>
            :{' '}
            <SafeText
              text={unused
                .flatMap(({ resource_server, scopes = [] }) => (scopes.length > 0 ? scopes : [resource_server]))
                .join(', ')}
            />
            . {SUGGESTIONS[suggestion]}
          </li>
        ))}
      </ul>
    </>
  );
}

interface RemoveDialogProps {
  readonly client: Client;
  readonly judgement: Judgement;
  readonly scopes: readonly JudgedScope[];
  readonly days: string;
  readonly onClose: () => void;
}

/** Removes scopes. The gate refuses if the client began to use one: then the answer says which, and the judgement is read again. */
function RemoveDialog({ client, judgement, scopes, days, onClose }: RemoveDialogProps) {
  const { client_id, grants } = client;
  const [problem, setProblem] = useState<Problem>();
  const [isRunning, setRunning] = useState(false);
  // The same for each try: what was removed although its answer was lost is not refused then.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const [isRepeated, setRepeated] = useState(false);
  const [before] = useState({ judgement, scopes, grants });
  const { etag, unused_since, patch } = before.judgement;
  const left = grantsWithout(before.grants, patch.grants ?? before.grants, before.scopes);
  const body = { unused_since, patch: { grants: left } };
  const path = '/v1/clients/{client_id}/least-privilege/apply';
  const apply = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      await call({ method: 'post', path, params: { path: { client_id } }, body, etag, idempotencyKey });
      toast.success('The unused scopes are removed.');
      await invalidate('/v1/clients');
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setRepeated((was) => was || ![409, 412].includes(asProblem(error).status));
      await invalidate('/v1/clients');
    } finally {
      setRunning(false);
    }
  };
  const isStale = problem?.status === 409 || problem?.status === 412;
  const isAll = before.scopes.length === before.judgement.scopes.filter(isRemovable).length;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Remove unused scopes"
      description="Requests that name one of them are refused from then on."
      actions={
        !isStale && (
          <Button kind="danger" isRunning={isRunning} onClick={() => void apply()}>
            Remove
          </Button>
        )
      }
    >
      <ul aria-label="Scopes to remove">
        {before.scopes.map((scope) => (
          <li key={scopeKey(scope)}>
            <code>
              <SafeText text={scope.scope ?? 'tokens without scopes'} />
            </code>{' '}
            at <SafeText text={scope.resource_server} />
          </li>
        ))}
      </ul>
      {problem && <ErrorBox problem={problem} />}
      {isStale && (
        <p>
          {!isRepeated && 'Nothing was removed. '}Close this: the table below shows the current scopes and their use.
        </p>
      )}
      <CallHint
        call={{ method: 'post', path: clientPath(client_id, '/least-privilege/apply'), body, ifMatch: etag }}
        command={
          isAll ? commandFor(['least-privilege', client_id], { 'unused-for': `${days}d`, apply: true }) : undefined
        }
      />
    </Dialog>
  );
}
