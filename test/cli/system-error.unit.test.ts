import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seedDemo } from '../../src/cli/demo.ts';
import { Failure } from '../../src/cli/failure.ts';
import { describeSystemError } from '../../src/cli/system-error.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgemint-system-error-'));
  await writeFile(join(folder, 'file'), '');
});
afterAll(() => rm(folder, { recursive: true }));

const errorOf = (operation: Promise<unknown>): Promise<unknown> =>
  operation.then(
    () => expect.fail('must fail'),
    (error: unknown) => error,
  );

test.each<[string, (folder: string) => Promise<unknown>, string]>([
  ['a file that is not there', (at) => readFile(join(at, 'absent')), 'absent does not exist.'],
  ['a folder in place of a file', (at) => readFile(at), 'is a folder, but must be a file. Move it away.'],
  ['the same, to be written', (at) => writeFile(at, ''), 'is a folder, but must be a file. Move it away.'],
  ['a file in place of a folder', (at) => mkdir(join(at, 'file', 'more')), 'there is a file in place of a folder.'],
])('%s is told in a sentence that names it', async (_, operation, sentence) => {
  const described = describeSystemError(await errorOf(operation(folder)), folder);
  expect(described).toContain(sentence);
  expect(described).toContain(folder);
  expect(described).toMatch(/^[^\n]+\.$/);
});

test.each([
  ['EACCES', 'This user may not access .dev.vars. Change its permissions or its owner.'],
  ['EPERM', 'This user may not access .dev.vars. Change its permissions or its owner.'],
  ['EROFS', '.dev.vars cannot be written: its file system is read-only.'],
  ['ENOSPC', '.dev.vars cannot be written: there is no space left.'],
  ['EMFILE', '.dev.vars cannot be used (EMFILE).'],
])('%s is told as well', (code, sentence) => {
  expect(describeSystemError(Object.assign(new Error(code), { code, syscall: 'open', path: '.dev.vars' }))).toBe(
    sentence,
  );
});

test('a service that stops while the demo is created is told as well', async () => {
  await expect(seedDemo('http://127.0.0.1:1', 'key')).rejects.toThrow(Failure);
  await expect(seedDemo('http://127.0.0.1:1', 'key')).rejects.toThrow('The service stopped answering.');
});

test('another error is none of the system', () => {
  expect(describeSystemError(new TypeError('x'))).toBeUndefined();
  expect(describeSystemError(Object.assign(new Error('x'), { code: 'ERR_X' }), 'file')).toBeUndefined();
  expect(describeSystemError('x', 'file')).toBeUndefined();
});
