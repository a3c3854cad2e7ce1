import { Redacted } from '../log/redacted.ts';
import { type AccessConfig, readAccess } from './access.ts';
import { ConfigurationError } from './configuration-error.ts';
import {
  MASTER_KEY_BYTES,
  MASTER_KEY_LENGTH,
  ROOT_API_KEY_LENGTH_MAX,
  ROOT_API_KEY_LENGTH_MIN,
  SIGNING_KEY_MAX_AGE_DEFAULT,
  SIGNING_KEY_MAX_AGE_MAX,
  SIGNING_KEY_MAX_AGE_MIN,
} from './constants.ts';

/** The variables and secrets of the deployment, unchecked. */
export interface Variables {
  ISSUER: string;
  MASTER_KEY: string;
  ROOT_API_KEY: string;
  /** Whole seconds. Default: `SIGNING_KEY_MAX_AGE_DEFAULT`. */
  SIGNING_KEY_MAX_AGE?: string;
  /** A number from 0 to 1. Default: 1. */
  LOG_SUCCESS_SHARE?: string;
  /** One of `JURISDICTIONS`. Default: gates may be anywhere. The first deployment fixes it: gates elsewhere are other gates. */
  JURISDICTION?: string;
  /** `on` or `off`: whether the console is served. Default: `on`. */
  CONSOLE?: string;
  /** The host of the team in Cloudflare Access. With the next two, people sign in to the console by Access. */
  ACCESS_TEAM_DOMAIN?: string;
  /** The AUD tags of the Access applications, separated by commas. */
  ACCESS_AUD?: string;
  /** Who may do what: a JSON list. */
  ACCESS_RULES?: string;
}

/**
 * Where the gates may be stored and run ([Cloudflare's names](https://developers.cloudflare.com/durable-objects/reference/data-location/)).
 */
export const JURISDICTIONS = ['eu', 'fedramp', 'us'] as const;
export type Jurisdiction = (typeof JURISDICTIONS)[number];

/** The checked configuration. */
export interface Config {
  /** The issuer identifier ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), byte for byte as in `iss`. */
  readonly issuer: string;
  /** The issuer without the slash that it may end with. Every URL of this service is built from it. */
  readonly baseUrl: string;
  /** The path of `baseUrl`, such as `''` or `'/a/b'`. Every route except some well-known ones is mounted below it. */
  readonly issuerPath: string;
  /** Master keys of `MASTER_KEY_BYTES` each. The current one is first. */
  readonly masterKeys: readonly Redacted<Uint8Array<ArrayBuffer>>[];
  readonly rootApiKey: Redacted;
  /** How long a signing key stays active, in seconds. */
  readonly signingKeyMaxAge: number;
  /** The share of the successful requests of a busy route that are logged, 0 to 1. */
  readonly logSuccessShare: number;
  /** Where the gates may be stored and run; undefined for anywhere. */
  readonly jurisdiction: Jurisdiction | undefined;
  /** Whether the console is served and its sessions are accepted. */
  readonly hasConsole: boolean;
  /**
   * Returns how people sign in by Cloudflare Access; undefined if they do not. Read by the console only, so that a typing mistake stops no
   * token request.
   * @throws ConfigurationError
   */
  readonly access: () => AccessConfig | undefined;
}

export { ConfigurationError };

/**
 * Checks the variables and secrets.
 * @throws ConfigurationError for the first that is missing or malformed. The message says what it must be.
 */
