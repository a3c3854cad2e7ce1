import { type Command, Help } from 'commander';
import { HELP_DESCRIPTION_MIN, HELP_INDENT } from '../constants.ts';

const USAGE = 'Usage: ';
/** Between a term and its description. */
const GAP = 2;

/** Help that fits the width of the terminal. If terms leave too little room beside them, each description is below its term. */
export class FittingHelp extends Help {
  override showGlobalOptions = true;
  override minWidthToWrap = HELP_DESCRIPTION_MIN;

  // Nearly every command has options, so that says nothing.
  override subcommandTerm(command: Command): string {
    return super.subcommandTerm(command).replace(' [options]', '');
  }

  override commandUsage(command: Command): string {
    const text = super.commandUsage(command);
    const width = (this.helpWidth ?? Number.POSITIVE_INFINITY) - USAGE.length;
    return this.boxWrap(text, width).replaceAll('\n', `\n${' '.repeat(USAGE.length)}`);
  }

  override formatItem(term: string, termWidth: number, description: string, helper: Help): string {
    const width = this.helpWidth ?? Number.POSITIVE_INFINITY;
    if (!description || width - HELP_INDENT - termWidth - GAP >= HELP_DESCRIPTION_MIN) {
      return super.formatItem(term, termWidth, description, helper);
    }
    const indent = ' '.repeat(3 * HELP_INDENT);
    const below = this.boxWrap(description, width - indent.length).replaceAll('\n', `\n${indent}`);
    return `${' '.repeat(HELP_INDENT)}${term}\n${indent}${below}`;
  }
}

/**
 * Formats a command line as an example. If it is too wide, it continues on further lines, as shells read them; an option stays with its
 * value.
 * @param width the columns of the terminal
 */
export function formatExample(text: string, width: number): string {
  const indent = ' '.repeat(HELP_INDENT);
  const words = text.match(/(?:--?[\w-]+ (?!-))?(?:"[^"]*"|\S+)/g) ?? [];
  const lines: string[] = [];
  let line = `${indent}edgemint`;
  for (const word of words) {
    if (`${line} ${word} \\`.length <= width) line += ` ${word}`;
    else {
      lines.push(`${line} \\`);
      line = `${indent}${indent}${word}`;
    }
  }
  return [...lines, line].join('\n');
}
