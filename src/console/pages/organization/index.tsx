import { useState } from 'react';
import { commandFor } from '../../api/command.ts';
import { useOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { useCan, useSession } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Page } from '../../ui/page.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Status } from '../../ui/status.tsx';
import { Time } from '../../ui/time.tsx';
import { OrganizationOverview } from '../overview/organization-overview.tsx';
import { PROFILES, SUBJECTS } from './choices.ts';
import { Danger } from './danger.tsx';
import type { OrganizationFields } from './fields.ts';
import { PortalLink } from './portal-link.tsx';
import { Settings } from './settings.tsx';
import '../keys.css';

export default function Organization() {
  const id = useOrganization();
  const session = useSession();
  const mayRead = useCan('organizations:read');
  const mayChange = useCan('root');
  const mayLink = useCan('portal-links:write');
  const found = useResource('/v1/organizations/{id}', { path: { id } }, { enabled: mayRead });
  const [isEditing, setEditing] = useState(false);
  const organization = found.data as OrganizationFields | undefined;
  const breadcrumbs = mayChange ? [{ label: 'Organizations', href: '/organizations' }] : [];
  if (!mayRead) {
    return (
      <Page title={session.organization?.id === id ? session.organization.name : 'Organization'}>
        <Empty title="You may not see the settings of this organization">
          The navigation has what you may see. The settings require the scope organizations:read.
        </Empty>
      </Page>
    );
  }
  if (found.error) {
    return (
      <Page title="Organization" breadcrumbs={breadcrumbs}>
        <ErrorBox problem={found.error} retry={found.refetch} />
      </Page>
    );
  }
  if (!organization) {
    return (
      <Page title="Organization" breadcrumbs={breadcrumbs}>
        <Skeleton lines={8} />
      </Page>
    );
  }
  const edit = mayChange && !isEditing && <Button onClick={() => setEditing(true)}>Edit</Button>;
  return (
    <Page
      title={organization.name}
      breadcrumbs={breadcrumbs}
      subtitle={<Status status={organization.status} />}
      actions={edit}
    >
      {organization.status === 'disabled' && (
        <p className="notice">Its clients get no tokens. The tokens that they had ended for good.</p>
      )}
      {!isEditing && <OrganizationOverview organizationId={id} />}
      {isEditing ? (
        <Settings organization={organization} etag={found.etag} onClose={() => setEditing(false)} />
      ) : (
        <Section title="Settings">
          <KeyValue items={itemsOf(organization)} />
          <CallHint
            call={{ method: 'get', path: `/v1/organizations/${id}` }}
            command={commandFor(['organizations', 'get', id])}
          />
        </Section>
      )}
      {mayLink && <PortalLink organizationId={id} />}
      <Danger organization={organization} etag={found.etag} />
    </Page>
  );
}

function itemsOf(organization: OrganizationFields) {
  const { quota, unused_clients: unused, metadata } = organization;
  const subject = SUBJECTS.find(({ value }) => value === organization.subject);
  const profile = PROFILES.find(({ value }) => value === organization.security_profile);
  const count = (tokens: number | null) => (tokens === null ? 'any number' : tokens.toLocaleString('en'));
  const notes = Object.entries(metadata);
  return [
    { label: 'ID', value: <Id value={organization.id} /> },
    { label: 'Subject of tokens', value: subject?.label },
    {
      label: 'Security profile',
      value: organization.security_profile === 'strict' ? <Badge tone="accent">Strict</Badge> : profile?.label,
    },
    {
      label: 'Quota',
      value: quota ? `${count(quota.tokens_per_day)} tokens a day, ${count(quota.tokens_per_month)} a month` : 'None',
    },
    {
      label: 'Unused clients',
      value: unused ? unusedText(unused) : 'Nothing happens to them',
    },
    {
      label: 'Metadata',
      value:
        notes.length === 0
          ? 'None'
          : notes.map(([name, text]) => (
              <div key={name}>
                <code>
                  <SafeText text={name} />
                </code>{' '}
                <SafeText text={text} />
              </div>
            )),
    },
    { label: 'Created', value: <Time at={organization.created_at} /> },
    { label: 'Changed', value: <Time at={organization.updated_at} /> },
  ];
}

function unusedText({
  report_after_days: report,
  disable_after_days: disable,
  except,
}: NonNullable<OrganizationFields['unused_clients']>) {
  const parts = [
    ...(report === null ? [] : [`reported after ${report} days`]),
    ...(disable === null ? [] : [`disabled after ${disable} days`]),
    ...(except.length === 0 ? [] : [`except ${except.length} clients`]),
  ];
  const [first = '', ...rest] = parts;
  return [first.charAt(0).toUpperCase() + first.slice(1), ...rest].join(', ');
}