export function readConfig(env: Partial<Variables>): Config {
  return {
    ...readIssuer(env.ISSUER),
    masterKeys: readMasterKeys(env.MASTER_KEY),
    rootApiKey: readRootApiKey(env.ROOT_API_KEY),
    signingKeyMaxAge: readSigningKeyMaxAge(env.SIGNING_KEY_MAX_AGE),
    logSuccessShare: readLogSuccessShare(env.LOG_SUCCESS_SHARE),
    jurisdiction: readJurisdiction(env.JURISDICTION),
    hasConsole: readSwitch(env.CONSOLE),
    access: () => readAccess(env),
  };
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

function readIssuer(value: string | undefined): Pick<Config, 'issuer' | 'baseUrl' | 'issuerPath'> {
  const expected = 'an https URL without query, fragment or user (http is for localhost only)';
  if (!value) throw new ConfigurationError(`ISSUER is missing: set it to ${expected}.`);
  const malformed = () => new ConfigurationError(`ISSUER is malformed: it must be ${expected}.`);
  if (!URL.canParse(value)) throw malformed();
  const url = new URL(value);
  const isSecure = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
  const issuerPath = url.pathname.replace(/\/$/, '');
  const baseUrl = url.origin + issuerPath;
  // Verifiers compare the issuer byte for byte, so only the normalized spelling of a URL is accepted. A slash at its end is part of it: an
  // installation that replaces another server keeps the issuer of that server.
  if (!isSecure || (value !== baseUrl && value !== `${baseUrl}/`) || baseUrl.endsWith('/')) throw malformed();
  return { issuer: value, baseUrl, issuerPath };
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Reads the value of MASTER_KEY. The current key is first. @throws ConfigurationError */
export function readMasterKeys(value: string | undefined): Redacted<Uint8Array<ArrayBuffer>>[] {
  const expected =
    `${MASTER_KEY_BYTES} random bytes in base64url (${MASTER_KEY_LENGTH} characters), ` +
    'or several such keys separated by commas, the current one first';
  if (!value) throw new ConfigurationError(`MASTER_KEY is missing: set it to ${expected}.`);
  return value.split(',').map((text) => {
    const key = text.trim();
    if (key.length !== MASTER_KEY_LENGTH || !BASE64URL.test(key))
      throw new ConfigurationError(`MASTER_KEY is malformed: it must be ${expected}.`);
    const binary = atob(key.replaceAll('-', '+').replaceAll('_', '/'));
    return new Redacted(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  });
}

function readRootApiKey(value: string | undefined): Redacted {
  const expected = `${ROOT_API_KEY_LENGTH_MIN} to ${ROOT_API_KEY_LENGTH_MAX} letters, digits, "-" or "_", chosen at random`;
  if (!value) throw new ConfigurationError(`ROOT_API_KEY is missing: set it to ${expected}.`);
  const hasValidLength = value.length >= ROOT_API_KEY_LENGTH_MIN && value.length <= ROOT_API_KEY_LENGTH_MAX;
  if (!hasValidLength || !BASE64URL.test(value))
    throw new ConfigurationError(`ROOT_API_KEY is malformed: it must be ${expected}.`);
  return new Redacted(value);
}

function readSigningKeyMaxAge(value: string | undefined): number {
  if (value === undefined) return SIGNING_KEY_MAX_AGE_DEFAULT;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (seconds >= SIGNING_KEY_MAX_AGE_MIN && seconds <= SIGNING_KEY_MAX_AGE_MAX) return seconds;
  const expected = `whole seconds from ${SIGNING_KEY_MAX_AGE_MIN} to ${SIGNING_KEY_MAX_AGE_MAX}`;
  throw new ConfigurationError(`SIGNING_KEY_MAX_AGE is malformed: it must be ${expected}.`);
}

function readLogSuccessShare(value: string | undefined): number {
  if (value === undefined) return 1;
  const share = /^\d?\.?\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (share <= 1) return share;
  throw new ConfigurationError('LOG_SUCCESS_SHARE is malformed: it must be a number from 0 to 1, such as 0.05.');
}

function readJurisdiction(value: string | undefined): Jurisdiction | undefined {
  const known = JURISDICTIONS.find((each) => each === value);
  if (value === undefined || known) return known;
  throw new ConfigurationError(`JURISDICTION is malformed: it must be ${JURISDICTIONS.join(', ')}, or missing.`);
}

function readSwitch(value: string | undefined): boolean {
  if (value === undefined || value === 'on') return true;
  if (value === 'off') return false;
  throw new ConfigurationError('CONSOLE is malformed: it must be on or off, or missing.');
}
