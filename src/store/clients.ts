import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { StoredGrant } from './roles.ts';
import { clientGrantScopes, clientGrants, clientIntrospects, clientRoles, clientSecrets, clients } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

export type NewClient = Omit<typeof clients.$inferSelect, 'version'>;
export type StoredSecret = typeof clientSecrets.$inferSelect;

export interface ClientLinks {
  readonly grants: readonly StoredGrant[];
  readonly roleIds: readonly string[];
  /** Ids of the resource servers on whose behalf the client introspects. */
  readonly introspects: readonly string[];
}

/** The statements that create a client with its first secret and its links, for `write()`. What a link refers to must be there. */
export function insertClient(db: Database, client: NewClient, secret: StoredSecret, links: ClientLinks): Statement[] {
  const { clientId } = client;
  const grants = JSON.stringify(links.grants);
  return [
    db.insert(clients).values({ ...client, version: nextVersion }),
    db.insert(clientSecrets).values(secret),
    db.insert(clientGrants).select(sql`SELECT ${clientId}, value ->> 'resourceServerId' FROM json_each(${grants})`),
    db.insert(clientGrantScopes).select(sql`SELECT ${clientId}, granted.value ->> 'resourceServerId', scope.value
      FROM json_each(${grants}) AS granted, json_each(granted.value, '$.scopes') AS scope`),
    db.insert(clientRoles).select(sql`SELECT ${clientId}, value FROM json_each(${JSON.stringify(links.roleIds)})`),
    db
      .insert(clientIntrospects)
      .select(sql`SELECT ${clientId}, value FROM json_each(${JSON.stringify(links.introspects)})`),
  ];
}
