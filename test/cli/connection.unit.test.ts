import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkUrl, resolveConnection } from '../../src/cli/edgemint/connection.ts';
import { saveProfile } from '../../src/cli/edgemint/profiles.ts';
import { run } from '../../src/cli/edgemint/run.ts';
import { noIo, Person, Recorder } from '../e2e/cli/person.ts';

describe('the connection', () => {
  const profile = { url: 'https://a.example.com', api_key: 'profile-key', organization_id: 'org_profile' };
  const resolve = (options: object, environment: Record<string, string> = {}) =>
    resolveConnection(options, environment, profile, true);

  test('is the profile’s, unless options or the environment say otherwise, the options first', () => {
    const kept = {
      url: profile.url,
      apiKey: 'profile-key',
      organization: 'org_profile',
      organizationNamedBy: 'the profile',
    };
    expect(resolve({})).toEqual(kept);
    expect(resolve({ url: 'https://a.example.com/' })).toEqual(kept);
    expect(resolve({ organization: 'org_option' }, { EDGEMINT_ORGANIZATION: 'org_env' }).organization).toBe(
      'org_option',
    );
    expect(resolve({}, { EDGEMINT_ORGANIZATION: 'org_env' }).organization).toBe('org_env');
    const given = { EDGEMINT_URL: 'https://b.example.com', EDGEMINT_API_KEY: 'env-key' };
    expect(resolve({ url: 'https://c.example.com' }, given)).toMatchObject({
      url: 'https://c.example.com',
      apiKey: 'env-key',
    });
  });

  test('never takes a profile’s key or organization to another server, nor the organization to another key', () => {
    expect(() => resolve({ url: 'https://b.example.com' })).toThrow('There is no API key for https://b.example.com');
    expect(() => resolve({}, { EDGEMINT_URL: 'https://b.example.com' })).toThrow('There is no API key');
    expect(resolve({}, { EDGEMINT_API_KEY: 'env-key' })).toEqual({
      url: profile.url,
      apiKey: 'env-key',
      organization: undefined,
    });
  });

  test.each([
    'https://auth.example.com',
    'https://auth.example.com/path',
    'http://localhost:8787',
    'http://127.0.0.1:1',
    'http://[::1]:80',
  ])('may be %s', (url) => expect(checkUrl(url)).toBe(new URL(url).href.replace(/\/$/, '')));

  test.each([
    'http://auth.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'https://user:pass@example.com',
    'ftp://x',
    'auth.example.com',
    'https://x/?a',
    'https://x/#a',
  ])('may not be %s', (url) => expect(() => checkUrl(url)).toThrow('is not the URL of an issuer'));

  test('shows no password of a URL in its error', () => {
    expect(() => checkUrl('https://user:pass@example.com')).not.toThrow('pass@');
    expect(() => checkUrl('https://user:pass@example.com')).toThrow(/^The URL is not/);
  });
});

describe('the file with the profiles', () => {
  let person: Person;
  const PROFILES = '{"profiles":{"default":{"url":"http://127.0.0.1:2","api_key":"0123456789"}}}';

  beforeEach(async () => {
    person = await Person.arrive();
    await mkdir(person.file('.config/edgemint'), { recursive: true });
  });
  afterEach(() => person.leave());

  const write = (text: string) => writeFile(person.file('.config/edgemint/config.json'), text, { mode: 0o600 });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"profiles":5}',
    '{"profiles":[]}',
    '{"profiles":{"default":null}}',
    '{"profiles":{"default":"x"}}',
    '{"profiles":{"default":{"url":5,"api_key":"x"}}}',
    '{"profiles":{"default":{"url":"http://127.0.0.1:2"}}}',
    '{"profiles":{"default":{"url":"http://127.0.0.1:2","api_key":"x","organization_id":7}}}',
  ])('is damaged if it holds %s, which is said in a sentence', async (text) => {
    await write(text);
    const stderr = expect.stringMatching(/^\S+config\.json is damaged\. Remove it, and log in again\.\n$/);
    for (const command of ['me', 'profiles', 'logout']) {
      expect(await person.run([command]), command).toEqual({ code: 1, stdout: '', stderr });
    }
  });

  test('is taken away from other users, once and not silently', async () => {
    await write(PROFILES);
    await chmod(person.file('.config/edgemint/config.json'), 0o644);
    const { code, stderr } = await person.run(['profiles']);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        /^Warning: other users of this machine could read the API keys in \S+\. Now only you can\.\n$/,
      ),
    ]);
    expect((await stat(person.file('.config/edgemint/config.json'))).mode & 0o777).toBe(0o600);
    expect((await person.run(['profiles'])).stderr).toBe('');
  });

  test('is nowhere without a home directory: there are no profiles, and none is written to the working directory', async () => {
    await write(PROFILES);
    const before = await readdir('.');
    const homeless = { ...noIo(), home: '' };
    const outputs = { stdout: new Recorder(), stderr: new Recorder() };
    expect(await run(['profiles', '--json'], { ...homeless, ...outputs })).toBe(0);
    expect(outputs.stdout.text).toBe('[]\n');
    expect(await run(['use', 'acme'], { ...homeless, ...outputs })).toBe(1);
    await expect(saveProfile(homeless, 'acme', { url: 'https://x', api_key: 'k' })).rejects.toThrow(
      'There is no home directory to keep profiles in. Set HOME or XDG_CONFIG_HOME.',
    );
    expect(await readdir('.')).toEqual(before);
  });
});
