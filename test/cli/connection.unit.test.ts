import { describe, expect, test } from 'vitest';
import { checkUrl, resolveConnection } from '../../src/cli/edgemint/connection.ts';

describe('the connection', () => {
  const profile = { url: 'https://a.example.com', api_key: 'profile-key', organization_id: 'org_profile' };
  const resolve = (options: object, environment: Record<string, string> = {}) =>
    resolveConnection(options, environment, profile, true);

  test('is the profile’s, unless options or the environment say otherwise, the options first', () => {
    const kept = { url: profile.url, apiKey: 'profile-key', organization: 'org_profile' };
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
