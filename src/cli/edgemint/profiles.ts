import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.ts';

export const DEFAULT_PROFILE = 'default';

/** What `edgemint login` keeps of one server. */
export interface Profile {
  readonly url: string;
  readonly api_key: string;
  readonly organization_id?: string;
}

type Profiles = Readonly<Record<string, Profile>>;

/** Where the profiles are, readable for their owner alone. */
export function profilesFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'edgemint', 'config.json');
}

/** @throws Failure where the file is not as it was written */
export async function readProfiles(): Promise<Profiles> {
  const file = profilesFile();
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

export async function saveProfile(name: string, profile: Profile): Promise<void> {
  await writeProfiles({ ...(await readProfiles()), [name]: profile });
}

/** @returns whether there was one */
export async function removeProfile(name: string): Promise<boolean> {
  const { [name]: removed, ...rest } = await readProfiles();
  if (removed) await writeProfiles(rest);
  return removed !== undefined;
}

async function writeProfiles(profiles: Profiles): Promise<void> {
  const file = profilesFile();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await chmod(dirname(file), 0o700);
  // Written beside and moved over, so that no interruption leaves half a file.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify({ profiles }, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
}
