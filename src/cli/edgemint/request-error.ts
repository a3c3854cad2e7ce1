import { DEPENDENTS_PRINTED } from '../constants.ts';
import { Failure } from '../failure.ts';
import { line, printable } from './printable.ts';
import type { Problem } from './representations.ts';

interface RequestContext {
  readonly wasRepeated?: boolean;
  /** Whether the request can be made with `--cascade`. */
  readonly mayCascade?: boolean;
  /** Returns the option of the command line that sets a field, or a member of one, if there is one. */
  readonly optionOf?: (field: string, member?: string) => string | undefined;
}

/** The server answered a request with an error. The message describes it for people. */
export class RequestError extends Failure {
  readonly status: number;
  readonly problem: Problem;
  /** Whether the server may have carried out an earlier attempt whose answer was lost. */
  readonly wasRepeated: boolean;

  readonly #context: RequestContext;

  constructor(status: number, problem: Problem, context: RequestContext = {}) {
    super(describe(status, problem, context));
    this.status = status;
    this.problem = problem;
    this.wasRepeated = context.wasRepeated ?? false;
    this.#context = context;
  }

  /** Returns the same error, whose message names the options that set the fields. */
  withOptions(optionOf: (field: string, member?: string) => string | undefined): RequestError {
    return new RequestError(this.status, this.problem, { ...this.#context, optionOf });
  }
}

function describe(status: number, problem: Problem, { mayCascade, optionOf }: RequestContext): string {
  const { title = 'The request failed', detail, errors = [] } = problem;
  const label = (path: string) => {
    const [, field = '', member, rest] = /^\/(\w+)(?:\/([^/]+)(\/.*)?)?$/.exec(path) ?? [];
    const ofMember = member === undefined ? undefined : optionOf?.(field, member);
    const option = ofMember ?? optionOf?.(field);
    if (option === undefined) return path;
    return (ofMember === undefined ? member : rest) === undefined ? option : `${option} (${path})`;
  };
  return [
    `${line(title)} (${status})${detail === undefined ? '' : `: ${printable(detail)}`}`,
    ...errors.map(({ pointer, parameter, detail }) => `  ${line(label(pointer ?? parameter ?? ''))}: ${line(detail)}`),
    ...dependents(problem),
    ...(mayCascade && problem.orphans_total ? ['Add --cascade to delete or change these as well.'] : []),
    ...hints(status, problem),
  ].join('\n');
}

function dependents({ orphans = [], orphans_total = orphans.length }: Problem): string[] {
  const shown = orphans
    .slice(0, DEPENDENTS_PRINTED)
    .map(({ type, id, name }) => `  ${line(`${type} ${name} (${id})`)}`);
  const rest = orphans_total - shown.length;
  if (rest <= 0) return shown;
  const hidden = orphans.length === 0 ? `  ${rest} that this API key may not read` : `  and ${rest} more`;
  return [...shown, hidden];
}

function hints(status: number, { errors = [] }: Problem): string[] {
  if (status === 401) return ['Log in with a valid API key (edgemint login), or set EDGEMINT_API_KEY.'];
  const namesOrganization = errors.some((error) => /^\/?organization_id$/.test(error.pointer ?? error.parameter ?? ''));
  return namesOrganization
    ? ['With the root key, name the organization: --organization <id>. edgemint organizations list shows the ids.']
    : [];
}
