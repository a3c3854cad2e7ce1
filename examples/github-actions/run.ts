import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Local, output } from '../local.ts';
import { applyForWorkload } from '../workload.ts';

/** What GitHub says of a job of this repository. */
const JOB = {
  sub: 'repo:octo-org@65/octo-repo@74:environment:production',
  repository_id: '74',
  repository_owner_id: '65',
  environment: 'production',
};

/** Runs the step of the workflow that gets a token, as a runner does. GitHub itself is played. */
export async function run(local: Local): Promise<void> {
  const { clientId, platform } = await applyForWorkload(local, 'github-actions');
  const workflow = parse(await readFile(new URL('workflow.yaml', import.meta.url), 'utf8'));
  const step = workflow.jobs.deploy.steps.find(({ name }: { name?: string }) => name === 'Get an access token');
  const home = await mkdtemp(join(tmpdir(), 'edgemint-job-'));
  const github = createServer((request, response) => {
    const audience = new URL(request.url ?? '', 'http://github').searchParams.get('audience') ?? '';
    void platform.token(JOB, audience).then((value) => response.end(JSON.stringify({ value })));
  }).listen(0, '127.0.0.1');
  await once(github, 'listening');
  try {
    const { port } = github.address() as AddressInfo;
    const runner = {
      EDGEMINT: local.url,
      CLIENT_ID: clientId,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job',
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      GITHUB_ENV: join(home, 'environment'),
    };
    await output('bash', ['-e', '-o', 'pipefail', '-c', step.run], runner);
    const [, token = ''] = /^ACCESS_TOKEN=(.+)$/m.exec(await readFile(runner.GITHUB_ENV, 'utf8')) ?? [];
    const { client_id, scope } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    console.log(`The job has a token for ${client_id}, with the scope ${scope}.`);
  } finally {
    github.close();
    await rm(home, { recursive: true });
  }
}
