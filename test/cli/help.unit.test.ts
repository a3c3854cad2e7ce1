import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { EXAMPLES } from '../../src/cli/edgemint/help.ts';
import { createProgram } from '../../src/cli/edgemint/program.ts';
import { Terminal } from '../../src/cli/edgemint/terminal.ts';
import { noIo, Person, Recorder } from '../e2e/cli/person.ts';

const program = () => createProgram(new Terminal(noIo()), async () => 0);

describe('the help', () => {
  const commands = (function all(command: Command): Command[] {
    return [command, ...command.commands.flatMap(all)];
  })(program());

  test('says of every command, argument and option what it is', () => {
    expect(commands.length).toBeGreaterThan(45);
    for (const command of commands) {
      expect(command.description(), command.name()).not.toBe('');
      for (const option of command.options) expect(option.description, option.flags).not.toBe('');
    }
  });

  test('of no command clashes with what all take', () => {
    const shared = program()
      .options.flatMap(({ short, long }) => [short, long])
      .filter(Boolean);
    for (const command of commands.slice(1)) {
      for (const { short, long } of command.options) {
        expect(shared).not.toContain(long);
        if (short) expect(shared).not.toContain(short);
      }
    }
  });

  test.each([80, 100, 40])('of every command fits a terminal of %i columns', (columns) => {
    const { io } = new Terminal(noIo());
    const stdout = Object.assign(new Recorder(), { isTTY: true, columns });
    const parsed = createProgram(new Terminal({ ...io, stdout }), async () => 0);
    const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
    for (const command of all(parsed)) {
      stdout.text = '';
      command.outputHelp();
      const lines = stdout.text
        .split('\n')
        .map((line) => ({ line, isUnbreakable: /^\s*(--[\w-]+ )?("[^"]*"|\S+)( \\)?$/.test(line) }));
      const wide = lines.filter(({ line, isUnbreakable }) => line.length > columns && !isUnbreakable);
      expect(wide, command.name()).toEqual([]);
      if (columns >= 80) expect(Math.max(...lines.map(({ line }) => line.length))).toBeLessThanOrEqual(columns);
    }
  });

  test('is the answer to --help, and to a group without a command', async () => {
    const person = await Person.arrive();
    const help = await person.run(['secrets', 'rotate', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: edgemint secrets rotate \[options\] <client>\n/);
    expect(help.stdout).toContain('--grace <duration>');
    expect(help.stdout).toContain('--organization <organization>');
    const group = await person.run(['clients']);
    expect(group.code).toBe(2);
    expect(group.stderr).toContain('Usage: edgemint clients');
    await person.leave();
  });
});

test('the documentation of the command line knows every command', async () => {
  const text = await readFile('docs/cli.md', 'utf8');
  for (const group of program().commands.filter((command) => command.name() !== 'complete')) {
    expect(text).toContain(group.name());
    for (const command of group.commands)
      expect(text).toMatch(new RegExp(`${group.name()} [^\\n]*\\b${command.name()}\\b`));
  }
});

describe('each example in the help', () => {
  const lines = Object.values(EXAMPLES).flat();

  test.each(lines)('edgemint %s', async (line) => {
    const parsed = program();
    const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
    let isRun = false;
    for (const command of all(parsed)) {
      if (command.commands.length === 0)
        command.action(() => {
          isRun = true;
        });
    }
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    // The example of a key file names one that is not there.
    await parsed.parseAsync(
      words.filter((word, at) => word !== '--jwks-file' && words[at - 1] !== '--jwks-file'),
      { from: 'user' },
    );
    expect(isRun).toBe(true);
  });

  test('is of a command that exists, and each command is in a group', async () => {
    const person = await Person.arrive();
    const help = (await person.run(['--help'])).stdout;
    expect(help).toMatch(/Start:[\s\S]*Machines and APIs:[\s\S]*Examples:\n {2}edgemint login/);
    for (const path of Object.keys(EXAMPLES)) {
      expect((await person.run([...path.split(' ').filter(Boolean), '--help'])).stdout, path).toContain('Examples:');
    }
    await person.leave();
  });
});
