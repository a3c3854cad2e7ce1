import { useRoute } from 'wouter';
import { useSession } from './session.tsx';

/** Returns the id of the organization in the address. On pages without one, that of the session, or undefined. */
export function useMaybeOrganization(): string | undefined {
  const session = useSession();
  const [, params] = useRoute('/organizations/:organizationId/*?');
  return params?.organizationId ?? session.organization?.id;
}

/** Returns the id of the organization in the address. Use it on pages below `/organizations/:organizationId`. */
export function useOrganization(): string {
  return useMaybeOrganization() ?? '';
}

/** Returns the address of a page of an organization. @param rest such as `/clients` */
export function organizationAddress(organizationId: string, rest = ''): string {
  return `/organizations/${encodeURIComponent(organizationId)}${rest}`;
}
