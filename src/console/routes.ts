import { type ComponentType, lazy } from 'react';
import type { ApiKeyScope } from './api/session.tsx';
import type { IconName } from './ui/icon.tsx';

type Loaded = Promise<{ readonly default: ComponentType }>;

export interface Route {
  /** The address below `/console`. */
  readonly path: string;
  readonly page: ComponentType;
  /** Starts loading the page, as soon as a press on a link to it is likely. */
  readonly preload: () => Loaded;
  readonly title: string;
  /** What a session needs to see the page. Without it every session sees it. */
  readonly requires?: ApiKeyScope | 'root';
  /** Its place in the navigation. Without it only other pages lead there. */
  readonly navigation?: {
    readonly group: 'organization' | 'instance';
    readonly label: string;
    readonly icon: IconName;
  };
}

function route(
  path: string,
  title: string,
  load: () => Loaded,
  more: Pick<Route, 'requires' | 'navigation'> = {},
): Route {
  return { path, title, page: lazy(load), preload: load, ...more };
}

const IN = '/organizations/:organizationId';

/** All addresses. The first match counts. */
export const ROUTES: readonly Route[] = [
  route('/', 'Overview', () => import('./pages/overview/index.tsx'), {
    navigation: { group: 'instance', label: 'Overview', icon: 'overview' },
  }),
  route('/organizations', 'Organizations', () => import('./pages/organizations/index.tsx'), {
    requires: 'root',
    navigation: { group: 'instance', label: 'Organizations', icon: 'organizations' },
  }),
  route(IN, 'Organization', () => import('./pages/organization/index.tsx'), {
    navigation: { group: 'organization', label: 'Overview', icon: 'overview' },
  }),
  route(`${IN}/clients`, 'Clients', () => import('./pages/clients/index.tsx'), {
    requires: 'clients:read',
    navigation: { group: 'organization', label: 'Clients', icon: 'clients' },
  }),
  route(`${IN}/clients/new`, 'New client', () => import('./pages/new-client/index.tsx'), { requires: 'clients:write' }),
  route(`${IN}/clients/:clientId`, 'Client', () => import('./pages/client/index.tsx'), { requires: 'clients:read' }),
  route(`${IN}/clients/:clientId/rotate`, 'Rotate the secret', () => import('./pages/rotate/index.tsx'), {
    requires: 'clients:write',
  }),
  route(`${IN}/resource-servers`, 'Resource servers', () => import('./pages/resource-servers/index.tsx'), {
    requires: 'resource-servers:read',
    navigation: { group: 'organization', label: 'Resource servers', icon: 'servers' },
  }),
  route(`${IN}/resource-servers/new`, 'New resource server', () => import('./pages/new-resource-server/index.tsx'), {
    requires: 'resource-servers:write',
  }),
  route(`${IN}/resource-servers/:id`, 'Resource server', () => import('./pages/resource-server/index.tsx'), {
    requires: 'resource-servers:read',
  }),
  route(`${IN}/roles`, 'Roles', () => import('./pages/roles/index.tsx'), {
    requires: 'roles:read',
    navigation: { group: 'organization', label: 'Roles', icon: 'roles' },
  }),
  route(`${IN}/roles/new`, 'New role', () => import('./pages/new-role/index.tsx'), { requires: 'roles:write' }),
  route(`${IN}/roles/:id`, 'Role', () => import('./pages/role/index.tsx'), { requires: 'roles:read' }),
  route(`${IN}/api-keys`, 'API keys', () => import('./pages/api-keys/index.tsx'), {
    requires: 'api-keys:read',
    navigation: { group: 'organization', label: 'API keys', icon: 'keys' },
  }),
  route(`${IN}/webhooks`, 'Webhooks', () => import('./pages/webhooks/index.tsx'), {
    requires: 'webhooks:read',
    navigation: { group: 'organization', label: 'Webhooks', icon: 'webhooks' },
  }),
  route(`${IN}/webhooks/:id`, 'Webhook', () => import('./pages/webhook/index.tsx'), { requires: 'webhooks:read' }),
  route(`${IN}/audit`, 'Audit log', () => import('./pages/audit/index.tsx'), {
    requires: 'audit:read',
    navigation: { group: 'organization', label: 'Audit log', icon: 'audit' },
  }),
  route(`${IN}/export`, 'Export', () => import('./pages/export/index.tsx'), {
    requires: 'clients:read',
    navigation: { group: 'organization', label: 'Export', icon: 'export' },
  }),
  route('/audit', 'Audit log', () => import('./pages/audit/index.tsx'), {
    requires: 'root',
    navigation: { group: 'instance', label: 'Audit log', icon: 'audit' },
  }),
  route('/webhooks', 'Webhooks', () => import('./pages/webhooks/index.tsx'), {
    requires: 'root',
    navigation: { group: 'instance', label: 'Webhooks', icon: 'webhooks' },
  }),
  route('/webhooks/:id', 'Webhook', () => import('./pages/webhook/index.tsx'), { requires: 'root' }),
  route('/signing-keys', 'Signing keys', () => import('./pages/signing-keys/index.tsx'), {
    requires: 'root',
    navigation: { group: 'instance', label: 'Signing keys', icon: 'keys' },
  }),
  route('/master-keys', 'Master keys', () => import('./pages/master-keys/index.tsx'), {
    requires: 'root',
    navigation: { group: 'instance', label: 'Master keys', icon: 'lock' },
  }),
];
