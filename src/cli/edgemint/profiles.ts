import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isJsonObject } from '../../lib/json.ts';
import { SECRET_DIRECTORY_MODE, SECRET_FILE_MODE } from '../constants.ts';
import { Failure } from '../failure.ts';
import { describeSystemError } from '../system-error.ts';
import type { Io } from './io.ts';

/** The permissions of the group and of all others. */
const OTHERS = 0o077;

export const DEFAULT_PROFILE = 'default';

/** The connection that `edgemint login` keeps for one server. */
export interface Profile {
  readonly url: string;
  readonly api_key: string;
  readonly organization_id?: string;
}

type Profiles = Readonly<Record<string, Profile>>;

interface ProfilesFile {
  readonly profiles: Profiles;
  /** The profile of commands that name none. Absent from files of older versions. */
  readonly current?: string;
}

/** Returns the path of the file with the profiles. Only its owner can read it. @throws Failure if the user has no home directory */
export function profilesFile({ env, home }: Io): string {
  if (!env.XDG_CONFIG_HOME && home === '') {
    throw new Failure('There is no home directory to keep profiles in. Set HOME or XDG_CONFIG_HOME.');
  }
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'edgemint', 'config.json');
}

/** @throws Failure if the file cannot be read or parsed */
export async function readProfiles(io: Io): Promise<Profiles> {
  return (await readProfilesFile(io)).profiles;
}

/** Returns the name of the profile that `edgemint use` chose, else the default. @throws Failure if the file cannot be read or parsed */
export async function currentProfile(io: Io): Promise<string> {
  return (await readProfilesFile(io)).current ?? DEFAULT_PROFILE;
}

/** Chooses the profile of commands that name none. */
export async function chooseProfile(io: Io, current: string): Promise<void> {
  await writeProfiles(io, { ...(await readProfilesFile(io)), current });
}

async function readProfilesFile(io: Io): Promise<ProfilesFile> {
  if (!io.env.XDG_CONFIG_HOME && io.home === '') return { profiles: {} };
  const file = profilesFile(io);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
    await closeToOthers(io, file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { profiles: {} };
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be read.`);
  }
  try {
    const { profiles, current }: ProfilesFile = JSON.parse(text);
    if (!isJsonObject(profiles) || !Object.values(profiles).every(isProfile)) throw new TypeError('not profiles');
    return { profiles: Object.fromEntries(Object.entries(profiles)), ...(typeof current === 'string' && { current }) };
  } catch {
    throw new Failure(`${file} is damaged. Remove it, and log in again.`);
  }
}

function isProfile(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { url, api_key, organization_id } = value;
  const isOptional = organization_id === undefined || typeof organization_id === 'string';
  return typeof url === 'string' && typeof api_key === 'string' && isOptional;
}

/** Takes a file with API keys away from other users, and says so. A copied or restored file may have lost its mode. */
async function closeToOthers({ stderr }: Io, file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & OTHERS) === 0) return;
  const isClosed = await chmod(file, SECRET_FILE_MODE).then(
    () => true,
    () => false,
  );
  const result = isClosed ? 'Now only you can.' : `Take that from them: chmod 600 ${file}.`;
  stderr.write(`Warning: other users of this machine could read the API keys in ${file}. ${result}\n`);
}

export async function saveProfile(io: Io, name: string, profile: Profile): Promise<void> {
  const { profiles, ...rest } = await readProfilesFile(io);
  await writeProfiles(io, { ...rest, profiles: { ...profiles, [name]: profile } });
}

/** @returns whether there was such a profile */
export async function removeProfile(io: Io, name: string): Promise<boolean> {
  const { profiles, current } = await readProfilesFile(io);
  const { [name]: removed, ...rest } = profiles;
  if (removed)
    await writeProfiles(io, { profiles: rest, ...(current !== undefined && current !== name && { current }) });
  return removed !== undefined;
}

async function writeProfiles(io: Io, content: ProfilesFile): Promise<void> {
  const file = profilesFile(io);
  await mkdir(dirname(file), { recursive: true, mode: SECRET_DIRECTORY_MODE });
  await chmod(dirname(file), SECRET_DIRECTORY_MODE);
  // Write a draft and rename it, so that an interruption cannot leave half a file.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: SECRET_FILE_MODE, flag: 'wx' });
  await rename(draft, file);
}
