import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Local, output } from '../local.ts';

const SCOPES = ['resource-servers', 'roles', 'clients'].flatMap((name) => [`${name}:read`, `${name}:write`]);
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the steps of both jobs as a runner does, with an API key that has the scopes that the workflow names. */
export async function run(local: Local): Promise<void> {
  const workflow = parse(await readFile(new URL('workflow.yaml', import.meta.url), 'utf8'));
  const scopes = SCOPES.flatMap((scope) => ['--scope', scope]);
  const created = JSON.parse(await local.edgemint('api-keys', 'create', '--name', 'CI', ...scopes, '--json'));
  const home = await mkdtemp(join(tmpdir(), 'edgemint-ci-'));
  try {
    // `npx edgemint` is the package's command line. Here it is the one of this repository.
    const program = `#!/bin/sh\nshift\nexec "${process.execPath}" "${REPOSITORY}src/cli/edgemint/main.ts" "$@"\n`;
    await writeFile(join(home, 'npx'), program, { mode: 0o755 });
    const declaration = fileURLToPath(new URL('edgemint.yaml', import.meta.url));
    const env = {
      PATH: `${home}:${process.env.PATH}`,
      EDGEMINT_URL: local.url,
      EDGEMINT_API_KEY: created.api_key,
      RUNNER_TEMP: home,
    };
    for (const { name, run: script } of [...workflow.jobs.plan.steps, ...workflow.jobs.apply.steps]) {
      if (script === undefined) continue;
      console.log(`── ${name}`);
      const here = script.replaceAll('edgemint.yaml', declaration);
      console.log((await output('bash', ['-e', '-o', 'pipefail', '-c', here], env)).trimEnd());
    }
  } finally {
    await rm(home, { recursive: true });
    await local.edgemint('api-keys', 'delete', created.id, '--yes');
  }
}
