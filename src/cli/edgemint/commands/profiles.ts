import type { Command } from 'commander';
import { HINT_LENGTH } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { Api } from '../api.ts';
import { checkUrl, profileName } from '../connection.ts';
import { expiryWarning } from '../expiry.ts';
import { UsageError } from '../failures.ts';
import { findId } from '../named.ts';
import { table, time } from '../output.ts';
import { chooseProfile, DEFAULT_PROFILE, profilesFile, readProfiles, removeProfile, saveProfile } from '../profiles.ts';
import type { Me, Organization } from '../representations.ts';
import { Session } from '../session.ts';

/** `login`, `logout`, `use` and `profiles`. */
export function addProfiles(program: Command): void {
  addLogin(program);
  addLogout(program);
  addUse(program);
  const command = program.command('profiles').description('list the profiles that `edgemint login` saved');
  command.action(async () => {
    const { json, options, terminal } = new Session(command);
    const current = await profileName(options, terminal.io);
    const profiles = Object.entries(await readProfiles(terminal.io)).map(([name, profile]) => ({
      name,
      url: profile.url,
      organization_id: profile.organization_id ?? null,
      hint: profile.api_key.slice(-HINT_LENGTH),
    }));
    if (json) return terminal.printJson(profiles);
    const rows = profiles.map(({ name, url, organization_id, hint }) => [
      name === current ? `${name} *` : name,
      url,
      organization_id ?? '-',
      `…${hint}`,
    ]);
    terminal.print(table(['profile', 'url', 'organization', 'API key'], rows));
  });
}

function addLogin(program: Command): void {
  const command = program
    .command('login')
    .description('check an API key and save it for later commands; it is asked for, or read from stdin');
  command.action(async () => {
    const session = new Session(command);
    const { options, terminal } = session;
    const name = options.profile ?? (terminal.env.EDGEMINT_PROFILE || DEFAULT_PROFILE);
    const url = checkUrl(await urlOf(session));
    const apiKey = await terminal.readSecret(`API key for ${url}`);
    const api = new Api({ url, apiKey, organization: undefined }, terminal);
    const { holder, organization, warning } = await describeKey(api, options.organization);
    const profile = { url, api_key: apiKey, ...(organization ? { organization_id: organization } : {}) };
    await saveProfile(terminal.io, name, profile);
    // Without a name it is the profile that later commands use.
    if (options.profile === undefined) await chooseProfile(terminal.io, name);
    session.done(`Logged in to ${url} with ${holder}. The profile ${name} is in ${profilesFile(terminal.io)}.`);
    const used = await profileName({}, terminal.io);
    if (used !== name) terminal.note(`Later commands use the profile ${used}: edgemint use ${name} changes that.`);
    if (warning !== undefined) terminal.note(warning);
  });
}

async function urlOf({ options, terminal }: Session): Promise<string> {
  const url = options.url ?? terminal.env.EDGEMINT_URL;
  if (url) return url;
  if (!terminal.isInteractive) throw new UsageError('No server is named. Set --url or EDGEMINT_URL.');
  return (await terminal.ask('URL of the issuer: ')).trim();
}

interface KeyDescription {
  readonly holder: string;
  /** The id of the organization that was named. */
  readonly organization?: string;
  readonly warning?: string | undefined;
}

/** Describes the holder of the key, and warns if it ends soon. @throws Failure if the server does not know the key or the organization */
async function describeKey(api: Api, named: string | undefined): Promise<KeyDescription> {
  const me = (await api.get<Me>('me')).body;
  if (me?.kind === undefined)
    throw new Failure(`${api.url}/v1/me did not answer as an Edgemint does. Is the URL right?`);
  const { kind, name, organization: own, expires_at } = me;
  if (kind === 'root' && named === undefined) return { holder: 'the root key' };
  if (kind === 'root' && named !== undefined) {
    const organization = await findId(api, 'organization', named);
    const { body } = await api.get<Organization>(`organizations/${encodeURIComponent(organization)}`);
    return { holder: `the root key, for the organization ${body.name}`, organization };
  }
  if (own && named !== undefined && named !== own.id && named !== own.name) {
    throw new Failure(`The key belongs to the organization ${own.name} (${own.id}), not to ${named}.`);
  }
  const end = expires_at === null ? '' : `, which expires at ${time(expires_at)}`;
  const holder = `the API key ${name} of the organization ${own?.name}${end}`;
  return {
    holder,
    warning: expiryWarning(me, Date.now()),
    ...(named !== undefined && own && { organization: own.id }),
  };
}

function addLogout(program: Command): void {
  const command = program.command('logout').description('delete a profile; its API key stays valid');
  command.action(async () => {
    const session = new Session(command);
    const name = await profileName(session.options, session.terminal.io);
    if (!(await removeProfile(session.terminal.io, name))) throw new Failure(`There is no profile ${name}.`);
    session.done(`Deleted the profile ${name}. Its API key is still valid; edgemint api-keys delete ends it.`);
  });
}

function addUse(program: Command): void {
  const command = program
    .command('use')
    .description('choose the profile of commands that name none')
    .argument('<profile>', 'its name, as in `edgemint profiles`');
  command.action(async (name: string) => {
    const session = new Session(command);
    const { io } = session.terminal;
    const profiles = await readProfiles(io);
    const profile = profiles[name];
    if (!profile) {
      const names = Object.keys(profiles);
      throw new Failure(`There is no profile ${name}. ${knownProfiles(names)}`);
    }
    await chooseProfile(io, name);
    session.done(
      `Using the profile ${name}: ${profile.url}${profile.organization_id ? `, ${profile.organization_id}` : ''}.`,
    );
    const { EDGEMINT_PROFILE } = io.env;
    if (EDGEMINT_PROFILE && EDGEMINT_PROFILE !== name)
      session.terminal.warn(`EDGEMINT_PROFILE is set to ${EDGEMINT_PROFILE}, and counts for more.`);
  });
}

function knownProfiles(names: readonly string[]): string {
  const [only, ...others] = names;
  if (only === undefined) return 'edgemint login saves one.';
  return others.length === 0 ? `There is only \`${only}\`.` : `There are ${names.join(', ')}.`;
}
