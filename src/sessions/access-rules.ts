import { isJsonObject } from '../lib/json.ts';
import type { AccessRights, AccessRule, AccessSubject } from '../platform/access.ts';
import { PERSON_NAME_LENGTH_MAX } from './constants.ts';

/** Whom the verified claims of an assertion name. */
export interface AccessIdentity {
  /** The mail address in lower case, or the name of the service token. */
  readonly name: string;
  readonly isServiceToken: boolean;
  readonly groups: readonly string[];
}

// Visible ASCII only: the name is the actor in the audit log, where two names must not look alike.
const VISIBLE = /^[!-~]+$/;

/** Reads the identity from verified claims; undefined if they name nobody, or in characters other than visible ASCII. */
export function readIdentity(claims: Readonly<Record<string, unknown>>): AccessIdentity | undefined {
  const { email, common_name } = claims;
  const isServiceToken = !email;
  const name = isServiceToken ? common_name : typeof email === 'string' ? email.toLowerCase() : undefined;
  if (typeof name !== 'string' || name.length > PERSON_NAME_LENGTH_MAX || !VISIBLE.test(name)) return undefined;
  // A service token without an address must not be taken for a person.
  if (isServiceToken === name.includes('@')) return undefined;
  return { name, isServiceToken, groups: [...groupsOf(claims.groups), ...groupsOf(customGroups(claims))] };
}

function customGroups({ custom }: Readonly<Record<string, unknown>>): unknown {
  return isJsonObject(custom) ? custom.groups : undefined;
}

// Identity providers list groups by name, or as objects with a name and an id.
function groupsOf(groups: unknown): string[] {
  if (!Array.isArray(groups)) return [];
  return groups.flatMap((group: unknown) => (isJsonObject(group) ? [group.name, group.id] : [group])).filter(isString);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Returns the rights that the first matching rule gives; undefined if none matches. */
export function rightsOf(identity: AccessIdentity, rules: readonly AccessRule[]): AccessRights | undefined {
  return rules.find(({ subject }) => matches(identity, subject))?.rights;
}

function matches({ name, isServiceToken, groups }: AccessIdentity, subject: AccessSubject): boolean {
  if ('service_token' in subject) return isServiceToken && name === subject.service_token;
  // A service token gets rights only by its name.
  if (isServiceToken) return false;
  if ('email' in subject) return name === subject.email;
  if ('email_domain' in subject) return name.slice(name.lastIndexOf('@') + 1) === subject.email_domain;
  return groups.includes(subject.group);
}
