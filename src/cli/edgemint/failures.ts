import { Failure } from '../failure.ts';

/** The command was called wrongly. No request was sent. */
export class UsageError extends Failure {}

/** The user pressed ctrl-C at a question. */
export class Interrupted extends Failure {}
