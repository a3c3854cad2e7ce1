import type { Command } from 'commander';
import { profileName } from '../connection.ts';
import { UsageError } from '../failures.ts';
import { futureTime, seconds } from '../parse.ts';
import { line } from '../printable.ts';
import { readProfiles, saveProfile } from '../profiles.ts';
import type { Me } from '../representations.ts';
import { Session } from '../session.ts';
import { itemPath, NAME_OR_ID } from './crud.ts';

interface Options {
  readonly grace?: number;
  readonly expires?: string;
  readonly replaceSecondary?: boolean;
  readonly replacePrimary?: boolean;
}

/** Adds `rotate`. */
export function addRotateApiKey(group: Command): void {
  const command = group
    .command('rotate')
    .description('give an API key a new value; the old one works until it is deleted, or until --grace ends')
    .argument('[api-key]', 'its name or id; by default the one in use, whose profile then gets the new value')
    .option('--grace <duration>', 'the old value expires after this time, such as 1h', seconds)
    .option('--expires <time>', 'a new end: a time (RFC 3339), a day, or a duration after now such as 90d', futureTime)
    .option('--replace-secondary', 'end an older value that still works')
    .option('--replace-primary', 'end the newest value, which was lost, and keep the older one');
  command.action(async (named: string | undefined) => {
    const session = new Session(command);
    const { grace, expires, replaceSecondary, replacePrimary } = command.opts<Options>();
    const api = await session.api();
    const { id: own } = (await api.get<Me>('me')).body;
    const id = named === undefined ? own : await session.find('api-key', named);
    if (id === null) {
      throw new UsageError(
        'The root key is not rotated here: deploy another ROOT_API_KEY. To rotate an API key, name it by its name or id.',
      );
    }
    const body = {
      grace_seconds: grace,
      expires_at: expires,
      replace_secondary: replaceSecondary,
      replace_primary: replacePrimary,
    };
    const { body: rotated } = await api.post<{ api_key: string }>(`${itemPath('api-keys', id)}/rotate`, body);
    // First, so that the new value is not lost if the profile cannot be written.
    session.show(rotated);
    const profile = id === own ? await saveInProfile(session, rotated.api_key) : undefined;
    session.terminal.note(
      profile === undefined
        ? 'Store the api_key now. It is not shown again.'
        : `The profile ${line(profile)} has the new api_key. Store it elsewhere too if you need it: it is not shown again.`,
    );
  });
}

/** Puts the new value into the profile whose key the command used. @returns the profile's name; undefined if the key was not a profile's */
async function saveInProfile(session: Session, apiKey: string): Promise<string | undefined> {
  const { io } = session.terminal;
  const name = await profileName(session.options, io);
  const profile = (await readProfiles(io))[name];
  const used = await session.connection();
  if (profile?.url !== used.url || profile.api_key !== used.apiKey) return undefined;
  await saveProfile(io, name, { ...profile, api_key: apiKey });
  return name;
}

/** Adds `delete-secondary`. */
export function addDeleteSecondary(group: Command): void {
  const command = group
    .command('delete-secondary')
    .description('delete the old value of an API key, to finish a rotation')
    .argument('<api-key>', NAME_OR_ID);
  command.action(async (named: string) => {
    const session = new Session(command);
    const id = await session.find('api-key', named);
    await session.confirm(
      `Delete the old value of the API key ${id}? Programs that still use it are refused afterwards.`,
    );
    await (await session.api()).delete(`${itemPath('api-keys', id)}/secondary`);
    session.done(`Deleted the old value of the API key ${id}.`);
  });
}
