import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { METHODS } from '../../src/console/pages/new-client/choose-method.ts';
import { identityOf, missingFields, PLATFORMS, type PlatformId } from '../../src/console/pages/new-client/platforms.ts';
import { formOption, script, text, yaml } from '../../src/console/pages/new-client/quote.ts';
import { MAKE_KEY, type SnippetSubject, samplesFor } from '../../src/console/pages/new-client/snippets.ts';

const doc = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

const SUBJECT: SnippetSubject = {
  issuer: 'https://auth.example.com',
  clientId: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH',
  method: 'client_secret_basic',
  binding: 'none',
  place: 'own',
  resource: 'https://orders.example',
  scopes: ['orders:read'],
};
const HOSTILE = `a'b"c$(id)\`id\`;d&e|f\\g`;

/** Puts what the console knows into the text of a page. */
const filledIn = (page: string) =>
  page
    .replaceAll("process.env.CLIENT_ID ?? ''", `'${SUBJECT.clientId}'`)
    .replaceAll('os.Getenv("CLIENT_ID")', `"${SUBJECT.clientId}"`)
    .replaceAll('os.environ["CLIENT_ID"]', `"${SUBJECT.clientId}"`)
    .replaceAll('$CLIENT_ID:', `${SUBJECT.clientId}:`)
    .replaceAll('emc_…', SUBJECT.clientId)
    .replaceAll('https://orders.example/orders', 'https://orders.example')
    .replaceAll('https://api.example.com/orders', 'https://orders.example')
    .replaceAll('https://api.example.com/deployments', 'https://orders.example')
    .replaceAll('export const orders', 'export const answer');

function code(label: string, subject: Partial<SnippetSubject> = {}): string {
  const found = samplesFor({ ...SUBJECT, ...subject }).find((sample) => sample.label === label);
  if (!found) throw new Error(`There is no sample for ${label}.`);
  return found.code;
}

describe('a sample is the text of the documentation, which tests run:', () => {
  test('curl', () => expect(filledIn(doc('http-api.md'))).toContain(code('curl')));
  test('edgemint-sdk', () => expect(filledIn(doc('get-tokens.md'))).toContain(code('edgemint-sdk')));
  test('Go', () => expect(filledIn(doc('get-tokens.md'))).toContain(code('Go')));
  test('Python', () => expect(filledIn(doc('get-tokens.md'))).toContain(code('Python')));
  test('the program that makes a key', () => expect(doc('client-authentication.md')).toContain(MAKE_KEY));
  test('GitHub Actions', () => {
    const workload = { environment: 'production', ref: 'refs/heads/main' };
    const workflow = code('GitHub Actions', { method: 'federated_jwt', platform: 'github', workload });
    expect(workflow).toBe(filledIn(doc('../examples/github-actions/workflow.yaml')));
  });
  test('Kubernetes', () => {
    const workload = { namespace: 'shop', account: 'orders' };
    const pod = code('Kubernetes', { method: 'federated_jwt', platform: 'kubernetes', workload });
    expect(pod).toBe(filledIn(doc('../examples/kubernetes/pod.yaml')));
  });
  test('curl with the token of a platform', () => {
    const { resource: _, scopes: __, ...bare } = SUBJECT;
    const [curl] = samplesFor({ ...bare, method: 'federated_jwt', platform: 'aws' });
    const page = filledIn(doc('workload-identity.md')).replaceAll(/^ {3}/gm, '');
    expect(page).toContain(curl?.code);
  });
  test('edgemint-sdk with a certificate', () => {
    const lines = code('edgemint-sdk', { method: 'tls_client_auth' }).split('\n');
    for (const line of lines.filter((line) => /undici|dispatcher|Fetch/.test(line)))
      expect(doc('get-tokens.md')).toContain(line);
  });
});

test('a platform’s identity is the one of the documentation', () => {
  const page = doc('workload-identity.md');
  for (const platform of Object.keys(PLATFORMS) as PlatformId[]) {
    if (platform === 'other') continue;
    const required = PLATFORMS[platform].fields.map(({ name, example }) => [name, example]);
    const { ref: _, ...values } = Object.fromEntries(required);
    const identity = identityOf(platform, platform === 'github' ? values : Object.fromEntries(required));
    const blocks = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, block = '']) => JSON.parse(block));
    expect(
      blocks.flatMap(({ federated_identities }) => federated_identities),
      platform,
    ).toContainEqual(platform === 'aws' ? expect.objectContaining(identity) : identity);
    expect(missingFields(platform, values)).toEqual([]);
    expect(missingFields(platform, {}).length).toBeGreaterThan(0);
  }
});

test('no sample has a credential, and each fits the method', () => {
  for (const method of METHODS) {
    for (const binding of ['none', 'dpop'] as const) {
      const samples = samplesFor({ ...SUBJECT, method, binding, platform: 'kubernetes' });
      expect(samples.length, method).toBeGreaterThan(0);
      for (const { label, code } of samples) {
        if (binding === 'dpop') expect(label).toBe('edgemint-sdk');
        if (method.startsWith('client_secret')) expect(code).toContain('CLIENT_SECRET');
        else expect(code).not.toContain('SECRET');
      }
    }
  }
});

test('a value with special characters stays a value in every language', () => {
  expect(new Function(`return ${script(HOSTILE)}`)()).toBe(HOSTILE);
  expect(JSON.parse(text(HOSTILE))).toBe(HOSTILE);
  expect(JSON.parse(yaml(HOSTILE))).toBe(HOSTILE);
  expect(JSON.parse(yaml('true'))).toBe('true');
  expect(JSON.parse(yaml('a: b'))).toBe('a: b');
  expect(formOption('resource', 'https://a.example/?b=c&d=e')).toBe(
    "--data-urlencode 'resource=https://a.example/?b=c&d=e'",
  );
  const sent = execFileSync('sh', ['-c', `printf '%s\\n' ${formOption('scope', HOSTILE)}`], { encoding: 'utf8' });
  expect(sent).toBe(`--data-urlencode\nscope=${HOSTILE}\n`);
});

test('a client with scopes at several resource servers names one', () => {
  const several = { hasOthers: true, method: 'federated_jwt' } as const;
  expect(code('Kubernetes', { ...several, platform: 'kubernetes' })).toContain('-d resource=https://orders.example');
  expect(code('GitHub Actions', { ...several, platform: 'github' })).toContain('-d resource=https://orders.example');
  expect(code('Python', { hasOthers: true })).toContain('resource="https://orders.example"');
});
