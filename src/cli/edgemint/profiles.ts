import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SECRET_DIRECTORY_MODE, SECRET_FILE_MODE } from '../constants.ts';
import { Failure } from '../failure.ts';
import type { Io } from './io.ts';

export const DEFAULT_PROFILE = 'default';

/** What `edgemint login` keeps of one server. */
export interface Profile {
  readonly url: string;
  readonly api_key: string;
  readonly organization_id?: string;
}

type Profiles = Readonly<Record<string, Profile>>;

/** Where the profiles are, readable for their owner alone. */
export function profilesFile({ env, home }: Io): string {
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'edgemint', 'config.json');
}

/** @throws Failure where the file is not as it was written */
export async function readProfiles(io: Io): Promise<Profiles> {
  const file = profilesFile(io);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new Failure(`${file} could not be read: ${error instanceof Error ? error.message : error}`);
  }
  try {
    const { profiles }: { profiles: Profiles } = JSON.parse(text);
    return Object.fromEntries(Object.entries(profiles));
  } catch {
    throw new Failure(`${file} is damaged: remove it, and log in again.`);
  }
}

export async function saveProfile(io: Io, name: string, profile: Profile): Promise<void> {
  await writeProfiles(io, { ...(await readProfiles(io)), [name]: profile });
}

/** @returns whether there was one */
export async function removeProfile(io: Io, name: string): Promise<boolean> {
  const { [name]: removed, ...rest } = await readProfiles(io);
  if (removed) await writeProfiles(io, rest);
  return removed !== undefined;
}

async function writeProfiles(io: Io, profiles: Profiles): Promise<void> {
  const file = profilesFile(io);
  await mkdir(dirname(file), { recursive: true, mode: SECRET_DIRECTORY_MODE });
  await chmod(dirname(file), SECRET_DIRECTORY_MODE);
  // Written beside and moved over, so that no interruption leaves half a file.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify({ profiles }, null, 2)}\n`, { mode: SECRET_FILE_MODE, flag: 'wx' });
  await rename(draft, file);
}
