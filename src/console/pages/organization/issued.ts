import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { useNow } from '../../ui/time.tsx';

const HOUR_MS = 3_600_000;

/**
 * Returns how many tokens were issued in the last 24 hours, which is the longest that one lives. Undefined while it is read, or if the
 * session may not read it.
 * @param organizationId all organizations if it is undefined
 */
export function useIssuedInADay(organizationId: string | undefined, enabled = true): number | undefined {
  const mayRead = useCan('clients:read');
  // To the hour, so that the address of the query stays the same while a dialog is open.
  const from = new Date(Math.floor(useNow() / HOUR_MS) * HOUR_MS - 24 * HOUR_MS).toISOString();
  const query = { organization_id: organizationId, from, limit: 100 };
  const { data } = useResource('/v1/usage', { query }, { enabled: enabled && mayRead });
  return data?.data.reduce((sum, { issued }) => sum + issued, 0);
}
