import type { Command } from 'commander';
import { isJsonObject } from '../../../lib/json.ts';
import { CRON_LATE_MS, EXIT_FAILED, KEY_AGE_WARNING_MS } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { expiryWarning } from '../expiry.ts';
import { exchange, readJson } from '../http.ts';
import { relativeTime } from '../output.ts';
import { line } from '../printable.ts';
import type { Me, Page } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';

interface Health {
  readonly status: string;
  readonly stores: Readonly<Record<string, string>>;
  readonly last_success: Readonly<Record<string, string | null>> | null;
}

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly status: string;
  readonly activated_at: string | null;
}

/** Adds `status`. It exits with 1 if something is wrong, so that a script can wait for it. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description('show the server, its health, the API key in use, the ages of signing keys, and what needs attention');
  command.action(async () => {
    const session = new Session(command);
    const { url } = await session.connection(false);
    const { response } = await exchange(new URL(`${url}/healthz`), {}, session.terminal);
    const health = (await readJson(response)) as Health;
    if (!response.ok) {
      const { error_description = '' } = Object(health);
      throw new Failure(
        line(`${url} is not healthy (${response.status})${error_description ? `: ${error_description}` : '.'}`),
      );
    }
    if (!isJsonObject(Object(health).stores)) throw new Failure(`${url}/healthz is not that of an Edgemint.`);
    const hasKey = (await session.connection(false)).apiKey !== undefined;
    const api = hasKey ? await session.api() : undefined;
    const me = api && (await api.get<Me>('me')).body;
    const keys = api && (await signingKeys(api));
    const warnings = findWarnings(health, me, keys ?? [], Date.now());
    if (session.json) session.terminal.printJson({ url, health, me: me ?? null, signing_keys: keys ?? null, warnings });
    else {
      session.show(rowsOf(url, health, me, keys, Date.now()));
      for (const warning of warnings) session.terminal.warn(line(warning));
      if (me === undefined) session.terminal.note('There is no API key. edgemint login saves one.');
    }
    if (warnings.length > 0) session.terminal.exitCode = EXIT_FAILED;
  });
}

/** @returns undefined if the key in use is not the root key */
async function signingKeys(api: Api): Promise<readonly SigningKey[] | undefined> {
  try {
    return (await api.get<Page<SigningKey>>('signing-keys')).body.data;
  } catch (error) {
    if (error instanceof RequestError && error.status === 403) return undefined;
    throw error;
  }
}

function rowsOf(url: string, health: Health, me: Me | undefined, keys: readonly SigningKey[] | undefined, now: number) {
  const stores = Object.entries(health.stores).map(([name, state]) => `${name} ${state}`);
  const runs = Object.values(health.last_success ?? {}).filter((at) => at !== null);
  const last = runs.toSorted().at(-1);
  const ages = keys
    ?.filter(({ status }) => status === 'active')
    .map(({ alg, activated_at }) => `${alg} ${activated_at ? `in use for ${age(activated_at, now)}` : 'in use'}`);
  return {
    server: url,
    ...(me && { version: me.version }),
    status: health.status,
    stores,
    cron: last === undefined ? 'has not run yet' : `last run ${relativeTime(last, now)}`,
    ...(me && {
      api_key: me.kind === 'root' ? 'the root key' : `${me.name} (${me.id})`,
      organization: me.organization ? `${me.organization.name} (${me.organization.id})` : 'all',
      ...(me.expires_at && { expires: relativeTime(me.expires_at, now) }),
    }),
    ...(ages && { signing_keys: ages.length > 0 ? ages : 'none yet' }),
  };
}

/**
 * Finds what needs attention.
 * @param now milliseconds since the epoch
 */
export function findWarnings(
  { stores, last_success }: Health,
  me: Pick<Me, 'rank' | 'expires_at'> | undefined,
  keys: readonly SigningKey[],
  now: number,
): string[] {
  const down = Object.entries(stores).filter(([, state]) => state !== 'ok');
  const runs = Object.values(last_success ?? {}).filter((at) => at !== null);
  const late = runs.length > 0 && runs.every((at) => Date.parse(at) < now - CRON_LATE_MS);
  const old = keys.filter(
    ({ status, activated_at }) =>
      status === 'active' && activated_at !== null && Date.parse(activated_at) < now - KEY_AGE_WARNING_MS,
  );
  const expiry = me && expiryWarning(me, now);
  return [
    ...down.map(([name, state]) => `The store ${name} does not answer: ${state}.`),
    ...(late ? ['The scheduled handler has not succeeded for ten minutes. Is its cron trigger deployed?'] : []),
    ...old.map(
      ({ alg, activated_at }) =>
        `The ${alg} key has signed for ${age(activated_at ?? '', now)}. Rotate it: edgemint keys rotate --alg ${alg}.`,
    ),
    ...(expiry === undefined ? [] : [expiry]),
  ];
}

function age(time: string, now: number): string {
  return relativeTime(time, now).replace(' ago', '');
}
