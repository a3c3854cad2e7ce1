import { Failure } from '../failure.ts';
import { UsageError } from './failures.ts';
import type { Environment, Io } from './io.ts';
import { DEFAULT_PROFILE, type Profile, readProfiles } from './profiles.ts';

/** A server, and as whom to speak to it. */
export interface Connection {
  /** The issuer: no slash at its end. */
  readonly url: string;
  /** undefined where none is needed. */
  readonly apiKey: string | undefined;
  readonly organization: string | undefined;
}

/** What the options on the command line say of it. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly profile?: string;
  readonly organization?: string;
}

/** An https URL, or one of this machine. @throws UsageError */
export function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!isPlain || !isSafe) {
    throw new UsageError('The URL must be that of the issuer, with https (plain http only for this machine’s own).');
  }
  return url.href.replace(/\/+$/, '');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * The server that the options, else the environment, else the profile name. A profile's key is for the profile's server alone.
 * @param needsKey whether a key must be found
 * @throws Failure
 */
export function resolveConnection(
  options: ConnectionOptions,
  environment: Environment,
  profile: Profile | undefined,
  needsKey: boolean,
): Connection {
  const named = options.url ?? (environment.EDGEMINT_URL || undefined);
  const givenKey = environment.EDGEMINT_API_KEY || undefined;
  if (named === undefined && profile === undefined) {
    throw new UsageError('Which server? Log in (edgemint login --url <url>), or give --url or EDGEMINT_URL.');
  }
  const url = checkUrl(named ?? profile?.url ?? '');
  const isProfile = profile !== undefined && profile.url === url;
  const apiKey = givenKey ?? (isProfile ? profile.api_key : undefined);
  if (needsKey && apiKey === undefined) {
    throw new UsageError(
      `There is no API key for ${url}: log in (edgemint login --url ${url}), or set EDGEMINT_API_KEY.`,
    );
  }
  // A key that is given may be another organization's than the profile's.
  const ofProfile = isProfile && givenKey === undefined ? profile.organization_id : undefined;
  const organization = options.organization ?? (environment.EDGEMINT_ORGANIZATION || undefined) ?? ofProfile;
  return { url, apiKey, organization };
}

/** The name of the profile that is asked for: by option, by environment, or the one that there is by default. */
export function profileName(options: ConnectionOptions, env: Environment): string {
  return options.profile ?? (env.EDGEMINT_PROFILE || DEFAULT_PROFILE);
}

/** As `resolveConnection`, with the profile that the options name. @throws Failure */
export async function findConnection(options: ConnectionOptions, io: Io, needsKey = true): Promise<Connection> {
  const name = profileName(options, io.env);
  const profile = (await readProfiles(io))[name];
  if (!profile && name !== DEFAULT_PROFILE) {
    throw new Failure(`There is no profile ${name}: edgemint login --profile ${name} makes it.`);
  }
  return resolveConnection(options, io.env, profile, needsKey);
}
