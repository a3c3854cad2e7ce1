import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type Local, output } from '../local.ts';
import { applyForWorkload } from '../workload.ts';

/** What the cluster says of the pod. */
const POD = {
  sub: 'system:serviceaccount:shop:orders',
  'kubernetes.io': {
    namespace: 'shop',
    serviceaccount: { name: 'orders', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
  },
};

/** Runs the command of the pod. The cluster, which writes the token to a file, is played. */
export async function run(local: Local): Promise<void> {
  const { clientId, platform } = await applyForWorkload(local, 'kubernetes');
  const manifest = await readFile(new URL('pod.yaml', import.meta.url), 'utf8');
  const [, pod] = parseAllDocuments(manifest).map((document) => document.toJS());
  const [container] = pod.spec.containers;
  const [mount] = container.volumeMounts;
  const home = await mkdtemp(join(tmpdir(), 'edgemint-pod-'));
  try {
    await writeFile(join(home, 'token'), await platform.token(POD, local.url));
    const [command = '', ...args] = [...container.command, ...container.args] as string[];
    const inHome = args.map((text) => text.replaceAll(mount.mountPath, home));
    const answer = JSON.parse(await output(command, inHome, { EDGEMINT: local.url, CLIENT_ID: clientId }));
    console.log(`The pod has a token for ${clientId}, with the scope ${answer.scope}.`);
  } finally {
    await rm(home, { recursive: true });
  }
}
