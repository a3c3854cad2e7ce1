import { areEqualJson } from '../../../lib/equal-json.ts';

/** An organization as the API represents it. */
export interface OrganizationFields {
  readonly id: string;
  readonly name: string;
  readonly subject: 'client' | 'organization';
  readonly status: 'active' | 'disabled';
  readonly security_profile: 'standard' | 'strict';
  readonly metadata: Readonly<Record<string, string>>;
  readonly quota: Quota | null;
  readonly unused_clients: UnusedClients | null;
  readonly created_at: string;
  readonly updated_at: string;
}

interface Quota {
  readonly tokens_per_day: number | null;
  readonly tokens_per_month: number | null;
  readonly action: 'warn';
}

interface UnusedClients {
  readonly report_after_days: number | null;
  readonly disable_after_days: number | null;
  readonly except: readonly string[];
}

/** The fields of the form. */
export interface Draft {
  readonly name: string;
  readonly subject: 'client' | 'organization';
  readonly security_profile: 'standard' | 'strict';
  readonly perDay: number | null;
  readonly perMonth: number | null;
  readonly reportAfter: number | null;
  readonly disableAfter: number | null;
  readonly except: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export function draftOf(organization: OrganizationFields): Draft {
  const { name, subject, security_profile, quota, unused_clients: unused, metadata } = organization;
  return {
    name,
    subject,
    security_profile,
    perDay: quota?.tokens_per_day ?? null,
    perMonth: quota?.tokens_per_month ?? null,
    reportAfter: unused?.report_after_days ?? null,
    disableAfter: unused?.disable_after_days ?? null,
    except: unused?.except ?? [],
    metadata,
  };
}

/**
 * Returns the merge patch that brings an organization to a draft.
 * @returns an empty one if nothing changed
 */
export function patchOf(organization: OrganizationFields, draft: Draft): Record<string, unknown> {
  const { name, subject, security_profile, perDay, perMonth, reportAfter, disableAfter, except } = draft;
  const quota = (perDay ?? perMonth) === null ? null : { tokens_per_day: perDay, tokens_per_month: perMonth };
  const unused_clients =
    (reportAfter ?? disableAfter) === null
      ? null
      : { report_after_days: reportAfter, disable_after_days: disableAfter, except };
  const before = draftOf(organization);
  // A merge patch removes a member only if it names it with null.
  const removed = Object.keys(organization.metadata).filter((note) => !Object.hasOwn(draft.metadata, note));
  const notes = Object.entries(draft.metadata).filter(([note, text]) => organization.metadata[note] !== text);
  const metadata = Object.fromEntries([...removed.map((note) => [note, null]), ...notes]);
  return {
    ...(name !== before.name && { name }),
    ...(subject !== before.subject && { subject }),
    ...(security_profile !== before.security_profile && { security_profile }),
    ...(!areEqualJson([perDay, perMonth], [before.perDay, before.perMonth]) && { quota }),
    ...(!areEqualJson(
      [reportAfter, disableAfter, except],
      [before.reportAfter, before.disableAfter, before.except],
    ) && {
      unused_clients,
    }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}
