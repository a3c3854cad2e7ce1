import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Local, output } from '../local.ts';

interface Step {
  readonly uses?: string;
  readonly with?: { readonly repository?: string; readonly path?: string };
  readonly name?: string;
  readonly run?: string;
  readonly 'working-directory'?: string;
}

const SCOPES = ['resource-servers', 'roles', 'clients'].flatMap((name) => [`${name}:read`, `${name}:write`]);
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** A workspace has packages of its own if the root has other versions of them. */
const INSTALLED = ['node_modules', 'src/console/node_modules'].filter((name) => existsSync(join(REPOSITORY, name)));

/** Runs the steps of both jobs as a runner does, with an API key that has the scopes that the workflow names. */
export async function run(local: Local): Promise<void> {
  const workflow = parse(await readFile(new URL('workflow.yaml', import.meta.url), 'utf8'));
  const scopes = SCOPES.flatMap((scope) => ['--scope', scope]);
  const created = JSON.parse(await local.edgemint('api-keys', 'create', '--name', 'CI', ...scopes, '--json'));
  const runner = await mkdtemp(join(tmpdir(), 'edgemint-ci-'));
  try {
    const workspace = join(runner, 'workspace');
    const prefix = join(runner, 'prefix');
    const env = {
      PATH: [await installOffline(runner), join(prefix, 'bin'), dirname(process.execPath), process.env.PATH].join(
        delimiter,
      ),
      npm_config_prefix: prefix,
      npm_config_offline: 'true',
      EDGEMINT_URL: local.url,
      EDGEMINT_API_KEY: created.api_key,
      RUNNER_TEMP: runner,
    };
    // Both jobs install the same. Here they share one machine.
    const done = new Set<string>();
    for (const step of [...workflow.jobs.plan.steps, ...workflow.jobs.apply.steps] as Step[]) {
      const same = JSON.stringify(step);
      if (!done.has(same)) await take(step, workspace, env);
      done.add(same);
    }
  } finally {
    await rm(runner, { recursive: true });
    await local.edgemint('api-keys', 'delete', created.id, '--yes');
  }
}

async function take(step: Step, workspace: string, env: Readonly<Record<string, string>>): Promise<void> {
  if (step.uses?.startsWith('actions/checkout@')) {
    if (step.with?.repository === undefined) {
      await cp(new URL('edgemint.yaml', import.meta.url), join(workspace, 'edgemint.yaml'));
    } else await checkOut(join(workspace, step.with.path ?? ''));
  }
  if (step.run === undefined) return;
  console.log(`── ${step.name}`);
  const script = `cd "${join(workspace, step['working-directory'] ?? '')}"\n${step.run}`;
  console.log((await output('bash', ['-e', '-o', 'pipefail', '-c', script], env)).trimEnd());
}

/** Copies the source of this repository, as a checkout has it. */
async function checkOut(folder: string): Promise<void> {
  const listed = await output('git', ['-C', REPOSITORY, 'ls-files', '-z', '-co', '--exclude-standard'], {});
  const files = listed.split('\0').filter((file) => file !== '' && existsSync(join(REPOSITORY, file)));
  await Promise.all(files.map((file) => cp(join(REPOSITORY, file), join(folder, file))));
}

/**
 * Puts an `npm` in front of the real one that needs no network: `npm ci` links the packages of this repository, and builds as the real one
 * does.
 * @returns its folder
 */
async function installOffline(runner: string): Promise<string> {
  const folder = join(runner, 'bin');
  await mkdir(folder, { recursive: true });
  const link = INSTALLED.map((name) => `ln -s "${join(REPOSITORY, name)}" "${name}"`).join('\n');
  const npm = `#!/bin/sh -e
PATH="${dirname(process.execPath)}${delimiter}${process.env.PATH}"
[ "$1" = ci ] || exec npm "$@"
${link}
exec npm run -s prepare
`;
  await writeFile(join(folder, 'npm'), npm, { mode: 0o755 });
  return folder;
}
