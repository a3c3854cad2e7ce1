import { Failure } from '../failure.ts';
import { UsageError } from './failures.ts';
import type { Environment, Io } from './io.ts';
import { currentProfile, DEFAULT_PROFILE, type Profile, readProfiles } from './profiles.ts';

/** A server, and the credentials for it. */
export interface Connection {
  /** The issuer, without a slash at its end. */
  readonly url: string;
  /** undefined if the command needs none. */
  readonly apiKey: string | undefined;
  readonly organization: string | undefined;
  /** What names the organization, for errors. */
  readonly organizationNamedBy?: '`--organization`' | '`EDGEMINT_ORGANIZATION`' | 'the profile' | undefined;
}

/** The options of the command line that choose a connection. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly profile?: string;
  readonly organization?: string;
}

/** Normalizes the URL of an issuer. @throws UsageError unless it is https, or http to this machine */
export function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!isPlain || !isSafe) {
    // A URL with a password must not reach a log.
    const subject = text.includes('@') ? 'The URL' : text;
    throw new UsageError(
      `${subject} is not the URL of an issuer: it must start with https:// (or http://localhost), without a user, a query or a fragment.`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Chooses the connection from the options, then the environment, then the profile. The key of a profile is sent to the server of that
 * profile only.
 * @param needsKey whether a missing key is an error
 * @throws UsageError if no server or no key is named
 */
export function resolveConnection(
  options: ConnectionOptions,
  environment: Environment,
  profile: Profile | undefined,
  needsKey: boolean,
): Connection {
  const chosenUrl = options.url ?? (environment.EDGEMINT_URL || undefined);
  const environmentKey = environment.EDGEMINT_API_KEY || undefined;
  if (chosenUrl === undefined && profile === undefined) {
    throw new UsageError('No server is named. Log in (edgemint login --url <url>), or set --url or EDGEMINT_URL.');
  }
  const url = checkUrl(chosenUrl ?? profile?.url ?? '');
  const isProfile = profile !== undefined && profile.url === url;
  const apiKey = environmentKey ?? (isProfile ? profile.api_key : undefined);
  if (needsKey && apiKey === undefined) {
    throw new UsageError(
      `There is no API key for ${url}. Log in (edgemint login --url ${url}), or set EDGEMINT_API_KEY.`,
    );
  }
  // A key from the environment may belong to another organization than the profile does.
  const profileOrganization = isProfile && environmentKey === undefined ? profile.organization_id : undefined;
  const connection = { url, apiKey };
  if (options.organization !== undefined)
    return { ...connection, organization: options.organization, organizationNamedBy: '`--organization`' };
  const { EDGEMINT_ORGANIZATION } = environment;
  if (EDGEMINT_ORGANIZATION)
    return { ...connection, organization: EDGEMINT_ORGANIZATION, organizationNamedBy: '`EDGEMINT_ORGANIZATION`' };
  return {
    ...connection,
    organization: profileOrganization,
    ...(profileOrganization !== undefined && { organizationNamedBy: 'the profile' }),
  };
}

/** Returns the name of the profile to use: from the option, the environment, `edgemint use`, or the default. */
export async function profileName(options: ConnectionOptions, io: Io): Promise<string> {
  return options.profile ?? (io.env.EDGEMINT_PROFILE || (await currentProfile(io)));
}

/** Reads the profile that the options name, and chooses the connection. @throws Failure if there is no such profile, or no server or key */
export async function findConnection(options: ConnectionOptions, io: Io, needsKey = true): Promise<Connection> {
  const name = await profileName(options, io);
  const profile = (await readProfiles(io))[name];
  if (!profile && name !== DEFAULT_PROFILE) {
    throw new Failure(`There is no profile ${name}. Create it: edgemint login --profile ${name} --url <url>.`);
  }
  return resolveConnection(options, io.env, profile, needsKey);
}
