import { parse } from 'smol-toml';
import { Failure } from '../failure.ts';

/** The part of a wrangler configuration that a deployment reads or changes; the rest is kept as it is. */
export interface Configuration {
  readonly name: string;
  readonly vars?: Readonly<Record<string, string>>;
  /** The account, if the user fixed it. */
  readonly account_id?: string;
  readonly d1_databases?: readonly D1Binding[];
  readonly kv_namespaces?: readonly KvBinding[];
  readonly ratelimits?: readonly { readonly name: string; readonly namespace_id: string }[];
  readonly routes?: readonly unknown[];
  readonly route?: unknown;
  readonly workers_dev?: boolean;
  readonly [member: string]: unknown;
}

interface D1Binding {
  readonly binding: string;
  readonly database_name: string;
  readonly database_id?: string;
  readonly preview_database_id?: string;
}

interface KvBinding {
  readonly binding: string;
  readonly id?: string;
  readonly preview_id?: string;
}

/** What makes one deployment different from another. */
export interface Differences {
  /** undefined for the deployment that the tracked file names. */
  readonly environment: string | undefined;
  /** The host that becomes a custom domain of the Worker, if one does. */
  readonly domain: string | undefined;
}

/** Every binding that the Worker needs, by the kind of configuration that provides it. `src/platform/env.ts` has their types. */
const BINDINGS: readonly (readonly [binding: string, kind: string])[] = [
  ['DB', 'd1_databases'],
  ['KV', 'kv_namespaces'],
  ['CLIENT_GATE', 'durable_objects'],
  ['FAILED_ATTEMPTS', 'ratelimits'],
  ['CLIENT_LOOK_UPS', 'ratelimits'],
  ['ASSETS', 'assets'],
];

/** Parses the tracked file. @throws Failure if it is malformed, or lacks what every deployment needs */
export function parseConfiguration(text: string): Configuration {
  let parsed: Configuration;
  try {
    parsed = parse(text) as unknown as Configuration;
  } catch (error) {
    throw new Failure(`wrangler.toml is malformed: ${error instanceof Error ? error.message : error}`);
  }
  const missing = missingBindings(parsed);
  if (missing.length > 0) throw new Failure(`wrangler.toml lacks the binding ${missing.join(', ')}.`);
  if (typeof parsed.name !== 'string') throw new Failure('wrangler.toml has no name.');
  if (!databaseOf(parsed)) throw new Failure('wrangler.toml has no database_name.');
  return parsed;
}

/**
 * Builds the configuration of a deployment from the tracked file. wrangler's own environments inherit no bindings, so one that were named
 * there only would be deployed without its database.
 */
export function configurationFor(tracked: Configuration, { environment, domain }: Differences): Configuration {
  const suffix = environment === undefined ? '' : `-${environment}`;
  const { d1_databases = [], kv_namespaces = [], ratelimits = [] } = tracked;
  const configuration: Configuration = {
    ...tracked,
    name: `${tracked.name}${suffix}`,
    ...(environment !== undefined && {
      d1_databases: d1_databases.map((each) => ownDatabase(each, suffix)),
      kv_namespaces: kv_namespaces.map(ownNamespace),
    }),
    ratelimits: ratelimits.map((each) => ({ ...each, namespace_id: namespaceOf(each.namespace_id, environment) })),
    // Routes of the tracked file are the user's own, and lead to one Worker only.
    ...(domain !== undefined &&
      !hasRoutes(tracked) && {
        routes: [{ pattern: domain, custom_domain: true }],
        workers_dev: tracked.workers_dev ?? false,
      }),
  };
  const missing = missingBindings(configuration);
  if (missing.length > 0) throw new Failure(`The configuration lacks the binding ${missing.join(', ')}.`);
  if (environment !== undefined && hasRoutes(tracked)) {
    throw new Failure(
      'wrangler.toml has routes, which lead to one Worker. Remove them, and name the domain with --issuer.',
    );
  }
  return configuration;
}

// Ids in the tracked file are those of the deployment without an environment. Another one that kept them would use its data.
function ownDatabase(each: D1Binding, suffix: string): D1Binding {
  const { database_id: _, preview_database_id: __, ...others } = each;
  return { ...others, database_name: `${each.database_name}${suffix}` };
}

function ownNamespace({ id: _, preview_id: __, ...others }: KvBinding): KvBinding {
  return others;
}

/** Whether the tracked file has routes of the user's own. */
export function hasRoutes({ routes, route }: Configuration): boolean {
  return routes !== undefined || route !== undefined;
}

/** Returns the bindings that a configuration does not provide. */
export function missingBindings(configuration: Configuration): string[] {
  return BINDINGS.filter(
    ([binding, kind]) => !JSON.stringify(configuration[kind] ?? null).includes(`"${binding}"`),
  ).map(([binding]) => binding);
}

/** Returns the name of the database. */
export function databaseOf({ d1_databases = [] }: Configuration): string {
  return d1_databases.find(({ binding }) => binding === 'DB')?.database_name ?? '';
}

/** Returns the id of the database if the configuration fixes it. wrangler then ignores the name. */
export function databaseIdOf({ d1_databases = [] }: Configuration): string | undefined {
  return d1_databases.find(({ binding }) => binding === 'DB')?.database_id || undefined;
}

// All Workers of an account with the same namespace share its counters. FNV-1a spreads the names of environments over the numbers above
// the tracked ones.
function namespaceOf(id: string, environment: string | undefined): string {
  if (environment === undefined) return id;
  let hash = 0x811c9dc5;
  for (const char of environment) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return String(Number(id) + 10_000 * (1 + (hash % 100_000)));
}
