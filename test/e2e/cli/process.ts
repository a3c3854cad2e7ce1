import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { edgemint } from './fixture.ts';
import { Person } from './person.ts';

// Behaviour that only a separate process shows. The other suites run the program in this process.

describe('edgemint as a process', () => {
  let person: Person;

  beforeEach(async () => {
    person = await Person.arrive();
  });

  afterEach(() => person.leave());

  test('reads a secret from a pipe, keeps it in the home directory, and separates its answer from notes', async () => {
    const args = ['login', '--url', edgemint.issuer];
    expect(await person.spawn(args, { input: `${edgemint.rootApiKey}\n` })).toMatchObject({ code: 0, stderr: '' });
    const none = await person.spawn(['audit', 'list', '--target', 'role_0123456789abcdefghij']);
    expect(none).toEqual({ code: 0, stdout: '', stderr: 'Nothing found.\n' });
  });

  test('exits with 1 after a refusal and with 2 after a wrong call', async () => {
    const env = { EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: 'unknown' };
    expect(await person.spawn(['clients', 'list'], { env })).toMatchObject({ code: 1, stdout: '' });
    expect(await person.spawn(['clients', 'list', '--al'], { env })).toMatchObject({ code: 2, stdout: '' });
  });

  test('has no profiles in the working directory if HOME is empty', async () => {
    await person.spawn(['login', '--url', edgemint.issuer], { input: `${edgemint.rootApiKey}\n` });
    expect((await person.spawn(['profiles'])).stdout).toContain(edgemint.issuer);
    const homeless = await person.spawn(['profiles'], { env: { HOME: '' } });
    expect(homeless.code).toBe(0);
    expect(homeless.stdout).not.toContain(edgemint.issuer);
  });

  test('exits with 130 after ctrl-C at a question', async () => {
    const { code } = await person.spawnAtTerminal(['login', '--url', edgemint.issuer], '\u0003', 'API key for ');
    expect(code).toBe(130);
  });
});
