import { readFile, writeFile } from 'node:fs/promises';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { administrator, edgemint } from './fixture.ts';
import type { Person } from './person.ts';

const ORDERS = 'https://authentication.example.com/orders';
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

interface Client extends Record<string, unknown> {
  client_id: string;
  federated_identities: object[];
}

describe('authentication of clients:', () => {
  let person: Person;
  let privateKey: CryptoKey;
  let privateJwk: JWK;
  let publicJwk: JWK;

  beforeAll(async () => {
    person = await administrator('Acme authenticates');
    const scopes = ['--scope', 'orders:read'];
    await person.json(['resource-servers', 'create', '--identifier', ORDERS, '--name', 'Orders', ...scopes]);
    const pair = await generateKeyPair('ES256', { extractable: true });
    privateKey = pair.privateKey;
    privateJwk = { ...(await exportJWK(pair.privateKey)), kid: 'one' };
    publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'one' };
  });

  afterAll(() => person?.leave());

  async function write(name: string, content: unknown): Promise<string> {
    const file = person.file(name);
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  }

  const newClient = (name: string, ...args: string[]) =>
    person.json<Client>(['clients', 'create', '--name', name, '--grant', `${ORDERS} orders:read`, ...args]);

  /** Requests a token with an assertion that the key signed, and returns the status. */
  async function ask(claims: Record<string, unknown>, form: Record<string, string> = {}): Promise<number> {
    const jwt = new SignJWT({ aud: edgemint.issuer, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' });
    const client_assertion = await jwt
      .setIssuedAt()
      .setExpirationTime('1m')
      .setJti(crypto.randomUUID())
      .sign(privateKey);
    const credentials = { client_assertion_type: JWT_BEARER, client_assertion };
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...credentials, ...form });
    return (await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', body })).status;
  }

  const asItself = ({ client_id }: Client) => ask({ iss: client_id, sub: client_id });

  describe('a client with keys of its own', () => {
    test('is created from a file of public keys, one or a set, and no secret is spoken of', async () => {
      for (const [name, content] of [
        ['key.json', publicJwk],
        ['keys.json', { keys: [publicJwk] }],
      ] as const) {
        const args = ['clients', 'create', '--name', name, '--grant', `${ORDERS} orders:read`];
        const keyed = ['--auth-method', 'private_key_jwt', '--jwks-file', await write(name, content), '--json'];
        const { code, stdout, stderr } = await person.run([...args, ...keyed]);
        expect([code, stderr]).toEqual([0, '']);
        const client = JSON.parse(stdout) as Client;
        expect(client).toMatchObject({ jwks: { keys: [publicJwk] } });
        expect(await asItself(client)).toBe(200);
      }
      const secret = await person.run(['clients', 'create', '--name', 'by secret']);
      expect(secret.stderr).toBe('Store the client_secret now. It is not shown again.\n');
    });

    test('is not created from a file that has a private key, or none: nothing is sent', async () => {
      const nowhere = { EDGEMINT_URL: 'http://127.0.0.1:9' };
      const files = {
        'private key': await write('private.json', { keys: [publicJwk, privateJwk] }),
        'JSON object': await write('text.json', 'none'),
        'does not exist.': person.file('nothing.json'),
      };
      for (const [expected, file] of Object.entries(files)) {
        const { code, stderr } = await person.run(['clients', 'create', '--jwks-file', file], { env: nowhere });
        expect([code, stderr]).toEqual([2, expect.stringContaining(expected)]);
        expect(stderr).not.toContain(privateJwk.d);
      }
    });

    test('is changed in how it authenticates, and in what its tokens are bound to', async () => {
      const keys = await write('keys.json', { keys: [publicJwk] });
      const { client_id } = await newClient('Changed', '--auth-method', 'private_key_jwt', '--jwks-file', keys);
      const update = (...args: string[]) => person.json<Client>(['clients', 'update', client_id, ...args]);
      expect(
        await update('--dpop-bound', '--dpop-nonce', '--certificate-bound', '--security-profile', 'strict'),
      ).toMatchObject({
        dpop_bound_access_tokens: true,
        dpop_nonce_required: true,
        tls_client_certificate_bound_access_tokens: true,
        security_profile: 'strict',
      });
      expect(await update('--no-dpop-bound', '--no-dpop-nonce', '--no-certificate-bound')).toMatchObject({
        dpop_bound_access_tokens: false,
        dpop_nonce_required: false,
        tls_client_certificate_bound_access_tokens: false,
      });
      const uri = 'https://keys.example.com/jwks';
      expect(await update('--jwks-uri', uri, '--reset', 'jwks')).toMatchObject({ jwks: null, jwks_uri: uri });
      const dns = ['--auth-method', 'tls_client_auth', '--tls-san-dns', 'worker.example.com', '--reset', 'jwks-uri'];
      expect(
        await update(...dns, '--reset', 'security-profile', '--additional-auth-method', 'client_secret_post'),
      ).toMatchObject({
        token_endpoint_auth_method: 'tls_client_auth',
        additional_auth_methods: ['client_secret_post'],
        tls_client_auth_san_dns: 'worker.example.com',
        security_profile: 'standard',
      });
    });

    test('has no secret to rotate', async () => {
      const keys = await write('keys.json', { keys: [publicJwk] });
      const { client_id } = await newClient('No secret', '--auth-method', 'private_key_jwt', '--jwks-file', keys);
      const { code, stderr } = await person.run(['secrets', 'rotate', client_id]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('does not authenticate with a secret')]);
    });
  });

  describe('a workload', () => {
    test('at GitHub is trusted by what cannot be renamed, once, beside what was trusted before', async () => {
      const { client_id } = await newClient('Deployment');
      const command = ['clients', 'trust-github', client_id, '--repository-id', '74'];
      const first = await person.run(command);
      expect([first.code, first.stderr]).toEqual([
        0,
        'The client may still use client_secret_basic. Add --only to end that.\n',
      ]);
      await person.json(command);
      const more = [
        '--owner-id',
        '65',
        '--ref',
        'refs/heads/main',
        '--environment',
        'production',
        '--audience',
        'acme',
      ];
      const client = await person.json<Client>([...command, ...more, '--only']);
      const issuer = 'https://token.actions.githubusercontent.com';
      expect(client).toMatchObject({
        token_endpoint_auth_method: 'federated_jwt',
        additional_auth_methods: [],
        federated_identities: [
          { issuer, audience: edgemint.issuer, claims: { repository_id: '74' } },
          {
            issuer,
            audience: 'acme',
            claims: {
              repository_id: '74',
              repository_owner_id: '65',
              ref: 'refs/heads/main',
              environment: 'production',
            },
          },
        ],
      });
      expect(client.federated_identities).toHaveLength(2);
      expect((await person.run(['clients', 'trust-github', client_id, '--ref', 'refs/heads/main'])).code).toBe(2);
    });

    test('of a cluster that cannot be asked is trusted by its service account, and gets tokens', async () => {
      const client = await newClient('Pod');
      const issuer = 'https://kubernetes.default.svc.cluster.local';
      const jwks = await write('cluster.json', { keys: [publicJwk] });
      const account = ['--namespace', 'shop', '--service-account', 'worker', '--uid', '5e3c'];
      const command = ['clients', 'trust-kubernetes', client.client_id, '--issuer', issuer, ...account];
      await person.json([...command, '--jwks-file', jwks]);
      const token = (uid: string, sub = 'system:serviceaccount:shop:worker') => {
        const serviceaccount = { name: 'worker', uid };
        const claims = { iss: issuer, sub, 'kubernetes.io': { namespace: 'shop', serviceaccount } };
        return ask(claims, { client_id: client.client_id });
      };
      expect(await token('5e3c')).toBe(200);
      expect(await token('another')).toBe(401);
      expect(await token('5e3c', 'system:serviceaccount:shop:other')).toBe(401);
    });
  });

  test('an organization that would shut clients out is told which, and not to cascade', async () => {
    const { id } = await person.json<{ id: string }>(['organizations', 'create', '--name', 'Strict']);
    const args = ['clients', 'create', '--name', 'by secret', '--organization', id];
    const { client_id } = await person.json<Client>(args);
    const { code, stderr } = await person.run(['organizations', 'update', id, '--security-profile', 'strict']);
    expect(code).toBe(1);
    expect(stderr).toContain(`\n  client by secret (${client_id})`);
    expect(stderr).not.toContain('cascade');
    expect((await person.run(['clients', 'delete', client_id, '--yes'])).code).toBe(0);
    expect(await person.json(['organizations', 'update', id, '--security-profile', 'strict'])).toMatchObject({
      security_profile: 'strict',
    });
  });

  describe('a file', () => {
    const file = () => `clients:
  - client_name: Certified
    token_endpoint_auth_method: tls_client_auth
    tls_client_auth_subject_dn: CN=worker,O=Example\\, Inc.,C=DE
    tls_client_certificate_bound_access_tokens: true
    security_profile: strict
  - client_name: Keyed
    token_endpoint_auth_method: private_key_jwt
    additional_auth_methods:
      - client_secret_post
      - federated_jwt
    jwks:
      keys:
        - crv: P-256
          kid: one
          kty: EC
          x: ${publicJwk.x}
          y: ${publicJwk.y}
    federated_identities:
      - audience: acme
        claims:
          /kubernetes.io/serviceaccount/uid: 5e3c
          ref:
            - refs/heads/main
            - refs/tags/*
          verified: true
        issuer: https://cluster.example.com
        subject: system:serviceaccount:shop:worker
    dpop_bound_access_tokens: true
    dpop_nonce_required: true
  - client_name: Published
    token_endpoint_auth_method: private_key_jwt
    jwks_uri: https://keys.example.com/jwks
`;
    const head = 'resource_servers: []\nroles: []\n';
    let own: string;

    const apply = async (text: string, ...args: string[]) =>
      person.run(['apply', '--organization', own, '-f', await write('edgemint.yaml', text), '--yes', ...args]);

    beforeAll(async () => {
      own = (await person.json<{ id: string }>(['organizations', 'create', '--name', 'Declared'])).id;
    });

    test('that is applied is exported the same, byte for byte, and is then nothing to do', async () => {
      const secrets = person.file('secrets');
      const { code, stderr } = await apply(head + file(), '--secrets-file', secrets);
      expect([code, stderr]).toEqual([0, expect.stringContaining('secrets')]);
      // Only one of the clients has a secret.
      expect(
        (await readFile(secrets, 'utf8'))
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).client_name),
      ).toEqual(['Keyed']);
      expect((await person.run(['export', '--organization', own])).stdout).toBe(`${head}${file()}webhooks: []\n`);
      expect((await apply(head + file())).stdout).toBe('There is nothing to do.\n');
    });

    test('that names no audience means the server, and that is no change', async () => {
      const text = file().replace('audience: acme\n        claims', 'claims');
      const changed = await apply(text);
      expect(changed.code).toBe(0);
      expect(changed.stdout).toMatch(/federated_identities: - \{.*"audience":"acme".*\}/);
      expect(changed.stdout).toMatch(/federated_identities: \+ \{.*"audience":"http:.*\}/);
      expect((await apply(text)).stdout).toBe('There is nothing to do.\n');
    });

    test('that has a private key is refused at its line before anything is done', async () => {
      const text = file().replace('kid: one', `kid: one\n          d: ${privateJwk.d}`);
      const { code, stderr } = await apply(`roles:\n  - name: new\n${text}`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/edgemint\.yaml:\d+:\d+ clients\[1\]\.jwks\.keys\[0\]: must be a public key/);
      expect(stderr).not.toContain(privateJwk.d);
      expect((await person.run(['export', '--organization', own])).stdout).not.toContain('new');
    });
  });
});
