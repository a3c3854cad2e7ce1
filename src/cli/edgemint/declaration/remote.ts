import type { Section } from '../../../declaration/fields.ts';
import { canonical, type Fields } from '../../../declaration/item.ts';
import type { Answer, Api } from '../api.ts';
import type { Client, ResourceServer, Role, Webhook } from '../representations.ts';
import { RequestError } from '../request-error.ts';
import type { Action, CurrentItem, Sections } from './plan.ts';
import type { Shared } from './references.ts';

/** The current state of a server, as far as a file can declare it. */
export interface RemoteState {
  readonly own: Sections<CurrentItem>;
  readonly shared: Shared;
}

type Representation = ResourceServer | Role | Client | Webhook;

/**
 * Reads the current state.
 * @param isShared whether the file declares the items that all organizations share, not those of one organization
 * @param withWebhooks whether to read the webhooks too, for which a key needs a scope that an older key does not have
 * @throws RequestError, Failure
 */
export async function readRemote(api: Api, isShared: boolean, withWebhooks: boolean): Promise<RemoteState> {
  const query = isShared ? {} : { organization_id: api.organization };
  const servers = await api.all<ResourceServer>(path('resource_servers'), query);
  const roles = await api.all<Role>(path('roles'), query);
  const clients = isShared ? [] : await api.all<Client>(path('clients'), query);
  const webhooks = withWebhooks ? await api.all<Webhook>(path('webhooks'), query) : [];
  const isOwn = ({ organization_id }: ResourceServer | Role) => (organization_id === null) === isShared;
  const fieldsOf = (section: Section, items: readonly object[]) => items.map((item) => canonical(section, item));
  return {
    own: {
      resource_servers: servers.filter(isOwn).map((server) => currentItem('resource_servers', server)),
      roles: roles.filter(isOwn).map((role) => currentItem('roles', role)),
      clients: clients.map((client) => currentItem('clients', client)),
      webhooks: webhooks.map((webhook) => currentItem('webhooks', webhook)),
    },
    shared: {
      resource_servers: isShared
        ? []
        : fieldsOf(
            'resource_servers',
            servers.filter((server) => !isOwn(server)),
          ),
      roles: isShared
        ? []
        : fieldsOf(
            'roles',
            roles.filter((role) => !isOwn(role)),
          ),
    },
  };
}

/** Reads each item that the actions change or delete on its own, to get the ETag of the state that the plan is about. */
export async function readTouched(api: Api, state: RemoteState, actions: readonly Action[]): Promise<RemoteState> {
  const own = { ...state.own };
  for (const action of actions) {
    if (action.do === 'create') continue;
    const { section, from } = action;
    const fresh = await readOne(api, section, from.id);
    own[section] = own[section].flatMap((item) => (item.id === from.id ? (fresh ?? []) : item));
  }
  return { ...state, own };
}

/** @returns undefined if it was deleted */
async function readOne(api: Api, section: Section, id: string): Promise<CurrentItem | undefined> {
  let answer: Answer<Representation>;
  try {
    answer = await api.get<Representation>(path(section, id));
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return undefined;
    throw error;
  }
  return { ...currentItem(section, answer.body), etag: answer.etag ?? undefined };
}

function currentItem(section: Section, representation: Representation): CurrentItem {
  const use = 'client_id' in representation ? { lastUsedAt: representation.last_used_at } : {};
  return { id: idOf(representation), fields: canonical(section, representation), ...use };
}

function idOf(representation: Representation): string {
  return 'client_id' in representation ? representation.client_id : representation.id;
}

/** Returns the path of a section's collection below `/v1/`, or of one item in it. */
export function path(section: Section, id?: string): string {
  const collection = section.replace('_', '-');
  return id === undefined ? collection : `${collection}/${encodeURIComponent(id)}`;
}

/** Returns the body that creates an item. Missing fields get their defaults. */
export function creation(fields: Fields, organization: string | undefined): Fields {
  return organization === undefined ? fields : { organization_id: organization, ...fields };
}
