import type { Schema } from '../../api/types.ts';
import type { Grant } from './holders.ts';

// An answer of the API has every member. The generated types call those with a default optional, because a request may leave them out.

type Shown<T> = Omit<Required<T>, 'grants' | 'scopes'>;

export interface Scope {
  readonly name: string;
  readonly description: string;
}

export type ShownClient = Shown<Schema<'Client'>> & { readonly grants: readonly Grant[] };
export type ShownRole = Shown<Schema<'Role'>> & { readonly grants: readonly Grant[] };
export type ShownServer = Shown<Schema<'ResourceServer'>> & { readonly scopes: readonly Scope[] };

export const shownClient = (client: Schema<'Client'> | Schema<'CreatedClient'>) => client as unknown as ShownClient;
export const shownClients = (rows: readonly Schema<'Client'>[]) => rows as unknown as readonly ShownClient[];
export const shownRole = (role: Schema<'Role'>) => role as unknown as ShownRole;
export const shownRoles = (rows: readonly Schema<'Role'>[]) => rows as unknown as readonly ShownRole[];
export const shownServer = (server: Schema<'ResourceServer'>) => server as unknown as ShownServer;
export const shownServers = (rows: readonly Schema<'ResourceServer'>[]) => rows as unknown as readonly ShownServer[];
