import { Failure } from '../failure.ts';

/** The command was called in a way that it cannot be followed: nothing was asked of the server. */
export class UsageError extends Failure {}

/** Exit codes: of a request that failed, of a command that was called wrongly, and of a dry run that found something to do. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_DRIFT = 3;
