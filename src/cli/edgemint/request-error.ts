import { DEPENDENTS_SHOWN } from '../constants.ts';
import { Failure } from '../failure.ts';
import { line, printable } from './printable.ts';
import type { Problem } from './representations.ts';

interface Circumstances {
  readonly wasRepeated?: boolean;
  /** Whether the request can be made with `--cascade`. */
  readonly mayCascade?: boolean;
}

/** The server answered a request with an error. The message says, for people, which, and what would be right. */
export class RequestError extends Failure {
  readonly status: number;
  readonly problem: Problem;
  /** Whether an earlier attempt may have been followed, though its answer did not come. */
  readonly wasRepeated: boolean;

  constructor(status: number, problem: Problem, { wasRepeated = false, mayCascade = false }: Circumstances = {}) {
    super(describe(status, problem, mayCascade));
    this.status = status;
    this.problem = problem;
    this.wasRepeated = wasRepeated;
  }
}

function describe(status: number, problem: Problem, mayCascade: boolean): string {
  const { title = 'The request failed', detail, errors = [] } = problem;
  return [
    `${line(title)} (${status})${detail === undefined ? '' : `: ${printable(detail)}`}`,
    ...errors.map(({ pointer, parameter, detail }) => `  ${line(pointer ?? parameter ?? '')}: ${line(detail)}`),
    ...orphans(problem),
    ...(mayCascade && problem.orphans?.length ? ['With --cascade they lose it too, or go with it.'] : []),
    ...hints(status, problem),
  ].join('\n');
}

function orphans({ orphans = [], orphans_total = orphans.length }: Problem): string[] {
  if (orphans.length === 0) return [];
  const shown = orphans.slice(0, DEPENDENTS_SHOWN).map(({ type, id, name }) => `  ${line(`${type} ${name} (${id})`)}`);
  const rest = orphans_total - shown.length;
  return [...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])];
}

function hints(status: number, { errors = [] }: Problem): string[] {
  if (status === 401) return ['Log in with a key that is valid (edgemint login), or set EDGEMINT_API_KEY.'];
  const namesOrganization = errors.some((error) => /^\/?organization_id$/.test(error.pointer ?? error.parameter ?? ''));
  return namesOrganization
    ? ['The root key takes --organization <id>; edgemint organizations list shows the ids.']
    : [];
}
