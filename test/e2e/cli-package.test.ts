import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clone, cloneProject } from './project.ts';

const execute = promisify(execFile);

let clone: Clone;

beforeAll(async () => {
  clone = await cloneProject();
  // npm runs this script by itself after `npm ci`.
  await execute('npm', ['run', '-s', 'prepare'], { cwd: clone.directory });
});

afterAll(() => clone?.remove());

const version = async () => JSON.parse(await readFile('package.json', 'utf8')).version as string;

test('after an installation there is a command that any Node of the machine runs, with nothing beside it', async () => {
  const { bin } = JSON.parse(await readFile('package.json', 'utf8'));
  const file = join(clone.directory, bin.edgemint);
  await rm(join(clone.directory, 'node_modules'));
  const nodes = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
  const answers = await Promise.all(
    [process.execPath, ...nodes].map((node) =>
      execute(node, [file, '--version']).catch((error) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    ),
  );
  const found = answers.filter((answer) => answer !== undefined);
  expect(found.length).toBeGreaterThan(0);
  for (const { stdout } of found) expect(stdout).toBe(`${await version()}\n`);
  expect((await execute(file, ['--version'])).stdout).toBe(`${await version()}\n`);
});

test('npm run edgemint runs it from its source', async () => {
  const { stdout } = await execute('npm', ['run', '-s', 'edgemint', '--', '--version']);
  expect(stdout).toBe(`${await version()}\n`);
});
