import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Api } from '../api.ts';
import { UsageError } from '../failures.ts';
import { jsonObject, member } from '../parse.ts';
import type { Page } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';

interface Options {
  readonly field: readonly (readonly [string, string])[];
  readonly rawField: readonly (readonly [string, string])[];
  readonly input?: string;
  readonly paginate?: boolean;
  readonly include?: boolean;
  readonly ifMatch?: string;
}

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE'];
const collect = (text: string, all: readonly (readonly [string, string])[]) => [...all, member(text)];

/** Adds `api`, which sends any request to the management API, also those that no other command knows. */
export function addApi(program: Command): void {
  const command = program
    .command('api')
    .description('send a request to the management API and print its JSON')
    .argument('<method>', 'GET, POST, PATCH or DELETE')
    .argument('<path>', 'the path below /v1, such as clients or /v1/clients/emc_…')
    .option(
      '-f, --raw-field <key=value>',
      'a text: a field of the body, or with GET and DELETE a parameter (repeatable)',
      collect,
      [],
    )
    .option(
      '-F, --field <key=value>',
      'like --raw-field, and true, false, null, numbers and JSON keep their type (repeatable)',
      collect,
      [],
    )
    .option('--input <file>', 'read the body from a JSON file (- for stdin)')
    .option('--paginate', 'get all pages of a list')
    .option('-i, --include', 'print status and ETag before the body')
    .option('--if-match <etag>', 'only if the resource still has this ETag');
  command.action(async (name: string, named: string) => {
    const session = new Session(command);
    const method = name.toUpperCase();
    const options = command.opts<Options>();
    if (!METHODS.includes(method))
      throw new UsageError(`<method> cannot be \`${name}\`. It is one of ${METHODS.join(', ')}.`);
    if (options.paginate && method !== 'GET') throw new UsageError('--paginate requires GET.');
    const [path = '', search = ''] = named.replace(/^\/?(v1\/)?/, '').split('?', 2);
    const fields = { ...Object.fromEntries(options.rawField), ...Object.fromEntries(options.field.map(typed)) };
    const hasBody = method === 'POST' || method === 'PATCH';
    const input = options.input === undefined ? {} : await readBody(options.input, session);
    const query = {
      ...Object.fromEntries(new URLSearchParams(search)),
      ...(hasBody ? {} : (fields as Record<string, string>)),
    };
    const api = await session.api();
    try {
      await send(session, api, method, path, query, hasBody ? { ...input, ...fields } : undefined, options);
    } catch (error) {
      // The answer is what the caller asked for, also if it is a problem.
      if (error instanceof RequestError && !session.json) session.terminal.printJson(error.problem);
      throw error;
    }
  });
}

async function send(
  { terminal }: Session,
  api: Api,
  method: string,
  path: string,
  query: Readonly<Record<string, string>>,
  body: object | undefined,
  { paginate, include, ifMatch }: Options,
): Promise<void> {
  if (paginate) return terminal.printJson({ data: await api.all(path, query), next_cursor: null });
  const answer = await api.request<Page<unknown>>(method, path, { query, body, ifMatch });
  if (include) {
    terminal.print(`HTTP ${answer.status}${answer.etag === null ? '' : `\nETag: ${answer.etag}`}\n\n`);
  }
  if (answer.body !== undefined) terminal.printJson(answer.body);
}

/** Parses a value as JSON if it is JSON. */
function typed([key, text]: readonly [string, string]): readonly [string, unknown] {
  try {
    return [key, JSON.parse(text)];
  } catch {
    return [key, text];
  }
}

async function readBody(file: string, { terminal }: Session): Promise<object> {
  const text =
    file === '-'
      ? await terminal.readInput()
      : await readFile(file, 'utf8').catch((error: Error) => {
          throw new UsageError(`--input ${file} could not be read: ${error.message}`);
        });
  try {
    return jsonObject(text) as object;
  } catch {
    throw new UsageError(`--input ${file} does not hold a JSON object.`);
  }
}
