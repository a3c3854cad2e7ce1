import { Failure } from '../failure.ts';

/** The command was called wrongly. No request was sent. */
export class UsageError extends Failure {}

/** The user pressed ctrl-C, or the command was told to end. The message says what is unfinished; at a question there is nothing to say. */
export class Interrupted extends Failure {}
