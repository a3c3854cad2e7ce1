import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { Failure } from '../../failure.ts';
import { wranglerFailure } from '../../wrangler.ts';
import { describeEntry, JsonSplitter, type LogFilter, logEntries, passes } from '../log-lines.ts';
import { printableJson } from '../printable.ts';
import { Session } from '../session.ts';
import { findClientWithoutKey, findFormer } from './client-without-key.ts';

interface Options extends LogFilter {
  readonly env?: string;
  readonly worker?: string;
  readonly stdin?: boolean;
}

/** Adds `logs tail`. */
export function addLogs(program: Command): void {
  const group = program.command('logs').description('the log of the Worker');
  const command = group
    .command('tail')
    .description('follow the log through `wrangler tail`, with one readable line for each entry')
    .option('--worker <name>', 'the Worker; by default that of wrangler.toml in this folder')
    .option('--env <name>', 'the Worker of an environment of `npm run deploy -- --env <name>`')
    .option('--client <client>', 'only requests of this client: its id, or its name if there is an API key')
    .option('--reason <reason>', 'only requests that ended for this reason, such as wrong_secret')
    .option('--status <status>', 'only requests with this status, such as 401 or 4xx')
    .option('--request <id>', 'only the request with this X-Request-Id')
    .option('--event <event>', 'only entries of this kind, such as scheduled')
    .option('--stdin', 'read log lines from stdin instead of Cloudflare, as of a local server');
  command.action(async () => {
    const session = new Session(command);
    const named = command.opts<Options>();
    const { client: text } = named;
    const options =
      text === undefined
        ? named
        : { ...named, client: (await findClientWithoutKey(session, text, findFormer)).client_id };
    const splitter = new JsonSplitter();
    const show = (text: string) => {
      for (const entry of splitter.push(text).flatMap(logEntries))
        if (passes(entry, options)) showEntry(session, entry);
    };
    if (options.stdin) {
      for await (const chunk of session.terminal.io.stdin) show(String(chunk));
      show('\n');
    } else await tail(session, options, show);
  });
}

function showEntry({ json, terminal }: Session, entry: Record<string, unknown>): void {
  terminal.print(json ? printableJson(entry).replace(/\n */g, ' ') : describeEntry(entry, terminal.screen.style));
}

async function tail({ terminal }: Session, { worker, env }: Options, show: (text: string) => void): Promise<void> {
  const name = worker ?? (env === undefined ? undefined : `edgemint-${env}`);
  const args = ['wrangler', 'tail', ...(name === undefined ? [] : [name]), '--format', 'json'];
  // Names of Workers have no character that a shell treats specially.
  if (name !== undefined && !/^[\w-]+$/.test(name)) throw new Failure(`${name} is not the name of a Worker.`);
  const child = spawn('npx', args, { env: { ...terminal.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => void child.kill();
  terminal.io.signals.once('SIGINT', stop).once('SIGTERM', stop);
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', show);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', () =>
      reject(new Failure('npx was not found, which starts wrangler. Install Node.js with npm.')),
    );
  });
  terminal.io.signals.off('SIGINT', stop).off('SIGTERM', stop);
  if (code) throw wranglerFailure(`wrangler tail ended (${code}).`, errors);
}
