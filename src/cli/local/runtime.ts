import { spawn } from 'node:child_process';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { RUNTIME_NODE_MIN } from '../constants.ts';
import { Failure } from '../failure.ts';

const { miniflare, node } = packageJson.devDependencies;

/** The runtime of the Worker, installed. */
export interface LocalRuntime {
  readonly folder: string;
  /** The Node to run it with. */
  readonly node: string;
}

/**
 * Finds the runtime of the Worker, or installs it for this user. It is no dependency of the package, because it is a hundred times as
 * large as the command line, which most users want alone.
 * @throws Failure if it cannot be installed
 */
export async function findRuntime(env: NodeJS.ProcessEnv, say: (sentence: string) => void): Promise<LocalRuntime> {
  const isOld = Number(process.versions.node.split('.')[0]) < RUNTIME_NODE_MIN;
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'edgemint');
  const folder = env.EDGEMINT_RUNTIME || join(cache, `runtime-${miniflare}${isOld ? '-with-node' : ''}`);
  const found = { folder, node: isOld ? join(folder, 'node_modules/node/bin/node') : process.execPath };
  if (await exists(join(folder, 'node_modules/miniflare/package.json'))) return found;
  if (env.EDGEMINT_RUNTIME) throw new Failure(`EDGEMINT_RUNTIME names ${folder}, which has no node_modules/miniflare.`);
  say(`Installing the runtime of Workers to ${folder}, once …`);
  const draft = `${folder}.${process.pid}`;
  try {
    await mkdir(draft, { recursive: true });
    await writeFile(join(draft, 'package.json'), '{ "private": true }');
    await install(draft, [`miniflare@${miniflare}`, ...(isOld ? [`node@${node}`] : [])]);
    // Another process may have installed it meanwhile.
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!(await exists(join(folder, 'node_modules/miniflare/package.json')))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return found;
}

function install(directory: string, packages: readonly string[]): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', ...packages];
  const child = spawn('npm', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Failure('npm was not found; it installs the runtime of Workers.')));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Failure(`npm could not install the runtime of Workers:\n${output.trim()}`)),
    );
  });
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
