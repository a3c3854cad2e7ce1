import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type RunningEdgemint, startEdgemint } from '../harness/edgemint.ts';
import { Person } from './cli/person.ts';

const DOCS = new URL('../../docs/', import.meta.url);
const EXAMPLES = new URL('../../examples/', import.meta.url);
const RESOURCE = 'https://orders.example.com';
/** The service's issuer in the documentation. */
const EXAMPLE_ISSUER = 'https://auth.example.com';

type Fields = Record<string, unknown>;
interface Identity extends Fields {
  readonly issuer: string;
}
interface ClientBody extends Fields {
  readonly client_name: string;
  readonly federated_identities: readonly Identity[];
}

const page = await readFile(new URL('workload-identity.md', DOCS), 'utf8');

/** The request bodies of the page, by the heading above each. */
const bodies = new Map<string, ClientBody>();
for (const section of page.split(/^##+ /m).slice(1)) {
  const [heading = ''] = section.split('\n');
  for (const [, json = ''] of section.matchAll(/^```json\n(.*?)^```/gms)) bodies.set(heading, JSON.parse(json));
}

/** An imitation of a real platform: its URLs, its signatures and the claims of its tokens. */
interface Platform {
  readonly alg: string;
  /** The `jwks_uri` of its discovery document; null if the service never fetches its keys. */
  readonly jwksUri: string | null;
  readonly use?: string;
  readonly typ?: string;
  readonly assertionType?: string;
  /** Whether the `aud` of its tokens is a list. */
  readonly listsAudience?: boolean;
  /** The lifetime of its tokens, in seconds. */
  readonly lifetime: number;
  readonly claims: Fields;
  /** Claims of other workloads at the same platform that replace these, by a description of the workload. */
  readonly others: Readonly<Record<string, Fields>>;
}

const POD = {
  namespace: 'shop',
  node: { name: 'ip-10-0-1-17.ec2.internal', uid: '4a0c4f70-3a3d-4cf9-9d61-36d3a8f0a2d7' },
  pod: { name: 'orders', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
  serviceaccount: { name: 'orders', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
  warnafter: 1729605240,
};
const CLUSTER = {
  sub: 'system:serviceaccount:shop:orders',
  jti: 'aed34954-b33a-4142-b1ec-389d6bbb4936',
  'kubernetes.io': POD,
};
const OTHER_PODS = {
  'a pod of another service account': {
    sub: 'system:serviceaccount:shop:billing',
    'kubernetes.io': { ...POD, serviceaccount: { name: 'billing', uid: '0b6b1a9f-2f0e-4f0c-8f7c-6d3f6cf0d0a1' } },
  },
  'a pod of another namespace': { sub: 'system:serviceaccount:shop2:orders' },
  'a service account that was made anew under the name': {
    'kubernetes.io': { ...POD, serviceaccount: { name: 'orders', uid: 'd3a5f1de-0000-4b5c-9c1c-1f1f4f3f2f1f' } },
  },
};

const TENANT = '8a5c9e2f-41f0-4a52-9b1c-2f6d0c1a7e34';
const APP = '5e1d7b0c-6c1f-4f0e-8d3b-0a9b8c7d6e5f';
const PRINCIPAL = '7d0f3c55-9a0e-4a5c-b6f2-1c2d3e4f5a6b';
const OTHER_PRINCIPAL = '0f1e2d3c-4b5a-4697-8899-aabbccddeeff';
/** The `appid` of a managed identity, which is not that of the app registration. */
const IDENTITY_APP = '2b1c9d8e-7f6a-4b5c-8d9e-0f1a2b3c4d5e';
// The claims of a managed identity's access token, as Entra issues it in each version.
const AZURE_V1 = {
  aud: `api://${APP}`,
  aio: 'k2RgYFjCxpRzNfl9rmZgmXm1',
  appid: IDENTITY_APP,
  appidacr: '2',
  idp: `https://sts.windows.net/${TENANT}/`,
  idtyp: 'app',
  oid: PRINCIPAL,
  rh: '1.AXkAL55civBBUkqbHC9tDBp-NAzZ',
  sub: PRINCIPAL,
  tid: TENANT,
  uti: 'Kq1v0y3vQkGmJc7sYc4CAA',
  ver: '1.0',
  xms_mirid: `/subscriptions/1f2e3d4c/resourcegroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders`,
};
const AZURE_V2 = {
  aud: APP,
  aio: 'k2RgYFjCxpRzNfl9rmZgmXm1',
  azp: IDENTITY_APP,
  azpacr: '2',
  idtyp: 'app',
  oid: PRINCIPAL,
  rh: '1.AXkAL55civBBUkqbHC9tDBp-NAzZ',
  sub: PRINCIPAL,
  tid: TENANT,
  uti: 'Kq1v0y3vQkGmJc7sYc4CAA',
  ver: '2.0',
};
/** A day, and the five minutes by which Entra dates `iat` and `nbf` back. */
const AZURE_LIFETIME = 86_400 + 300;

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'GitHub Actions': {
    alg: 'RS256',
    typ: 'JWT',
    jwksUri: 'https://token.actions.githubusercontent.com/.well-known/jwks',
    lifetime: 300,
    claims: {
      jti: 'bc2c1f6a-4d2b-4d5f-9a7e-0f1e2d3c4b5a',
      sub: 'repo:octo-org/octo-repo:environment:production',
      ref: 'refs/heads/main',
      sha: '0123456789abcdef0123456789abcdef01234567',
      repository: 'octo-org/octo-repo',
      repository_owner: 'octo-org',
      repository_owner_id: '65',
      run_id: '22259804324',
      run_number: '42',
      run_attempt: '1',
      repository_visibility: 'private',
      repository_id: '74',
      actor_id: '12',
      actor: 'octocat',
      workflow: 'Deploy',
      head_ref: '',
      base_ref: '',
      event_name: 'push',
      ref_protected: 'true',
      ref_type: 'branch',
      workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
      workflow_sha: '0123456789abcdef0123456789abcdef01234567',
      job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
      job_workflow_sha: '89abcdef0123456789abcdef0123456789abcdef',
      runner_environment: 'github-hosted',
      environment: 'production',
      environment_node_id: 'EN_kwDOA',
    },
    others: {
      'another repository of the owner': { repository_id: '75', repository: 'octo-org/other' },
      'whoever took over the repository’s name': { repository_id: '9001', repository_owner_id: '9000' },
      'the repository after it was transferred': { repository_owner_id: '66' },
      'another environment': { environment: 'staging', sub: 'repo:octo-org/octo-repo:environment:staging' },
      'a job without an environment': { environment: undefined, sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' },
    },
  },
  Kubernetes: {
    alg: 'RS256',
    jwksUri: 'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE/keys',
    listsAudience: true,
    lifetime: 3600,
    claims: CLUSTER,
    others: OTHER_PODS,
  },
  'A private cluster': {
    alg: 'ES256',
    jwksUri: null,
    listsAudience: true,
    lifetime: 3600,
    claims: CLUSTER,
    others: OTHER_PODS,
  },
  GitLab: {
    alg: 'RS256',
    typ: 'JWT',
    jwksUri: 'https://gitlab.com/oauth/discovery/keys',
    lifetime: 3600,
    claims: {
      jti: 'd64c1a7c-9d0b-4f0d-8c2f-0c0d5f1b2e3a',
      sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
      namespace_id: '72',
      namespace_path: 'my-group',
      project_id: '22',
      project_path: 'my-group/my-project',
      user_id: '42',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      user_identities: [{ provider: 'github', extern_uid: '2435223452345' }],
      user_access_level: 'developer',
      pipeline_id: '574',
      pipeline_source: 'push',
      job_id: '302',
      ref: 'main',
      ref_type: 'branch',
      ref_path: 'refs/heads/main',
      ref_protected: 'true',
      runner_id: 1,
      runner_environment: 'gitlab-hosted',
      sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
      project_visibility: 'private',
      ci_config_ref_uri: 'gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main',
      ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
    },
    others: {
      'another project': { project_id: '23' },
      'a tag of the branch’s name': { ref_type: 'tag' },
      'a branch that is not protected': { ref_protected: 'false' },
    },
  },
  AWS: {
    alg: 'ES384',
    typ: 'JWT',
    jwksUri: 'https://abc12345-def4-5678-90ab-cdef12345678.tokens.sts.global.api.aws/.well-known/jwks.json',
    lifetime: 900,
    claims: {
      sub: 'arn:aws:iam::123456789012:role/order-export',
      jti: 'a4b5c6d7-e8f9-4a0b-9c1d-2e3f4a5b6c7d',
      'https://sts.amazonaws.com/': {
        aws_account: '123456789012',
        source_region: 'us-east-1',
        org_id: 'o-abc1234567',
        ou_path: 'o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/',
        principal_tags: { environment: 'production', team: 'data-engineering' },
        lambda_source_function_arn: 'arn:aws:lambda:us-east-1:123456789012:function:process-data',
        request_tags: { 'job-id': 'job-2026-001' },
      },
    },
    others: {
      'another role': { sub: 'arn:aws:iam::123456789012:role/order-export-2' },
      'another organization': { 'https://sts.amazonaws.com/': { org_id: 'o-zzz' } },
      'a claim of that name at the top': { 'https://sts.amazonaws.com/': {}, org_id: 'o-abc1234567' },
    },
  },
  'Google Cloud': {
    alg: 'RS256',
    typ: 'JWT',
    jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
    lifetime: 3600,
    claims: {
      azp: '107517467455664443765',
      sub: '107517467455664443765',
      email: 'order-import@my-project.iam.gserviceaccount.com',
      email_verified: true,
      google: {
        compute_engine: {
          instance_creation_timestamp: 1700000000,
          instance_id: '152986662232938449',
          instance_name: 'example',
          project_id: 'my-project',
          project_number: 739419398126,
          zone: 'us-west1-a',
        },
      },
    },
    others: {
      'another account': { sub: '113774264463038321964', azp: '113774264463038321964' },
      'the account that has its name now': { sub: '118200000000000000001' },
    },
  },
  Azure: {
    alg: 'RS256',
    typ: 'JWT',
    jwksUri: 'https://login.windows.net/common/discovery/keys',
    lifetime: AZURE_LIFETIME,
    claims: AZURE_V1,
    others: {
      'another managed identity': { oid: OTHER_PRINCIPAL, sub: OTHER_PRINCIPAL },
      'a person of the tenant': { sub: 'kq3PEFXqKFEtLwcDAQx0TcUs8Kt_OZV7Pmr1bN0uJZE', idtyp: 'user' },
      'the managed identity, for the token exchange of Azure': { aud: 'api://AzureADTokenExchange' },
      'another tenant': { iss: 'https://sts.windows.net/00000000-41f0-4a52-9b1c-2f6d0c1a7e34/' },
    },
  },
  'Azure, version 2 tokens': {
    alg: 'RS256',
    typ: 'JWT',
    jwksUri: `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`,
    lifetime: AZURE_LIFETIME,
    claims: AZURE_V2,
    others: {
      'another managed identity': { oid: OTHER_PRINCIPAL, sub: OTHER_PRINCIPAL },
      'another app registration': { aud: 'fb60f99c-7a34-4190-8149-302f77469936' },
      'another tenant': { iss: 'https://login.microsoftonline.com/00000000-41f0-4a52-9b1c-2f6d0c1a7e34/v2.0' },
    },
  },
  SPIFFE: {
    alg: 'ES256',
    typ: 'JWT',
    use: 'jwt-svid',
    assertionType: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
    jwksUri: 'https://spire.example.org:8443/bundle',
    listsAudience: true,
    lifetime: 300,
    claims: { iss: undefined, sub: 'spiffe://example.org/ns/shop/sa/orders' },
    others: {
      'another workload': { sub: 'spiffe://example.org/ns/shop/sa/billing' },
      'a trust domain that begins alike': { sub: 'spiffe://example.org.evil/ns/shop/sa/orders' },
    },
  },
  'Another Edgemint': {
    alg: 'ES256',
    typ: 'at+jwt',
    jwksUri: 'https://auth.partner.example/.well-known/jwks.json',
    lifetime: 3600,
    claims: {
      sub: 'emc_7n42DGM5Tflk9n8mt7Fhc7',
      client_id: 'emc_7n42DGM5Tflk9n8mt7Fhc7',
      jti: 'zK3vQy1bQmO0m1c2n3p4qA',
      scope: 'tokens',
      roles: [],
      org_id: 'org_2NmYv0wq8Wc1sXJ4tKpLrD',
    },
    others: {
      'another client there': { sub: 'emc_0000000000000000000000', client_id: 'emc_0000000000000000000000' },
      'another organization there': { org_id: 'org_other' },
    },
  },
};

/** The documents of the imitated internet, by URL, and the URLs that the service fetched. */
const published = new Map<string, unknown>();
const fetched: string[] = [];

function network(request: IncomingMessage, response: ServerResponse): void {
  const url = `https://${request.headers.host}${request.url}`;
  fetched.push(url);
  const document = published.get(url);
  response.writeHead(document ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(document ?? {}));
}

let edgemint: RunningEdgemint;
let apiKey: string;

beforeAll(async () => {
  edgemint = await startEdgemint({ network });
  apiKey = await newOrganization('Acme');
  await post('resource-servers', { identifier: RESOURCE, name: 'Orders', scopes: [{ name: 'orders:read' }] });
});

afterAll(() => edgemint?.stop());

/** Creates an organization. @returns an API key of it */
async function newOrganization(name: string): Promise<string> {
  const { id } = await post<{ id: string }>('organizations', { name }, edgemint.rootApiKey);
  const body = { organization_id: id, name: 'administrator', scopes: ['clients:write', 'resource-servers:write'] };
  return (await post<{ api_key: string }>('api-keys', body, edgemint.rootApiKey)).api_key;
}

async function post<T = Fields>(path: string, body: unknown, key = apiKey): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` };
  const response = await fetch(`${edgemint.issuer}/v1/${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

interface Playing {
  readonly clientId: string;
  tokenOf(claims?: Fields): Promise<string>;
}

/** Plays a platform, and registers the documentation's client that trusts it. Only the keys differ from the documentation. */
async function play(heading: string): Promise<Playing> {
  const { alg, jwksUri, use, typ, lifetime, claims, listsAudience } = platformOf(heading);
  const body = bodies.get(heading);
  const identity = body?.federated_identities[0];
  if (!body || !identity) throw new Error(`The page has nothing for ${heading}.`);
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const kid = crypto.randomUUID();
  const keys = [{ ...(await exportJWK(publicKey)), kid, ...(use ? { use } : { use: 'sig', alg }) }];
  const { issuer } = identity;
  if (jwksUri) published.set(jwksUri, { keys });
  published.set(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, { issuer, jwks_uri: jwksUri });
  const { client_id } = await post<{ client_id: string }>('clients', {
    ...body,
    client_name: `${heading} ${kid}`,
    grants: [{ resource_server: RESOURCE, scopes: ['orders:read'] }],
    federated_identities: [{ ...identity, ...(identity.jwks ? { jwks: { keys } } : {}) }],
  });
  return {
    clientId: client_id,
    tokenOf: (others = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const aud = listsAudience ? [edgemint.issuer] : edgemint.issuer;
      const times = { iat: now, nbf: now, exp: now + lifetime };
      const payload = { iss: issuer, aud, ...times, ...claims, ...others } as JWTPayload;
      return new SignJWT(payload).setProtectedHeader({ alg, kid, ...(typ && { typ }) }).sign(privateKey);
    },
  };
}

/** One platform for each heading, which tests share. Its client is registered once. */
const known = new Map<string, Promise<Playing>>();
function played(heading: string): Promise<Playing> {
  const playing = known.get(heading) ?? play(heading);
  known.set(heading, playing);
  return playing;
}

function platformOf(heading: string): Platform {
  const platform = PLATFORMS[heading];
  if (!platform) throw new Error(`Nobody plays ${heading}.`);
  return platform;
}

function ask(heading: string, client_id: string, client_assertion: string): Promise<Response> {
  const usual = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const { assertionType: client_assertion_type = usual } = platformOf(heading);
  const form = { grant_type: 'client_credentials', client_id, client_assertion_type, client_assertion };
  return fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
}

test('every body of the documentation is played here, and accepted as it stands', async () => {
  expect([...bodies.keys()].sort()).toEqual(Object.keys(PLATFORMS).sort());
  expect(page.match(/^```json$/gm)).toHaveLength(bodies.size);
  for (const body of bodies.values()) {
    const { federated_identities } = await post<ClientBody>('clients', body);
    expect(federated_identities).toMatchObject(body.federated_identities);
  }
});

test('the command line takes every body as it stands', async () => {
  const env = { EDGEMINT_URL: edgemint.issuer, EDGEMINT_API_KEY: await newOrganization('By hand') };
  const person = await Person.arrive(env);
  try {
    for (const body of bodies.values()) {
      const file = person.file('client.json');
      await writeFile(file, JSON.stringify(body));
      const made = await person.json<ClientBody>(['clients', 'create', '--from', file]);
      expect(made).toMatchObject(body);
      expect(made.client_secret ?? null).toBeNull();
    }
  } finally {
    await person.leave();
  }
});

describe.each(Object.entries(PLATFORMS))('%s', (heading, { jwksUri, others, lifetime }) => {
  let playing: Playing;
  beforeAll(async () => {
    playing = await played(heading);
  });

  test('has its workload’s token taken, again and again, and its keys fetched once', async () => {
    const before = fetched.length;
    const token = await playing.tokenOf();
    for (const _ of [1, 2]) {
      const response = await ask(heading, playing.clientId, token);
      const answer = (await response.json()) as { access_token: string };
      expect([response.status, answer]).toEqual([200, expect.objectContaining({ scope: 'orders:read' })]);
      expect(decodeJwt(answer.access_token)).toMatchObject({ sub: playing.clientId, aud: RESOURCE });
    }
    const asked = fetched.slice(before);
    if (jwksUri === null) expect(asked).toEqual([]);
    else expect([asked.length, asked.at(-1)]).toEqual([heading === 'SPIFFE' ? 1 : 2, jwksUri]);
  });

  test.each(Object.entries(others))('has that of %s refused', async (_, claims) => {
    const response = await ask(heading, playing.clientId, await playing.tokenOf(claims));
    expect([response.status, await response.json()]).toEqual([
      401,
      expect.objectContaining({ error: 'invalid_client' }),
    ]);
  });

  test('has a token refused that is for the platform itself, for others as well, or too old', async () => {
    const now = Math.floor(Date.now() / 1000);
    const { issuer = '' } = bodies.get(heading)?.federated_identities[0] ?? {};
    const old = { iat: now - lifetime - 100, nbf: now - lifetime - 100, exp: now - 100 };
    for (const claims of [{ aud: issuer }, { aud: [edgemint.issuer, issuer] }, old]) {
      expect((await ask(heading, playing.clientId, await playing.tokenOf(claims))).status).toBe(401);
    }
  });
});

test('the token of one cluster is not that of another of the same name', async () => {
  const [ours, theirs] = [await play('A private cluster'), await play('A private cluster')];
  expect((await ask('A private cluster', ours.clientId, await ours.tokenOf())).status).toBe(200);
  expect((await ask('A private cluster', ours.clientId, await theirs.tokenOf())).status).toBe(401);
});

describe('the examples, run as they stand,', () => {
  const run = promisify(execFile);
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'edgemint-workload-'));
  });
  afterAll(() => rm(home, { recursive: true }));

  test('are those of the page', async () => {
    for (const name of ['github-actions/workflow.yaml', 'kubernetes/pod.yaml']) {
      expect(page).toContain(`\`\`\`yaml\n${await readFile(new URL(name, EXAMPLES), 'utf8')}\`\`\``);
    }
  });

  test('get a job at GitHub its access token', async () => {
    const { clientId, tokenOf } = await played('GitHub Actions');
    const workflow = parse(await readFile(new URL('github-actions/workflow.yaml', EXAMPLES), 'utf8'));
    expect(workflow.permissions['id-token']).toBe('write');
    expect([workflow.env.EDGEMINT, workflow.jobs.deploy.environment]).toEqual([EXAMPLE_ISSUER, 'production']);
    const step = workflow.jobs.deploy.steps.find(({ name }: { name?: string }) => name === 'Get an access token');
    // GitHub sets pipefail only for a step that names its shell.
    expect(step.shell).toBe('bash');
    const service = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', edgemint.issuer);
      const isAllowed = request.headers.authorization === 'Bearer of-the-job' && searchParams.has('api-version');
      void tokenOf({ aud: searchParams.get('audience') }).then((value) =>
        response.writeHead(isAllowed ? 200 : 401).end(JSON.stringify({ count: 1, value })),
      );
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const { port } = service.address() as AddressInfo;
    const env = {
      PATH: process.env.PATH,
      EDGEMINT: edgemint.issuer,
      CLIENT_ID: clientId,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job',
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      GITHUB_ENV: join(home, 'github-env'),
    };
    try {
      await run('bash', ['-e', '-o', 'pipefail', '-c', step.run], { env });
      const denied = { ...env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-nobody' };
      await expect(run('bash', ['-e', '-o', 'pipefail', '-c', step.run], { env: denied })).rejects.toThrow();
    } finally {
      service.close();
    }
    const [, token = ''] = (await readFile(env.GITHUB_ENV, 'utf8')).match(/^ACCESS_TOKEN=(.+)$/m) ?? [];
    expect(decodeJwt(token)).toMatchObject({ iss: edgemint.issuer, sub: clientId });
  });

  test('get a pod its access token', async () => {
    const { clientId, tokenOf } = await played('Kubernetes');
    const documents = parseAllDocuments(await readFile(new URL('kubernetes/pod.yaml', EXAMPLES), 'utf8'));
    const [account, pod] = documents.map((document) => document.toJS());
    const { namespace, name } = account.metadata;
    expect(`system:serviceaccount:${namespace}:${name}`).toBe(CLUSTER.sub);
    expect([pod.metadata.namespace, pod.spec.serviceAccountName]).toEqual([namespace, name]);
    const [container] = pod.spec.containers;
    const [mount] = container.volumeMounts;
    const volume = pod.spec.volumes.find((one: { name: string }) => one.name === mount.name);
    const { path, audience } = volume.projected.sources[0].serviceAccountToken;
    expect([audience, container.env[0].value]).toEqual([EXAMPLE_ISSUER, EXAMPLE_ISSUER]);
    await writeFile(join(home, path), await tokenOf());
    const [command, ...args] = [...container.command, ...container.args] as string[];
    const inHome = args.map((text) => text.replaceAll(`${mount.mountPath}/`, `${home}/`));
    const env = { PATH: process.env.PATH, EDGEMINT: edgemint.issuer, CLIENT_ID: clientId };
    const { stdout } = await run(command ?? '', inHome, { env });
    expect(decodeJwt(JSON.parse(stdout).access_token)).toMatchObject({ sub: clientId });
  });
});
