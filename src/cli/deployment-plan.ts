/** The parts of the service that an account already has. */
export interface AccountState {
  readonly databaseExists: boolean;
  /** The names of the Worker's secrets. Empty if there is no Worker yet. */
  readonly secrets: readonly string[];
}

export type GeneratedSecret = 'MASTER_KEY' | 'ROOT_API_KEY';

export type Step =
  | { readonly do: 'create database' }
  | { readonly do: 'apply migrations' }
  /** Stops the deployment if the database holds data that only a lost MASTER_KEY can read. */
  | { readonly do: 'require an unused database' }
  | { readonly do: 'deploy'; readonly generate: readonly GeneratedSecret[]; readonly issuer: IssuerSetting };

/**
 * `keep`: an earlier deployment has set the issuer. `set`: set it now. `withhold`: deploy without an issuer, so that the Worker refuses to
 * serve. Its address, which becomes the issuer, is known only after that deployment.
 */
export type IssuerSetting = 'keep' | 'set' | 'withhold';

const GENERATED: readonly GeneratedSecret[] = ['MASTER_KEY', 'ROOT_API_KEY'];

/**
 * Plans the steps of a deployment. It never creates or sets anything twice, so planning again finishes an interrupted deployment.
 * @param issuerIsKnown false if the issuer is to be the address that the Worker gets
 */
export function planDeployment({ databaseExists, secrets }: AccountState, issuerIsKnown: boolean): Step[] {
  const generate = GENERATED.filter((name) => !secrets.includes(name));
  const steps: Step[] = [];
  if (!databaseExists) steps.push({ do: 'create database' });
  steps.push({ do: 'apply migrations' });
  if (databaseExists && generate.includes('MASTER_KEY')) steps.push({ do: 'require an unused database' });
  if (secrets.includes('ISSUER')) return [...steps, { do: 'deploy', generate, issuer: 'keep' }];
  if (issuerIsKnown) return [...steps, { do: 'deploy', generate, issuer: 'set' }];
  return [...steps, { do: 'deploy', generate, issuer: 'withhold' }, { do: 'deploy', generate: [], issuer: 'set' }];
}
