import { type Answers, type Binding, type Choice, type Method, recommend, usesCertificate } from './choose-method.ts';
import { identityOf, missingFields, PLATFORMS, type PlatformId, platformsAt } from './platforms.ts';

export interface Grant {
  readonly resource_server: string;
  readonly scopes: readonly string[];
}

export const SUBJECT_FIELDS = {
  tls_client_auth_subject_dn: 'Subject (RFC 2253)',
  tls_client_auth_san_dns: 'DNS name',
  tls_client_auth_san_uri: 'URI',
  tls_client_auth_san_ip: 'IP address',
  tls_client_auth_san_email: 'E-mail address',
} as const;
export type SubjectField = keyof typeof SUBJECT_FIELDS;

/** What is typed into the page for a new client. It has nothing secret, so it can wait in the browser's session storage. */
export interface Draft {
  readonly answers: Answers;
  /** The method and binding in place of those recommended; null to follow the recommendation. */
  readonly override: Choice | null;
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  readonly expiresAt: string | null;
  readonly grants: readonly Grant[];
  readonly roles: readonly string[];
  readonly tokenTtl: number | null;
  readonly perMinute: number | null;
  readonly burst: number | null;
  readonly keysAt: 'jwks' | 'jwks_uri';
  readonly jwks: string;
  readonly jwksUri: string;
  readonly subjectField: SubjectField;
  readonly subject: string;
  readonly platform: PlatformId | null;
  readonly workload: Readonly<Record<string, string>>;
}

export const EMPTY_DRAFT: Draft = {
  answers: { place: 'own', keepsKey: false, certificate: 'none', needsForm: false, isBound: false },
  override: null,
  name: '',
  description: '',
  owner: '',
  expiresAt: null,
  grants: [],
  roles: [],
  tokenTtl: null,
  perMinute: null,
  burst: null,
  keysAt: 'jwks',
  jwks: '',
  jwksUri: '',
  subjectField: 'tls_client_auth_san_dns',
  subject: '',
  platform: null,
  workload: {},
};

export interface FieldProblem {
  readonly pointer: string;
  readonly detail: string;
}

/** Reads a stored draft. One that another version of the page wrote lacks members or has others. */
export function readDraft(stored: string | null): Draft {
  if (stored === null) return EMPTY_DRAFT;
  try {
    const value: unknown = JSON.parse(stored);
    if (typeof value !== 'object' || value === null) return EMPTY_DRAFT;
    const known = Object.entries(value).filter(([name]) => Object.hasOwn(EMPTY_DRAFT, name));
    const draft = { ...EMPTY_DRAFT, ...Object.fromEntries(known) } as Draft;
    return { ...draft, answers: { ...EMPTY_DRAFT.answers, ...draft.answers } };
  } catch {
    return EMPTY_DRAFT;
  }
}

/** Returns the method and binding that a draft has: the recommended ones, or those chosen instead. */
export function choiceOf({ answers, override }: Draft, isStrict: boolean): Choice {
  if (override) return override;
  const { method, binding } = recommend(answers, isStrict);
  return { method, binding };
}

/** Returns the platform of a draft, which is one of its place. */
export function platformOf({ answers, platform }: Draft): PlatformId {
  const [first = 'other', ...others] = platformsAt(answers.place);
  return platform !== null && others.includes(platform) ? platform : first;
}

/** Returns the body that creates the client; fields with their default are left out. */
export function bodyOf(draft: Draft, { method, binding }: Choice, organizationId: string) {
  return {
    organization_id: organizationId,
    client_name: draft.name.trim(),
    ...(draft.description.trim() !== '' && { description: draft.description.trim() }),
    ...(draft.owner.trim() !== '' && { owner: draft.owner.trim() }),
    token_endpoint_auth_method: method,
    ...credentialOf(draft, method),
    ...(binding === 'dpop' && { dpop_bound_access_tokens: true }),
    ...(binding === 'certificate' && { tls_client_certificate_bound_access_tokens: true }),
    ...(draft.grants.length > 0 && {
      grants: draft.grants.map(({ resource_server, scopes }) => ({ resource_server, scopes: [...scopes] })),
    }),
    ...(draft.roles.length > 0 && { roles: [...draft.roles] }),
    ...(draft.tokenTtl !== null && { access_token_ttl: draft.tokenTtl }),
    ...rateLimitOf(draft),
    ...(draft.expiresAt !== null && { expires_at: draft.expiresAt }),
  };
}

