import { eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { organizations } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

export type NewOrganization = Omit<typeof organizations.$inferSelect, 'version'>;

/** The statements that create an organization, for `write()`. */
export function insertOrganization(db: Database, organization: NewOrganization): Statement[] {
  return [db.insert(organizations).values({ ...organization, version: nextVersion })];
}

/** @throws StoreUnavailableError */
export async function organizationExists(db: Database, id: string): Promise<boolean> {
  const found = db.select({ id: organizations.id }).from(organizations).where(eq(organizations.id, id));
  return (await askStore('d1', () => found)).length > 0;
}
