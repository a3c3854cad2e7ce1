import type { Command } from 'commander';
import { DEPENDENTS_PRINTED } from '../constants.ts';
import { Failure } from '../failure.ts';
import { line, printable } from './printable.ts';
import { describeFieldError, type Sent, translateNames } from './problem-text.ts';
import type { Problem } from './representations.ts';

interface RequestContext {
  readonly wasRepeated?: boolean;
  /** Whether the request can be made with `--cascade`. */
  readonly mayCascade?: boolean;
  /** What was sent, whose values the message repeats. */
  readonly sent?: Sent;
}

/** The server answered a request with an error. The message describes it for people, in the words of the API. */
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

  /** Describes it in the words of the command that sent the request: by its options. */
  describeFor(command: Command | undefined): string {
    return describe(this.status, this.problem, this.#context, command);
  }
}

function describe(
  status: number,
  problem: Problem,
  { mayCascade, sent = {} }: RequestContext,
  command?: Command,
): string {
  const { title = 'The request failed', detail, errors = [] } = problem;
  return [
    `${line(title)} (${status})${detail === undefined ? '' : `: ${printable(translateNames(detail, command))}`}`,
    ...errors.map((error) => `  ${describeFieldError(error, sent, command)}`),
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
    ? ['With the root key, name the organization: --organization <name or id>. edgemint organizations list shows them.']
    : [];
}
