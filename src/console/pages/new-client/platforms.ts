import type { Place } from './choose-method.ts';

/** A platform that gives its workloads tokens, with what identifies a workload there. */
export type PlatformId = 'github' | 'kubernetes' | 'gitlab' | 'aws' | 'google' | 'azure' | 'spiffe' | 'other';

interface PlatformField {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly example: string;
  readonly isOptional?: true;
}

export interface Identity {
  issuer: string;
  audience?: string;
  subject?: string;
  claims?: Record<string, string>;
  jwks_uri?: string;
}

interface Platform {
  readonly label: string;
  readonly fields: readonly PlatformField[];
  readonly identity: (values: Readonly<Record<string, string>>) => Identity;
}

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';
const UID_CLAIM = '/kubernetes.io/serviceaccount/uid';

/** What is asked about a workload of each platform. The rules are those of docs/workload-identity.md: ids rather than names. */
export const PLATFORMS: Readonly<Record<PlatformId, Platform>> = {
  github: {
    label: 'GitHub Actions',
    fields: [
      {
        name: 'repository_id',
        label: 'Repository id',
        help: 'The id, because a name can be taken over: gh api repos/OWNER/REPO --jq .id',
        example: '74',
      },
      {
        name: 'repository_owner_id',
        label: 'Owner id',
        help: 'gh api repos/OWNER/REPO --jq .owner.id',
        example: '65',
        isOptional: true,
      },
      {
        name: 'environment',
        label: 'Environment',
        help: 'Only jobs of this environment. Its rules say who may deploy, and from which branch.',
        example: 'production',
        isOptional: true,
      },
      {
        name: 'ref',
        label: 'Git ref',
        help: 'Only this branch or tag. * matches any characters.',
        example: 'refs/heads/main',
        isOptional: true,
      },
    ],
    identity: ({ repository_id = '', repository_owner_id = '', environment = '', ref = '' }) => ({
      issuer: GITHUB_ISSUER,
      claims: present({ repository_id, repository_owner_id, environment, ref }),
    }),
  },
  kubernetes: {
    label: 'Kubernetes',
    fields: [
      {
        name: 'issuer',
        label: 'Issuer of the cluster',
        help: 'issuer in the output of kubectl get --raw /.well-known/openid-configuration',
        example: 'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE',
      },
      { name: 'namespace', label: 'Namespace', help: 'The namespace of the pod.', example: 'shop' },
      { name: 'account', label: 'Service account', help: 'The service account of the pod.', example: 'orders' },
      {
        name: 'uid',
        label: 'Uid of the service account',
        help: 'Refuses a new service account of the same name: kubectl get serviceaccount NAME -n NAMESPACE -o jsonpath={.metadata.uid}',
        example: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798',
        isOptional: true,
      },
    ],
    identity: ({ issuer = '', namespace = '', account = '', uid = '' }) => ({
      issuer,
      subject: `system:serviceaccount:${namespace}:${account}`,
      ...(uid !== '' && { claims: { [UID_CLAIM]: uid } }),
    }),
  },
  gitlab: {
    label: 'GitLab',
    fields: [
      {
        name: 'issuer',
        label: 'Issuer',
        help: 'A GitLab of your own is its own issuer.',
        example: 'https://gitlab.com',
      },
      { name: 'project_id', label: 'Project id', help: 'The id, because a path can be taken over.', example: '22' },
      { name: 'namespace_id', label: 'Namespace id', help: 'The id of the group.', example: '72', isOptional: true },
      { name: 'ref', label: 'Branch', help: 'Only this protected branch.', example: 'main', isOptional: true },
    ],
    identity: ({ issuer = '', project_id = '', namespace_id = '', ref = '' }) => ({
      issuer,
      claims: present({
        project_id,
        namespace_id,
        ...(ref !== '' && { ref_type: 'branch', ref, ref_protected: 'true' }),
      }),
    }),
  },
  aws: {
    label: 'AWS',
    fields: [
      {
        name: 'issuer',
        label: 'Issuer of the account',
        help: 'aws iam enable-outbound-web-identity-federation shows it.',
        example: 'https://abc12345-def4-5678-90ab-cdef12345678.tokens.sts.global.api.aws',
      },
      {
        name: 'subject',
        label: 'Role',
        help: 'The ARN of the role of the workload.',
        example: 'arn:aws:iam::123456789012:role/order-export',
      },
    ],
    identity: ({ issuer = '', subject = '' }) => ({ issuer, subject }),
  },
  google: {
    label: 'Google Cloud',
    fields: [
      {
        name: 'subject',
        label: 'Unique id of the service account',
        help: "gcloud iam service-accounts describe … --format 'value(uniqueId)'",
        example: '107517467455664443765',
      },
    ],
    identity: ({ subject = '' }) => ({ issuer: 'https://accounts.google.com', subject }),
  },
  azure: {
    label: 'Azure',
    fields: [
      {
        name: 'tenant',
        label: 'Tenant id',
        help: 'The directory that the managed identity belongs to.',
        example: '8a5c9e2f-41f0-4a52-9b1c-2f6d0c1a7e34',
      },
      {
        name: 'app',
        label: 'App registration',
        help: 'The application id of the registration that stands for this service.',
        example: '5e1d7b0c-6c1f-4f0e-8d3b-0a9b8c7d6e5f',
      },
      {
        name: 'subject',
        label: 'Principal id',
        help: 'az identity show --resource-group … --name … --query principalId --output tsv',
        example: '7d0f3c55-9a0e-4a5c-b6f2-1c2d3e4f5a6b',
      },
    ],
    identity: ({ tenant = '', app = '', subject = '' }) => ({
      issuer: `https://sts.windows.net/${tenant}/`,
      audience: `api://${app}`,
      subject,
    }),
  },
  spiffe: {
    label: 'SPIFFE',
    fields: [
      { name: 'issuer', label: 'Trust domain', help: 'With spiffe:// before it.', example: 'spiffe://example.org' },
      {
        name: 'subject',
        label: 'SPIFFE ID',
        help: 'The id of the workload.',
        example: 'spiffe://example.org/ns/shop/sa/orders',
      },
      {
        name: 'jwks_uri',
        label: 'Bundle endpoint',
        help: 'A public https URL.',
        example: 'https://spire.example.org:8443/bundle',
      },
    ],
    identity: ({ issuer = '', subject = '', jwks_uri = '' }) => ({ issuer, subject, jwks_uri }),
  },
  other: {
    label: 'Another issuer of JWTs',
    fields: [
      {
        name: 'issuer',
        label: 'Issuer',
        help: 'The iss of its tokens, exactly. Its keys are found by its discovery document.',
        example: 'https://issuer.example.com',
      },
      { name: 'subject', label: 'Subject', help: 'The sub of the workload’s tokens.', example: 'worker-7' },
      {
        name: 'audience',
        label: 'Audience',
        help: 'Only if it cannot issue tokens for this service. Default: the issuer of this service.',
        example: 'https://auth.example.com',
        isOptional: true,
      },
    ],
    identity: ({ issuer = '', subject = '', audience = '' }) => ({ issuer, subject, ...present({ audience }) }),
  },
};

const AT: Readonly<Record<Place, readonly PlatformId[]>> = {
  kubernetes: ['kubernetes', 'spiffe', 'other'],
  github: ['github'],
  cloud: ['aws', 'google', 'azure', 'spiffe', 'other'],
  own: ['gitlab', 'spiffe', 'other', 'github', 'kubernetes', 'aws', 'google', 'azure'],
  third_party: ['other', 'github', 'gitlab', 'kubernetes', 'aws', 'google', 'azure', 'spiffe'],
};

/** Returns the platforms that vouch for machines at a place, the likeliest one first. */
export function platformsAt(place: Place): readonly PlatformId[] {
  return AT[place];
}

/** Returns the required fields of a platform that are empty. */
export function missingFields(platform: PlatformId, values: Readonly<Record<string, string>>): string[] {
  return PLATFORMS[platform].fields
    .filter(({ name, isOptional }) => !isOptional && (values[name] ?? '').trim() === '')
    .map(({ name }) => name);
}

/** Returns the federated identity of a workload. */
export function identityOf(platform: PlatformId, values: Readonly<Record<string, string>>): Identity {
  const trimmed = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.trim()]));
  return PLATFORMS[platform].identity(trimmed);
}

function present(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}
