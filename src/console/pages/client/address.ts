/** Returns the address of a client in the console. @param tab a part of its page */
export function clientAddress(organizationId: string, clientId: string, tab?: string): string {
  return `${clientsAddress(organizationId)}/${encodeURIComponent(clientId)}${tab === undefined ? '' : `#${tab}`}`;
}

/** Returns the address of an organization's clients in the console. */
export function clientsAddress(organizationId: string): string {
  return `/organizations/${encodeURIComponent(organizationId)}/clients`;
}

/** Returns the path of a client in the API. @param rest begins with a slash */
export function clientPath(clientId: string, rest = ''): string {
  return `/v1/clients/${encodeURIComponent(clientId)}${rest}`;
}
