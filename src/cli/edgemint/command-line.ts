import { Command, type Help, InvalidArgumentError, type Option } from 'commander';
import { UsageError } from './failures.ts';
import type { Field } from './field.ts';
import { FittingHelp } from './help-layout.ts';
import { exampleOf } from './option-example.ts';
import { line, shorten } from './printable.ts';

/** One thing that is wrong with the call of a command. */
export interface CallFault {
  /** The option or argument, such as `--limit`. Absent if the fault is about none. */
  readonly option?: string;
  readonly detail: string;
}

/** The arguments of a command are wrong. It names every fault that was found. */
export class CallError extends UsageError {
  readonly faults: readonly CallFault[];

  constructor(faults: readonly CallFault[], help: string) {
    const sentences = faults.map(({ option, detail }) => (option === undefined ? detail : `${option} ${detail}`));
    const list = sentences.length === 1 ? sentences : sentences.map((sentence) => `  ${sentence}`);
    super([...(list.length > 1 ? [`${list.length} arguments are wrong:`] : []), ...list, help].join('\n'));
    this.faults = faults;
  }
}

/** Faults after which commander can go on parsing, so that further ones are found. */
const COLLECTED = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue']);

/** A command that reports all faults of its arguments at once, and knows which fields of the API its options set. */
export class CommandLine extends Command {
  /** The fields that options of this command set. */
  fields: readonly Field[] = [];
  readonly #faults: CallFault[] = [];

  override createCommand(name?: string): CommandLine {
    return new CommandLine(name);
  }

  override createHelp(): Help {
    return Object.assign(new FittingHelp(), this.configureHelp());
  }

  override addOption(option: Option): this {
    const { parseArg, long = option.flags } = option;
    if (parseArg) {
      option.parseArg = <T>(text: string, previous: T) => {
        try {
          return parseArg(text, previous);
        } catch (error) {
          if (!(error instanceof InvalidArgumentError)) throw error;
          this.#faults.push({ option: long, detail: `cannot be \`${shorten(text)}\`. ${error.message}` });
          return previous;
        }
      };
    }
    return super.addOption(option);
  }

  /** Collects a fault, or ends the command with all of them. */
  override error(message: string, { code = '' }: { code?: string } = {}): never {
    this.#faults.push(this.#faultOf(message, code));
    // commander ignores what this returns, and goes on.
    if (COLLECTED.has(code)) return undefined as never;
    throw this.#callError();
  }

  /** @throws CallError if a fault was collected */
  refuseFaults(): void {
    if (this.#faults.length > 0) throw this.#callError();
  }

  /** Says a fault of commander's in our words. */
  #faultOf(message: string, code: string): CallFault {
    const flags = /'([^']+)'/.exec(message)?.[1] ?? '';
    if (code === 'commander.missingArgument') return { option: `<${flags}>`, detail: 'is required.' };
    if (code === 'commander.invalidArgument') {
      const [, value = '', name = '', reason = ''] =
        /^error: command-argument value '(.*)' is invalid for argument '([^']+)'\. (.*)$/s.exec(message) ?? [];
      if (name !== '') return { option: `<${name}>`, detail: `cannot be \`${shorten(value)}\`. ${line(reason)}` };
    }
    if (code === 'commander.excessArguments') return { detail: this.#excess() };
    if (code === 'commander.unknownOption') {
      const [, suggestion] = /\(Did you mean (.+)\?\)$/.exec(message) ?? [];
      return { option: shorten(flags), detail: `is unknown.${suggestion ? ` Did you mean ${suggestion}?` : ''}` };
    }
    const option = this.#findOption(flags);
    if (option && (code === 'commander.missingMandatoryOptionValue' || code === 'commander.optionMissingArgument')) {
      const example = exampleOf(option);
      const problem = code === 'commander.optionMissingArgument' ? 'needs a value.' : 'is required.';
      return { option: option.long ?? flags, detail: `${problem}${example ? ` Example: ${example}` : ''}` };
    }
    const [sentence = '', ...hints] = message
      .replace(/^error: /, '')
      .split('\n')
      .map(line);
    const text = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1).replace(/\.$/, '')}.`;
    return { detail: [text, ...hints.map((hint) => hint.replace(/^\((.*)\)$/, '$1'))].join(' ') };
  }

  #findOption(flags: string): Option | undefined {
    return this.options.find((known) => known.flags === flags);
  }

  #excess(): string {
    const extra = this.args.slice(this.registeredArguments.length).map((text) => `\`${shorten(text)}\``);
    const taken = this.registeredArguments.map((argument) => `<${argument.name()}>`).join(' ');
    const [subject, verb] = extra.length === 1 ? ['argument', 'is'] : ['arguments', 'are'];
    return `The ${subject} ${extra.join(', ')} ${verb} too many: the command takes ${taken || 'none'}. Put a text with spaces in quotes.`;
  }

  #callError(): CallError {
    const names: string[] = [];
    for (let command: Command | null = this; command; command = command.parent) names.unshift(command.name());
    return new CallError(this.#faults, `${names.join(' ')} --help shows how to call it.`);
  }
}
