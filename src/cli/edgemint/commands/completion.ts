import { Argument, type Command } from 'commander';
import { Session } from '../session.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Each script asks the program for candidates, so it never has to be generated again. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_edgemint() {
  local IFS=$'\\n'
  COMPREPLY=($(edgemint complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _edgemint edgemint
`,
  zsh: `#compdef edgemint
_edgemint() {
  local -a candidates
  candidates=("\${(@f)$(edgemint complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- $candidates; else _files; fi
}
if [[ $funcstack[1] = _edgemint ]]; then _edgemint "$@"; else compdef _edgemint edgemint; fi
`,
  fish: `function __edgemint_complete
  set -l words (commandline -opc) (commandline -ct)
  edgemint complete -- $words[2..-1] 2>/dev/null
end
complete -c edgemint -a '(__edgemint_complete)'
`,
};

/** Adds `completion`, and the hidden `complete`, which its scripts call. */
export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(SHELLS));
  command.action((shell: string) => new Session(command).terminal.print(SCRIPTS[shell] ?? ''));
  const complete = program
    .command('complete', { hidden: true })
    .description('print candidates for the last word, for the scripts of completion')
    .argument('[words...]', 'the words after edgemint');
  complete.action((words: string[]) => {
    const found = candidates(program, words);
    if (found.length > 0) new Session(complete).terminal.print(found.join('\n'));
  });
}

/** Returns the words that may replace the last of some words: commands, options, or the choices of an option. */
export function candidates(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? '';
  let command = program;
  for (const word of words.slice(0, -1)) command = command.commands.find((one) => one.name() === word) ?? command;
  const options = [...program.options, ...(command === program ? [] : command.options)];
  const previous = words.at(-2) ?? '';
  const open = options.find(
    ({ long, short, required }) => required && previous !== '' && [long, short].includes(previous),
  );
  if (open) return (open.argChoices ?? []).filter((choice) => choice.startsWith(last));
  const names = program
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name());
  const flags = last.startsWith('-') ? [...options.map(({ long, short }) => long ?? short ?? ''), '--help'] : [];
  return [...(last.startsWith('-') ? [] : names), ...flags].filter((one) => one.startsWith(last));
}
