import { describe, expect, test } from 'vitest';
import { identityFaults } from '../../src/federation/identity-faults.ts';
import type { FederatedIdentity } from '../../src/gates/protocol.ts';

const OURS = 'https://auth.example.com';
const GITHUB = 'https://token.actions.githubusercontent.com';
const GITLAB = 'https://gitlab.com';
const GOOGLE = 'https://accounts.google.com';
const BUILDKITE = 'https://agent.buildkite.com';
const TERRAFORM = 'https://app.terraform.io';
const CODEFRESH = 'https://oidc.codefresh.io';
const VERCEL = 'https://oidc.vercel.com';
const EKS = 'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE';
const PRIVATE_CLUSTER = 'https://kubernetes.default.svc.cluster.local';
const AWS = 'https://abc12345-def4-5678-90ab-cdef12345678.tokens.sts.global.api.aws';
const SPIFFE = 'spiffe://example.org';
const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
const jwks_uri = 'https://keys.example.org/bundle';

type Given = Omit<FederatedIdentity, 'audience'>;

function faultsOf(given: Given) {
  return identityFaults({ audience: OURS, ...given }, OURS);
}

/** Returns the paths of an identity's faults. */
function wrong(given: Given): string[] {
  return faultsOf(given).map(({ path }) => path.join('/'));
}