export type NewClientBody = ReturnType<typeof bodyOf>;

function credentialOf(draft: Draft, method: Method) {
  if (method === 'federated_jwt') return { federated_identities: [identityOf(platformOf(draft), draft.workload)] };
  if (method === 'tls_client_auth') return { [draft.subjectField]: draft.subject.trim() };
  if (method === 'private_key_jwt' || method === 'self_signed_tls_client_auth') {
    return draft.keysAt === 'jwks_uri' ? { jwks_uri: draft.jwksUri.trim() } : { jwks: readJwks(draft.jwks) };
  }
  return {};
}

function rateLimitOf({ perMinute, burst }: Draft) {
  if (perMinute === null && burst === null) return {};
  return {
    rate_limit: { ...(perMinute !== null && { per_minute: perMinute }), ...(burst !== null && { burst }) },
  };
}

/** Reads a JWK Set, or one JWK, which becomes a set. @returns undefined if it is neither */
export function readJwks(source: string): { keys: Record<string, unknown>[] } | undefined {
  try {
    const value: unknown = JSON.parse(source);
    if (typeof value !== 'object' || value === null) return undefined;
    if ('keys' in value && Array.isArray(value.keys)) return value as { keys: Record<string, unknown>[] };
    return 'kty' in value ? { keys: [value as Record<string, unknown>] } : undefined;
  } catch {
    return undefined;
  }
}

const PRIVATE_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/** Returns what is missing or wrong in a draft and can be told without the server. */
export function problemsOf(draft: Draft, { method }: Choice): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const add = (pointer: string, detail: string) => problems.push({ pointer, detail });
  if (draft.name.trim() === '') add('/client_name', 'A name is required.');
  if (method === 'federated_jwt') {
    const platform = platformOf(draft);
    for (const name of missingFields(platform, draft.workload)) {
      const field = PLATFORMS[platform].fields.find((candidate) => candidate.name === name);
      add(`/workload/${name}`, `${field?.label ?? name} is required.`);
    }
  }
  if (method === 'tls_client_auth' && draft.subject.trim() === '') {
    add(`/${draft.subjectField}`, 'The subject of the certificate is required.');
  }
  if (method === 'private_key_jwt' || method === 'self_signed_tls_client_auth') {
    if (draft.keysAt === 'jwks_uri') {
      if (!draft.jwksUri.trim().startsWith('https://')) add('/jwks_uri', 'An https URL is required.');
    } else {
      const detail = jwksFault(draft.jwks);
      if (detail !== undefined) add('/jwks', detail);
    }
  }
  return problems;
}

/** A private key must not be sent, not even to be refused. */
function jwksFault(source: string): string | undefined {
  if (source.trim() === '') return 'The public keys are required.';
  if (source.includes('PRIVATE KEY')) {
    return 'This is a private key. Paste the public one; replace the key pair if others could see this page.';
  }
  const jwks = readJwks(source);
  if (!jwks) return 'Paste a JWK Set: JSON such as {"keys": [{"kty": "EC", …}]}.';
  if (jwks.keys.some((key) => PRIVATE_MEMBERS.some((member) => Object.hasOwn(Object(key), member)))) {
    return 'This has a private key. Paste the public one; replace the key pair if others could see this page.';
  }
  return undefined;
}

/** Returns the `kid` of the first registered key. */
export function kidOf(draft: Draft): string | undefined {
  const kid = readJwks(draft.jwks)?.keys[0]?.kid;
  return draft.keysAt === 'jwks' && typeof kid === 'string' ? kid : undefined;
}

/** Whether a method needs more than the name: keys, a certificate's subject, or a workload. */
export function needsCredential(method: Method): boolean {
  return method === 'federated_jwt' || method === 'private_key_jwt' || usesCertificate(method);
}

/** The bindings that a method can have. */
export function bindingsOf(method: Method): readonly Binding[] {
  return usesCertificate(method) ? ['none', 'dpop', 'certificate'] : ['none', 'dpop'];
}
