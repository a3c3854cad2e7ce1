import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/** What was measured on, and with which versions. */
export type Machine = Readonly<Record<string, string | number>>;

export function machine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version.slice(1),
    workerd: versionOf('workerd'),
    'oidc-provider': versionOf('oidc-provider'),
  };
}

function versionOf(name: string): string {
  const manifest = readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