describe('a client may be told to trust', () => {
  test.each<[string, Given]>([
    ['a repository of GitHub by its id', { issuer: GITHUB, claims: { repository_id: '74' } }],
    ['its id as a number', { issuer: GITHUB, claims: { repository_id: 74 } }],
    ['its id by a pointer', { issuer: GITHUB, claims: { '/repository_id': '74' } }],
    ['several repositories', { issuer: GITHUB, claims: { repository_id: ['74', '75'] } }],
    ['an environment of it', { issuer: GITHUB, claims: { repository_id: '74', environment: 'production' } }],
    ['all branches of it', { issuer: GITHUB, claims: { repository_id: '74', ref: 'refs/heads/*' } }],
    ['all organizations’ repositories of an owner', { issuer: GITHUB, claims: { repository_owner_id: '65' } }],
    ['a repository by its name', { issuer: GITHUB, claims: { repository: 'octo-org/octo-repo' } }],
    ['a subject', { issuer: GITHUB, subject: 'repo:octo-org/octo-repo:environment:production' }],
    ['a subject of a repository', { issuer: GITHUB, subject: 'repo:octo-org/octo-repo:*' }],
    ['a subject of an owner', { issuer: GITHUB, subject: 'repo:octo-org/*' }],
    ['a subject with ids', { issuer: GITHUB, subject: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' }],
    ['a subject of another form that has the owner first', { issuer: GITHUB, subject: 'repository_owner_id:65:*' }],
    ['nothing but the owner as the subject', { issuer: GITHUB, subject: 'repository_owner:octo-org' }],
    [
      'a reusable workflow, called by an owner',
      {
        issuer: GITHUB,
        claims: { repository_owner_id: '65', job_workflow_ref: 'octo-org/ci/.github/workflows/deploy.yml@*' },
      },
    ],
    ['an enterprise’s own issuer', { issuer: `${GITHUB}/octo-inc`, claims: { environment: 'production' } }],
    ['a project of GitLab', { issuer: GITLAB, claims: { project_id: '22', ref_protected: true } }],
    ['a group of GitLab', { issuer: GITLAB, claims: { namespace_id: '72' } }],
    ['a subject of GitLab', { issuer: GITLAB, subject: 'project_path:my-group/my-project:ref_type:branch:ref:main' }],
    ['subjects of a group of GitLab', { issuer: GITLAB, subject: 'project_path:my-group/*' }],
    ['one’s own GitLab', { issuer: 'https://gitlab.example.com', claims: { project_path: 'my-group/*' } }],
    ['a service account of Google', { issuer: GOOGLE, subject: '107517467455664443765' }],
    ['a service account by its name', { issuer: GOOGLE, claims: { email: 'ci@p.iam.gserviceaccount.com' } }],
    ['a pipeline of Buildkite', { issuer: BUILDKITE, subject: 'organization:acme-inc:pipeline:app:*' }],
    ['a workspace of Terraform', { issuer: TERRAFORM, subject: 'organization:my-org:project:*' }],
    ['a pipeline of Codefresh', { issuer: CODEFRESH, subject: 'account:64f884faac751b77526b7e2e:pipeline:*' }],
    ['a project of Vercel', { issuer: VERCEL, subject: 'owner:acme:project:shop:environment:production' }],
    ['a service account of a cluster', { issuer: EKS, subject: 'system:serviceaccount:shop:orders' }],
    ['all of a namespace', { issuer: EKS, subject: 'system:serviceaccount:shop:*' }],
    ['a namespace by its claim', { issuer: EKS, claims: { '/kubernetes.io/namespace': 'shop' } }],
    ['a service account by its uid', { issuer: EKS, claims: { '/kubernetes.io/serviceaccount/uid': 'be7d-11' } }],
    [
      'a cluster that nobody can reach, by its keys',
      { issuer: PRIVATE_CLUSTER, jwks, subject: 'system:serviceaccount:shop:orders' },
    ],
    ['a role of an account of AWS', { issuer: AWS, subject: 'arn:aws:iam::123456789012:role/orders' }],
    ['all roles of a path', { issuer: AWS, subject: 'arn:aws:iam::123456789012:role/ci/*' }],
    ['an account of AWS', { issuer: AWS, claims: { '/https:~1~1sts.amazonaws.com~1/aws_account': '123456789012' } }],
    ['another server like this one', { issuer: 'https://auth.other.example.com/tenant/a', subject: 'emc_1' }],
    ['an issuer on a port of its own', { issuer: 'https://issuer.example.com:8443', subject: 'job' }],
    ['a subject in another script', { issuer: 'https://issuer.example.com', subject: 'ジョブ*' }],
    ['a workload of a trust domain', { issuer: SPIFFE, jwks_uri, subject: 'spiffe://example.org/orders' }],
    ['workloads of a trust domain', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/ns/shop/sa/*' }],
    ['a workload of one letter', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/a' }],
  ])('%s', (_, given) => {
    expect(faultsOf(given)).toEqual([]);
  });
});

describe('a condition that everybody fulfils is refused:', () => {
  test.each<[string, Given, string]>([
    ['none', { issuer: EKS }, 'subject'],
    ['none, of no claims', { issuer: EKS, claims: {} }, 'subject'],
    ['a wildcard', { issuer: EKS, subject: '*' }, 'subject'],
    ['wildcards and what stands between', { issuer: EKS, subject: '*:*/*' }, 'subject'],
    ['a wildcard beside a condition', { issuer: GITHUB, claims: { repository_id: '74', ref: '*' } }, 'claims/ref'],
    ['a wildcard among several', { issuer: GITHUB, claims: { repository_id: ['74', '*'] } }, 'claims/repository_id'],
    [
      'a namespace, or what all contain',
      { issuer: EKS, claims: { '/kubernetes.io/namespace': ['shop', '*a*'] } },
      'subject',
    ],
    ['how all begin that have a letter', { issuer: EKS, subject: 's*' }, 'subject'],
    ['what all contain', { issuer: EKS, subject: '*serviceaccount*' }, 'subject'],
    ['how all service accounts begin', { issuer: EKS, subject: 'system:serviceaccount:*' }, 'subject'],
    ['how all service accounts begin, shorter', { issuer: EKS, subject: 'system:*' }, 'subject'],
    [
      'how all service accounts begin, one letter further',
      { issuer: EKS, subject: 'system:serviceaccount:a*' },
      'subject',
    ],
    ['a service account of any namespace', { issuer: EKS, subject: 'system:serviceaccount:*:default' }, 'subject'],
    ['how all roles begin', { issuer: AWS, subject: 'arn:aws:iam::*' }, 'subject'],
    ['how everything of AWS begins', { issuer: AWS, subject: 'arn:*' }, 'subject'],
    ['everything of another part of AWS', { issuer: AWS, subject: 'arn:aws-us-gov:iam::*:role/deployer' }, 'subject'],
    ['a scheme', { issuer: EKS, subject: 'https://*' }, 'subject'],
    ['a scheme and a host', { issuer: EKS, subject: 'spiffe://example.org/*' }, 'subject'],
    ['a word and a colon', { issuer: EKS, subject: 'user:*' }, 'subject'],
    ['a word and a bar', { issuer: EKS, subject: 'auth0|*' }, 'subject'],
    [
      'any project at an issuer that everybody has tokens of',
      {
        issuer: 'https://confidentialcomputing.googleapis.com',
        subject: 'https://www.googleapis.com/compute/v1/projects/*',
      },
      'claims',
    ],
    ['the issuer once more', { issuer: EKS, claims: { iss: EKS } }, 'claims/iss'],
    ['the issuer by a pointer', { issuer: EKS, claims: { '/iss': EKS } }, 'claims//iss'],
    ['the audience once more', { issuer: EKS, claims: { aud: OURS } }, 'claims/aud'],
    ['times', { issuer: EKS, claims: { iat: '17*' } }, 'claims/iat'],
    ['a boolean', { issuer: 'https://gitlab.example.com', claims: { ref_protected: true } }, 'subject'],
    ['a boolean as a text', { issuer: 'https://gitlab.example.com', claims: { ref_protected: 'true' } }, 'subject'],
    ['both booleans', { issuer: 'https://gitlab.example.com', claims: { fork: ['true', 'false'] } }, 'subject'],
    ['no path of a trust domain', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/*' }, 'subject'],
    ['an empty path', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/' }, 'subject'],
    ['a trust domain alone', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org*' }, 'subject'],
    ['how all of a mesh begin', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/ns/*' }, 'subject'],
    ['a letter within a trust domain', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org/n*' }, 'subject'],
    ['any trust domain', { issuer: SPIFFE, jwks, subject: 'spiffe://*' }, 'subject'],
    ['another trust domain', { issuer: SPIFFE, jwks, subject: 'spiffe://example.org.evil/a' }, 'subject'],
    ['a claim in place of a path', { issuer: SPIFFE, jwks, claims: { cluster: 'prod' } }, 'subject'],
  ])('%s', (_, given, where) => {
    expect(wrong(given)).toEqual([where]);
  });
});

describe('of an issuer that everybody can have tokens of, a condition that names no account is refused:', () => {
  test.each<[string, Given]>([
    ['a branch', { issuer: GITHUB, claims: { ref: 'refs/heads/main' } }],
    ['an environment', { issuer: GITHUB, claims: { environment: 'production' } }],
    ['hosted runners', { issuer: GITHUB, claims: { runner_environment: 'github-hosted' } }],
    // Any caller of the workflow has this value in its tokens.
    ['a workflow that others can call', { issuer: GITHUB, claims: { job_workflow_ref: 'octo-org/ci/a.yml@main' } }],
    ['who pushed', { issuer: GITHUB, claims: { actor_id: '12' } }],
    ['the visibility', { issuer: GITHUB, claims: { repository_visibility: 'private' } }],
    ['owners that begin alike', { issuer: GITHUB, claims: { repository_owner: 'octo-*' } }],
    ['repositories that begin alike', { issuer: GITHUB, claims: { repository: 'octo-org/*' } }],
    ['ids that begin alike', { issuer: GITHUB, claims: { repository_id: '74*' } }],
    ['an id, or those that begin alike', { issuer: GITHUB, claims: { repository_id: ['74', '75*'] } }],
    ['no id', { issuer: GITHUB, claims: { repository_id: 'true' } }],
    ['a nested claim of that name', { issuer: GITHUB, claims: { '/x/repository_id': '74' } }],
    ['what is nested in that claim', { issuer: GITHUB, claims: { '/repository_id/x': '74' } }],
    ['any owner', { issuer: GITHUB, subject: 'repo:*/octo-repo:ref:refs/heads/main' }],
    ['owners that begin alike, in the subject', { issuer: GITHUB, subject: 'repo:octo*' }],
    ['owners that begin alike, to the slash', { issuer: GITHUB, subject: 'repo:octo*/octo-repo:*' }],
    ['all repositories', { issuer: GITHUB, subject: 'repo:*' }],
    ['how an owner’s id begins', { issuer: GITHUB, subject: 'repository_owner_id:6*' }],
    // The owner of a repository can customize its subjects.
    ['a subject without a repository', { issuer: GITHUB, subject: 'environment:production' }],
    [
      'a subject of a workflow that others can call',
      { issuer: GITHUB, subject: 'job_workflow_ref:octo-org/ci/a.yml@main' },
    ],
    ['a repository further on', { issuer: GITHUB, subject: 'actor:x:repo:octo-org/octo-repo' }],
    ['a subject without the owner', { issuer: GITHUB, subject: 'repo:octo-org' }],
    ['with keys of its own', { issuer: GITHUB, jwks, claims: { environment: 'production' } }],
    ['a branch of GitLab', { issuer: GITLAB, claims: { ref: 'main', ref_protected: 'true' } }],
    ['groups that begin alike', { issuer: GITLAB, subject: 'project_path:my-*' }],
    ['a group without its end', { issuer: GITLAB, subject: 'project_path:my-group*' }],
    ['anybody’s job', { issuer: GITLAB, claims: { user_login: 'someone' } }],
    ['accounts of Google that begin alike', { issuer: GOOGLE, subject: '10*' }],
    ['accounts of a domain', { issuer: GOOGLE, claims: { email: 'ci*@p.iam.gserviceaccount.com' } }],
    ['verified accounts', { issuer: GOOGLE, claims: { email_verified: 'true', hd: 'x' } }],
    ['organizations of Buildkite that begin alike', { issuer: BUILDKITE, subject: 'organization:acme*' }],
    ['organizations of Terraform that begin alike', { issuer: TERRAFORM, subject: 'organization:my-*' }],
    ['accounts of Codefresh that begin alike', { issuer: CODEFRESH, subject: 'account:64*' }],
    ['owners of Vercel that begin alike', { issuer: VERCEL, subject: 'owner:ac*:project:shop' }],
  ])('%s', (_, given) => {
    expect(wrong(given)).toHaveLength(1);
  });

  test('and told what would do', () => {
    expect(faultsOf({ issuer: GITHUB, claims: { environment: 'production' } })).toEqual([
      { path: ['claims'], detail: expect.stringContaining('`repository_id`, `repository_owner_id`') },
    ]);
  });
});

describe('an issuer is refused that', () => {
  const subject = 'job:1';
  test.each<[string, Given, string]>([
    ['is this service', { issuer: OURS, subject }, 'issuer'],
    ['is this service, with a trailing slash', { issuer: `${OURS}/`, subject }, 'issuer'],
    ['is this service, with its port', { issuer: `${OURS}:443`, jwks, subject }, 'issuer'],
    ['is this service, in upper case', { issuer: OURS.toUpperCase(), jwks, subject }, 'issuer'],
    ['is this service, with keys', { issuer: OURS, jwks, subject }, 'issuer'],
    ['is no URL', { issuer: 'kubernetes/serviceaccount', subject }, 'issuer'],
    ['is no URL, with keys', { issuer: 'kubernetes/serviceaccount', jwks, subject }, 'issuer'],
    ['is not https', { issuer: 'http://issuer.example.com', subject }, 'issuer'],
    ['is not https, with keys', { issuer: 'http://issuer.example.com', jwks, subject }, 'issuer'],
    ['has a query', { issuer: 'https://issuer.example.com/?a=b', jwks, subject }, 'issuer'],
    ['has a fragment', { issuer: 'https://issuer.example.com/#a', jwks, subject }, 'issuer'],
    ['is within a cluster', { issuer: PRIVATE_CLUSTER, subject }, 'issuer'],
    ['is this machine', { issuer: 'https://localhost', subject }, 'issuer'],
    ['is a private address', { issuer: 'https://10.0.0.1', subject }, 'issuer'],
    ['is where clouds keep metadata', { issuer: 'https://metadata.google.internal', subject }, 'issuer'],
    ['has its keys at a private address', { issuer: EKS, jwks_uri: 'https://192.168.0.1/keys', subject }, 'jwks_uri'],
    ['has its keys at no https', { issuer: EKS, jwks_uri: 'http://keys.example.com', subject }, 'jwks_uri'],
    ['has keys here and there', { issuer: EKS, jwks_uri, jwks, subject }, 'jwks_uri'],
    ['is a trust domain without keys', { issuer: SPIFFE, subject: `${SPIFFE}/orders` }, 'jwks_uri'],
    ['is a trust domain with a path', { issuer: `${SPIFFE}/a`, jwks, subject: `${SPIFFE}/a/orders` }, 'issuer'],
    ['is a trust domain with its slash', { issuer: `${SPIFFE}/`, jwks, subject: `${SPIFFE}//orders` }, 'issuer'],
    [
      'is a trust domain in capitals',
      { issuer: 'spiffe://Example.org', jwks, subject: 'spiffe://Example.org/a' },
      'issuer',
    ],
    ['is a trust domain with a port', { issuer: 'spiffe://a.org:1', jwks, subject: 'spiffe://a.org:1/a' }, 'issuer'],
    ['is no trust domain', { issuer: 'spiffe://*', jwks, subject: 'spiffe://*/orders' }, 'issuer'],
  ])('%s', (_, given, where) => {
    expect(wrong(given)).toContain(where);
  });
});
