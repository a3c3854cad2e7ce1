import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { edgemint } from './fixture.ts';
import { Person } from './person.ts';

describe('profiles:', () => {
  let person: Person;

  beforeEach(async () => {
    person = await Person.arrive();
  });

  afterEach(() => person.leave());

  const login = (args: string[] = [], input = edgemint.rootApiKey) =>
    person.run(['login', '--url', edgemint.issuer, ...args], { input: `${input}\n` });

  const mode = async (path: string) => (await stat(person.file(path))).mode & 0o777;

  describe('edgemint login', () => {
    test('keeps a key that the server knows for its owner alone, and later commands use it', async () => {
      const { code, stdout, stderr } = await login();
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`Logged in to ${edgemint.issuer} with the root key.`);
      expect(await mode('.config/edgemint')).toBe(0o700);
      expect(await mode('.config/edgemint/config.json')).toBe(0o600);
      expect((await person.run(['organizations', 'list'])).code).toBe(0);
    });

    test('keeps it where XDG_CONFIG_HOME says', async () => {
      person.env.XDG_CONFIG_HOME = person.file('elsewhere');
      await login();
      expect(await mode('elsewhere/edgemint/config.json')).toBe(0o600);
    });

    test('says in a sentence that the profile cannot be kept', async () => {
      const sentence = { code: 1, stderr: expect.stringMatching(/^[^\n]*elsewhere[^\n]*\.\n$/) };
      person.env.XDG_CONFIG_HOME = person.file('elsewhere');
      await mkdir(person.file('elsewhere'));
      await symlink(person.file('gone/deeper'), person.file('elsewhere/edgemint'));
      expect(await login()).toMatchObject(sentence);
      await rm(person.file('elsewhere'), { recursive: true });
      await writeFile(person.file('elsewhere'), '');
      expect(await login()).toMatchObject(sentence);
    });

    test('asks at a terminal, and shows nothing of what is typed', async () => {
      const args = ['login', '--url', edgemint.issuer];
      const { code, stdout } = await person.spawnAtTerminal(args, `${edgemint.rootApiKey}\n`, 'API key for ');
      expect(code).toBe(0);
      expect(stdout).toContain('Logged in');
      expect(stdout).not.toContain(edgemint.rootApiKey);
      expect((await person.run(['profiles'])).stdout).toContain(edgemint.issuer);
    });

    test('keeps nothing that the server does not know', async () => {
      const { code, stderr } = await login([], 'not-a-key');
      expect(code).toBe(1);
      expect(stderr).toContain('(401)');
      expect((await person.json(['profiles'])) as object[]).toEqual([]);
    });

    test('knows whose an organization’s key is, and keeps the organization that was named', async () => {
      await login();
      const { id } = await person.json<{ id: string }>(['organizations', 'create', '--name', 'Acme of profiles']);
      const create = ['api-keys', 'create', '--organization', id, '--name', 'k'];
      const scopes = ['--scope', 'organizations:read', '--scope', 'clients:read'];
      const { api_key } = await person.json<{ api_key: string }>([...create, ...scopes]);
      const { stdout } = await login(['--profile', 'acme'], api_key);
      expect(stdout).toContain('with the API key k of the organization Acme of profiles.');
      expect((await person.run(['clients', 'list', '--profile', 'acme'])).code).toBe(0);

      const me = await person.json(['me', '--profile', 'acme']);
      expect(me).toMatchObject({ kind: 'api_key', name: 'k', organization: { id, name: 'Acme of profiles' } });
      expect((await person.run(['me', '--profile', 'acme'])).stdout).toMatch(
        new RegExp(`^organization +Acme of profiles \\(${id}\\)$`, 'm'),
      );

      const wrong = await login(['--profile', 'other', '--organization', 'org_another'], api_key);
      expect(wrong.stderr).toContain(`The key belongs to the organization Acme of profiles (${id})`);
      await login(['--profile', 'root', '--organization', id]);
      expect((await person.run(['clients', 'list', '--profile', 'root'])).code).toBe(0);
      expect((await person.run(['clients', 'list', '--profile', 'default'])).stderr).toContain(
        '--organization <name or id>',
      );
    });
  });

  test('an API key rotates itself, its profile gets the new value, and an end that is near is told', async () => {
    await login();
    const { id } = await person.json<{ id: string }>(['organizations', 'create', '--name', 'Acme of rotations']);
    const create = ['api-keys', 'create', '--organization', id, '--name', 'rotating', '--expires', '5d'];
    const made = await person.json<{ id: string; api_key: string }>([...create, '--scope', 'clients:read']);
    const told = await login(['--profile', 'rotating'], made.api_key);
    expect(told.stderr).toMatch(
      /^Later commands use the profile default: edgemint use rotating changes that\.\nThis API key expires in 4 days \(/,
    );
    const used = ['--profile', 'rotating'];
    const rotated = await person.run(['api-keys', 'rotate', '--grace', '2h', ...used]);
    expect(rotated).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('The profile rotating has the new api_key'),
    });
    const me = await person.json<{ rank: string }>(['me', ...used]);
    expect(me.rank).toBe('primary');
    const old = { env: { EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: made.api_key } };
    expect((await person.run(['me'], old)).stderr).toContain(
      'A rotation replaced this API key. It expires in less than a day',
    );
    expect((await person.run(['api-keys', 'rotate', made.id])).stderr).toContain('is still accepted');
    const listed = await person.run(['api-keys', 'list', '--organization', id]);
    expect(listed.stdout).toContain(`, …${made.api_key.slice(-4)}`);
    expect((await person.run(['api-keys', 'delete-secondary', made.id, '--yes'])).code).toBe(0);
    expect((await person.run(['me'], old)).code).toBe(1);
    const again = await person.json<{ api_key: string; expires_at: string }>([
      'api-keys',
      'rotate',
      made.id,
      '--expires',
      '90d',
    ]);
    expect(Date.parse(again.expires_at)).toBeGreaterThan(Date.now() + 89 * 86_400_000);
    const root = await person.run(['api-keys', 'rotate']);
    expect([root.code, root.stderr]).toEqual([2, expect.stringContaining('deploy another ROOT_API_KEY')]);
  });

  test('edgemint profiles tells keys by their last characters alone, and logout forgets one', async () => {
    await login();
    await login(['--profile', 'second']);
    const { stdout } = await person.run(['profiles']);
    expect(stdout).toContain(`…${edgemint.rootApiKey.slice(-4)}`);
    expect(stdout).not.toContain(edgemint.rootApiKey);
    expect((await person.run(['logout'])).stdout).toContain('Deleted the profile default.');
    const left = await person.json<{ name: string }[]>(['profiles']);
    expect(left.map(({ name }) => name)).toEqual(['second']);
    const again = await person.run(['logout']);
    expect(again).toMatchObject({ code: 1, stderr: 'There is no profile default.\n' });
  });

  test('a damaged profile file is told so, and a profile that is not there', async () => {
    await login();
    expect((await person.run(['clients', 'list', '--profile', 'nobody'])).stderr).toContain(
      'There is no profile nobody',
    );
    await writeFile(person.file('.config/edgemint/config.json'), '{');
    const { code, stderr } = await person.run(['profiles']);
    expect(code).toBe(1);
    expect(stderr).toContain('is damaged');
  });
});
