import type { KeyName } from './keys-file.ts';

/** The parts of the service that an account already has. */
export interface AccountState {
  readonly databaseExists: boolean;
  /** The names of the Worker's secrets. Empty if there is no Worker yet. */
  readonly secrets: readonly string[];
  /** What the last deployment noted, also if it was interrupted; undefined if there is none, or it is older than the note. */
  readonly note: DeploymentNote | undefined;
}

/** What later deployments must know of the first one. A variable of the Worker, as JSON; the Worker does not read it. */
export interface DeploymentNote {
  readonly issuer: string;
  /** Whether the issuer's host is a custom domain of the Worker. */
  readonly domain: boolean;
}

export type Step =
  | { readonly do: 'create database' }
  | { readonly do: 'apply migrations' }
  /** Stops the deployment if the database holds data that only a lost MASTER_KEY can read. */
  | { readonly do: 'require an unused database' }
  /** Stops the deployment if another MASTER_KEY than that of the file sealed the signing keys of the database. */
  | { readonly do: 'require the master key of the database' }
  | { readonly do: 'deploy'; readonly keys: readonly KeyName[]; readonly issuer: IssuerSetting };

/**
 * `keep`: an earlier deployment has set the issuer. `set`: set it now. `withhold`: deploy without an issuer, so that the Worker refuses to
 * serve. Its address is known, or its domain connected, only after that deployment, and an issuer cannot be changed.
 */
export type IssuerSetting = 'keep' | 'set' | 'withhold';

const KEYS: readonly KeyName[] = ['MASTER_KEY', 'ROOT_API_KEY'];

export interface Intent {
  /** Whether the issuer can be set at once. If not, it is the address that the Worker gets, or a domain that must be connected first. */
  readonly issuerIsReady: boolean;
  /** Whether the user has the MASTER_KEY of an earlier Worker. */
  readonly hasMasterKey: boolean;
}

/** Plans the steps of a deployment. It never creates or sets anything twice, so planning again finishes an interrupted deployment. */
export function planDeployment({ databaseExists, secrets }: AccountState, intent: Intent): Step[] {
  const keys = KEYS.filter((name) => !secrets.includes(name));
  const steps: Step[] = [];
  if (!databaseExists) steps.push({ do: 'create database' });
  steps.push({ do: 'apply migrations' });
  if (databaseExists && keys.includes('MASTER_KEY')) {
    steps.push({ do: intent.hasMasterKey ? 'require the master key of the database' : 'require an unused database' });
  }
  if (secrets.includes('ISSUER')) return [...steps, { do: 'deploy', keys, issuer: 'keep' }];
  if (intent.issuerIsReady) return [...steps, { do: 'deploy', keys, issuer: 'set' }];
  return [...steps, { do: 'deploy', keys, issuer: 'withhold' }, { do: 'deploy', keys: [], issuer: 'set' }];
}
