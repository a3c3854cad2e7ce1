/** What an account has of the service already. */
export interface Standing {
  readonly databaseExists: boolean;
  /** The names of the Worker's secrets; none where there is no Worker yet. */
  readonly secrets: readonly string[];
}

export type GeneratedSecret = 'MASTER_KEY' | 'ROOT_API_KEY';

export type Step =
  | { readonly do: 'create database' }
  | { readonly do: 'apply migrations' }
  /** Stops where the database holds what only a lost MASTER_KEY can read. */
  | { readonly do: 'require an unused database' }
  | { readonly do: 'deploy'; readonly generate: readonly GeneratedSecret[]; readonly issuer: IssuerSetting };

/**
 * `keep`: it is fixed. `set`: to the one that is known. `withhold`: the Worker refuses to serve until it has one, since its address is
 * known only once it is deployed.
 */
export type IssuerSetting = 'keep' | 'set' | 'withhold';

const GENERATED: readonly GeneratedSecret[] = ['MASTER_KEY', 'ROOT_API_KEY'];

/**
 * Decides what a deployment does. What is there already is never made, or set, a second time, so that a plan which was interrupted is
 * finished by planning again.
 * @param issuerIsKnown whether an issuer was given, or is to be the address that the Worker gets
 */
export function planDeployment({ databaseExists, secrets }: Standing, issuerIsKnown: boolean): Step[] {
  const generate = GENERATED.filter((name) => !secrets.includes(name));
  const steps: Step[] = [];
  if (!databaseExists) steps.push({ do: 'create database' });
  steps.push({ do: 'apply migrations' });
  if (databaseExists && generate.includes('MASTER_KEY')) steps.push({ do: 'require an unused database' });
  if (secrets.includes('ISSUER')) return [...steps, { do: 'deploy', generate, issuer: 'keep' }];
  if (issuerIsKnown) return [...steps, { do: 'deploy', generate, issuer: 'set' }];
  return [...steps, { do: 'deploy', generate, issuer: 'withhold' }, { do: 'deploy', generate: [], issuer: 'set' }];
}
