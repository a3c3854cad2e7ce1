import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { PASSPHRASE_LENGTH_MIN } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { describeSystemError } from '../../system-error.ts';
import { readArchive } from '../backup/archive.ts';
import { createBackup } from '../backup/create.ts';
import { queryEdgemint } from '../backup/database.ts';
import { findInstance, type InstanceOptions, inTemporaryFolder, refuseExisting } from '../backup/instance.ts';
import { carryOut, prepareRestore, readPresent } from '../backup/restore.ts';
import { resyncStatements } from '../backup/resync.ts';
import { counted } from '../counted.ts';
import { Interrupted, UsageError } from '../failures.ts';
import { record, time } from '../output.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

interface PassphraseOptions {
  readonly passphraseFile?: string;
}

const VARIABLE = 'EDGEMINT_PASSPHRASE';
const LABEL = 'Passphrase of the backup';

/** Adds `backup`, `restore` and `gates resync`, which reach the stores of an instance with wrangler. */
export function addBackup(program: Command): void {
  addCreate(program);
  addRestore(program);
  const gates = program.command('gates').description('the gates of clients');
  addResync(gates);
}

function withInstance(command: Command): Command {
  return command
    .option('--local', 'the instance of `npm start`, instead of the one that was deployed')
    .option('--env <name>', 'the deployment of that name (or CLOUDFLARE_ENV)');
}

function withKeys(command: Command): Command {
  return withInstance(command)
    .option('--keys-file <file>', 'the file with MASTER_KEY; by default the one that the deployment wrote')
    .option('--passphrase-file <file>', `the file with the passphrase (or ${VARIABLE}; it is asked for otherwise)`);
}

function addCreate(program: Command): void {
  const command = withKeys(
    program
      .command('backup')
      .description('write everything that an instance holds to a file, sealed by a passphrase')
      .argument('<file>', 'the file to write'),
  ).option('--no-history', 'leave out audit events and usage');
  command.action(async (file: string) => {
    const session = new Session(command);
    const { terminal } = session;
    const options = command.opts<InstanceOptions & PassphraseOptions & { history: boolean }>();
    await refuseExisting(file);
    const instance = await findInstance(options, terminal);
    const passphrase = await newPassphrase(options, terminal);
    const { counts, revoked, unlisted } = await inTemporaryFolder(terminal, (directory, signal) =>
      createBackup(file, passphrase, { instance, history: options.history, directory, now: Date.now(), signal }),
    );
    if (session.json) return terminal.printJson({ file, counts, revoked_tokens: revoked });
    terminal.print(
      `Wrote ${file}: ${countsOf(counts)}. Without the passphrase it is worthless; keep both, in different places.`,
    );
    if (unlisted > 0) {
      terminal.note(
        `${unlisted} of the revoked tokens were revoked in the last minutes and are not listed yet. To have them, make another backup in a minute.`,
      );
    }
    terminal.note(
      'Only gates know the exact last use of each credential, the rate limits, used assertion ids, and the usage of the last hour: they are not in it.',
    );
  });
}

