import type { Command } from 'commander';
import { type Columns, listing, type Screen, time } from '../output.ts';
import { line } from '../printable.ts';
import { Session } from '../session.ts';
import { itemPath, NAME_OR_ID } from './crud.ts';

interface Explanation {
  readonly meaning: string;
  readonly next_step: string;
}

interface Finding extends Explanation {
  readonly finding: string;
  readonly severity: string;
  readonly names?: readonly string[];
}

/** What `GET /v1/clients/{client_id}/diagnosis` says, as far as it is shown. */
interface Diagnosis {
  readonly client_id: string;
  readonly status: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly findings: readonly Finding[];
  /** null if the client's gate did not answer, as `refusals`. */
  readonly summary:
    | readonly (Explanation & { readonly reason: string; readonly count: number; readonly last_at: string })[]
    | null;
  readonly rate_limit: { readonly per_minute: number; readonly burst: number; readonly remaining: number | null };
  readonly credentials: readonly {
    readonly kind: string;
    readonly name: string;
    readonly expires_at: string | null;
    readonly last_used_at: string | null;
  }[];
  readonly refusals: readonly Refusal[] | null;
}

interface Refusal {
  readonly at: string;
  readonly count: number;
  readonly reason: string;
  readonly endpoint: string;
  readonly status: number;
  readonly address: string | null;
  readonly authenticated: boolean;
  readonly resource: string | null;
  readonly scopes: readonly string[] | null;
  readonly request_id: string;
}

const REFUSALS: Columns<Refusal> = {
  at: ({ at }) => at,
  count: ({ count }) => count,
  reason: ({ reason }) => reason,
  endpoint: ({ endpoint }) => endpoint,
  status: ({ status }) => status,
  address: ({ address }) => address,
  authenticated: ({ authenticated }) => authenticated,
  resource: ({ resource }) => resource,
  scopes: ({ scopes }) => scopes,
  request_id: ({ request_id }) => request_id,
};

const CREDENTIALS: Columns<Diagnosis['credentials'][number]> = {
  kind: ({ kind }) => kind,
  name: ({ name }) => name,
  expires_at: ({ expires_at }) => expires_at,
  last_used_at: ({ last_used_at }) => last_used_at,
};

/** Adds `diagnose`. */
export function addDiagnose(group: Command): void {
  const command = group
    .command('diagnose')
    .description('find out why a client gets 401, 400 or 429')
    .argument('<client>', NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const clientId = await session.find('client', named);
    const { body } = await (await session.api()).get<Diagnosis>(`${itemPath('clients', clientId)}/diagnosis`);
    if (session.json) return session.terminal.printJson(body);
    session.terminal.print(describe(body, session.terminal.screen).join('\n'));
  });
}

/** Formats a diagnosis for people: what is wrong and what to do about it first, then what was refused. */
function describe(
  { client_id, status, last_used_at, rate_limit, findings, summary, credentials, refusals }: Diagnosis,
  screen: Screen,
): string[] {
  const { per_minute, burst, remaining } = rate_limit;
  const used = last_used_at === null ? 'never used' : `last used ${time(last_used_at)}`;
  const left = remaining === null ? '' : `, ${remaining} left now`;
  const isWell = findings.length === 0 && (summary ?? []).length === 0;
  return [
    `${line(client_id)}: ${line(status)}, ${used}, ${per_minute} requests a minute and ${burst} at once${left}`,
    '',
    ...(isWell && summary ? ['Nothing is wrong, and nothing was refused lately.'] : []),
    ...findings.flatMap((finding) => explained(headingOf(finding), finding)),
    ...(summary ?? []).flatMap((reason) => {
      return explained(
        `refused ${reason.count === 1 ? 'once' : `${reason.count} times`}, last ${time(reason.last_at)}: ${reason.reason}`,
        reason,
      );
    }),
    ...(summary ? [] : ['The gate of the client did not answer, so its refusals are not known. Try again.']),
    ...tableOf('Accepted credentials', CREDENTIALS, credentials, screen),
    ...tableOf('Refusals', REFUSALS, refusals ?? [], screen),
  ];
}

function headingOf({ severity, finding, names = [] }: Finding): string {
  return [`${severity}: ${finding}`, ...names].join(' ');
}

function explained(heading: string, { meaning, next_step }: Explanation): string[] {
  return [line(heading), `  ${line(meaning)}`, `  ${line(next_step)}`];
}

function tableOf<Item>(heading: string, columns: Columns<Item>, items: readonly Item[], screen: Screen): string[] {
  return items.length === 0 ? [] : ['', heading, listing(columns, items, screen).trimEnd()];
}
