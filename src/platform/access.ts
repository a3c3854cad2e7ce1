import { API_KEY_SCOPES, type ApiKeyScope } from '../credentials/api-key-scopes.ts';
import { isJsonObject } from '../lib/json.ts';
import { ConfigurationError } from './configuration-error.ts';

/** Who a rule is about: exactly one member is set. All texts are in lower case, except groups and service tokens. */
export type AccessSubject =
  | { readonly email: string }
  | { readonly email_domain: string }
  | { readonly group: string }
  | { readonly service_token: string };

/** What a rule gives: everything, or scopes in one organization. */
export type AccessRights =
  | { readonly organizationId: null }
  | { readonly organizationId: string; readonly scopes: readonly ApiKeyScope[] };

export type AccessRule = { readonly subject: AccessSubject; readonly rights: AccessRights };

/** How people sign in by Cloudflare Access. */
export interface AccessConfig {
  /** The `iss` of assertions, such as `https://acme.cloudflareaccess.com`. */
  readonly issuer: string;
  /** The accepted values of `aud`: the tags of Access applications. */
  readonly audiences: readonly string[];
  /** The first one that matches decides. */
  readonly rules: readonly AccessRule[];
}

interface AccessVariables {
  ACCESS_TEAM_DOMAIN?: string;
  ACCESS_AUD?: string;
  ACCESS_RULES?: string;
}

const TEAM = /^[a-z0-9-]+\.cloudflareaccess\.com$/;
const AUDIENCE = /^[0-9a-f]{64}$/;

/**
 * Reads the variables of Cloudflare Access; undefined if none is set.
 * @throws ConfigurationError
 */
export function readAccess(env: Readonly<AccessVariables>): AccessConfig | undefined {
  const { ACCESS_TEAM_DOMAIN: team, ACCESS_AUD: audience, ACCESS_RULES: rules } = env;
  if (!team && !audience && !rules) return undefined;
  if (!team || !TEAM.test(team)) {
    throw malformed('ACCESS_TEAM_DOMAIN', team, 'the host of your team, such as acme.cloudflareaccess.com');
  }
  const audiences = (audience ?? '').split(',').map((tag) => tag.trim());
  if (!audiences.every((tag) => AUDIENCE.test(tag))) {
    const expected = 'the AUD tag of the Access application (64 hexadecimal digits), or several separated by commas';
    throw malformed('ACCESS_AUD', audience, expected);
  }
  return { issuer: `https://${team}`, audiences, rules: readRules(rules) };
}

const RULES = `a JSON list of rules, such as [{"email_domain":"example.com","admin":true}]`;

function readRules(text: string | undefined): AccessRule[] {
  let list: unknown;
  try {
    list = JSON.parse(text ?? '');
  } catch {
    throw malformed('ACCESS_RULES', text, RULES);
  }
  if (!Array.isArray(list) || list.length === 0) throw malformed('ACCESS_RULES', text, RULES);
  return list.map(readRule);
}

const SUBJECTS = ['email', 'email_domain', 'group', 'service_token'] as const;
const SUBJECT_FORMS: Readonly<Record<(typeof SUBJECTS)[number], RegExp>> = {
  email: /^[!-?A-~]+@[!-?A-~]+$/,
  email_domain: /^[a-z0-9.-]+\.[a-z0-9-]+$/i,
  group: /^.+$/,
  service_token: /^[!-~]+$/,
};

function readRule(rule: unknown, index: number): AccessRule {
  const fault = (expected: string) =>
    new ConfigurationError(`ACCESS_RULES is malformed: rule ${index + 1} ${expected}.`);
  if (!isJsonObject(rule)) throw fault('must be an object');
  const { admin, organization_id, scopes, ...others } = rule;
  const [named, ...more] = Object.entries(others);
  const kind = SUBJECTS.find((one) => one === named?.[0]);
  const value = named?.[1];
  if (kind === undefined || more.length > 0) throw fault(`must name exactly one of ${SUBJECTS.join(', ')}`);
  if (typeof value !== 'string' || !SUBJECT_FORMS[kind].test(value)) throw fault(`has a malformed ${kind}`);
  const isMail = kind === 'email' || kind === 'email_domain';
  const subject = { [kind]: isMail ? value.toLowerCase() : value } as unknown as AccessSubject;
  if (admin !== undefined) {
    if (admin !== true || organization_id !== undefined || scopes !== undefined)
      throw fault('must have either "admin": true, or organization_id and scopes');
    return { subject, rights: { organizationId: null } };
  }
  if (typeof organization_id !== 'string' || !/^org_\w+$/.test(organization_id))
    throw fault('must have either "admin": true, or organization_id and scopes');
  if (!Array.isArray(scopes) || scopes.length === 0) throw fault('must have a list of scopes');
  const known = scopes.map((scope) => API_KEY_SCOPES.find((one) => one === scope));
  const unknown = known.indexOf(undefined);
  if (unknown >= 0) throw fault(`has a scope that does not exist: ${JSON.stringify(scopes[unknown])}`);
  return { subject, rights: { organizationId: organization_id, scopes: known as ApiKeyScope[] } };
}

function malformed(variable: string, value: string | undefined, expected: string): ConfigurationError {
  return new ConfigurationError(
    `${variable} is ${value ? 'malformed: it must be' : 'missing: set it to'} ${expected}.`,
  );
}