function addRestore(program: Command): void {
  const command = withKeys(
    program
      .command('restore')
      .description('fill an empty instance from a backup')
      .argument('<file>', 'a file that `edgemint backup` wrote'),
  )
    .option('--check', 'only check that the file is whole and the passphrase right, and show what is in it')
    .option(
      '--same-gates',
      'the Worker is the one of the backup and only its database is new: bring its gates up to date',
    );
  command.action(async (file: string) => {
    const session = new Session(command);
    const { terminal } = session;
    const options = command.opts<InstanceOptions & PassphraseOptions & { check?: boolean; sameGates?: boolean }>();
    if (options.check) {
      const { manifest, counts } = await readArchive(file, await knownPassphrase(options, terminal), () => undefined);
      const shown = { ...manifest, created_at: new Date(manifest.created_at).toISOString(), rows: counts };
      return session.json
        ? terminal.printJson(shown)
        : terminal.print(record({ ...shown, migrations: manifest.migrations.at(-1), rows: countsOf(counts) }));
    }
    const instance = await findInstance(options, terminal);
    const passphrase = await knownPassphrase(options, terminal);
    await inTemporaryFolder(terminal, async (directory, signal) => {
      const keys = await instance.keys();
      const present = await readPresent(instance);
      const { sameGates = false } = options;
      const prepared = await prepareRestore(file, passphrase, {
        keys,
        instance,
        present,
        sameGates,
        directory,
        now: Date.now(),
        signal,
      });
      const { manifest, counts, cutOff } = prepared;
      const of = `${manifest.worker ?? 'a local instance'}, ${time(new Date(manifest.created_at).toISOString())}`;
      await session.confirmLocally(`Restore ${countsOf(counts)} (${of}) to ${instance.name}?`, signal);
      await carryOut(prepared, instance, { directory, signal, note: (text) => terminal.note(text) });
      if (session.json) return terminal.printJson({ restored: counts, cut_off: cutOff });
      terminal.print(`Restored ${countsOf(counts)} to ${instance.name}.`);
      if (cutOff > 0) {
        terminal.note(
          `${cutOff} clients had revoked tokens: they need new ones, also for those that were not revoked.`,
        );
      }
      const issuer = manifest.issuer === null ? 'the issuer of the backup' : manifest.issuer;
      terminal.note(
        `Tokens of the old instance verify if the issuer of this one is ${issuer}. Wait a minute, until every location has the restored signing keys.`,
      );
    });
  });
}

function addResync(group: Command): void {
  const command = withInstance(
    group
      .command('resync')
      .description('bring every gate to what the database says, after it was taken back to an earlier time'),
  ).option('--keep-tokens', 'do not revoke the tokens that were issued so far');
  command.action(async () => {
    const session = new Session(command);
    const options = command.opts<InstanceOptions & { keepTokens?: boolean }>();
    const instance = await findInstance(options, session.terminal);
    const revokesTokens = !options.keepTokens;
    const effect = revokesTokens ? ' and revoke every token that was issued so far' : '';
    await session.confirmLocally(`Bring all gates to what ${instance.name} says${effect}?`);
    await inTemporaryFolder(session.terminal, async (_, signal) => {
      const sql = [...resyncStatements({ revokesTokens }), 'SELECT count(*) AS gates FROM gates;'].join('\n');
      const resync = () => instance.query<{ gates: number }>(sql);
      const [row] = await queryEdgemint(instance, resync).catch((error: unknown) => {
        throw signal.aborted
          ? new Interrupted('Interrupted. The gates may be brought up to date, or not. Repeat the command.')
          : error;
      });
      if (session.json) return session.terminal.printJson({ gates: row?.gates ?? 0, tokens_revoked: revokesTokens });
      session.terminal.print(
        `${row?.gates ?? 0} gates are brought up to date in the next minutes, up to 1,500 a minute.`,
      );
    });
  });
}

async function newPassphrase(options: PassphraseOptions, terminal: Terminal): Promise<string> {
  const passphrase = await knownPassphrase(options, terminal);
  if ([...passphrase].length < PASSPHRASE_LENGTH_MIN) {
    throw new UsageError(
      `The passphrase has ${[...passphrase].length} characters. Use at least ${PASSPHRASE_LENGTH_MIN}, such as six random words.`,
    );
  }
  const isAsked = terminal.isInteractive && options.passphraseFile === undefined && !terminal.env[VARIABLE];
  if (isAsked && (await terminal.readSecret('Once more')) !== passphrase) {
    throw new Failure('The two passphrases differ. Nothing was written.');
  }
  return passphrase;
}

async function knownPassphrase({ passphraseFile: file }: PassphraseOptions, terminal: Terminal): Promise<string> {
  if (file === undefined) return terminal.readSecret(LABEL, VARIABLE);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(describeSystemError(error, file) ?? `${file} could not be read.`);
  });
  const [line = ''] = text.split('\n');
  if (line.trim() === '') throw new UsageError(`The first line of ${file} is empty: it must be the passphrase.`);
  return line.trim();
}

const SHOWN = {
  organizations: 'organization',
  clients: 'client',
  resource_servers: 'resource server',
  roles: 'role',
  api_keys: 'API key',
  webhooks: 'webhook',
  signing_keys: 'signing key',
} as const;

function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(SHOWN)
    .map(([table, noun]) => counted(counts[table] ?? 0, noun))
    .join(', ');
}
