import { Link } from 'wouter';
import type { Schema } from '../../api/types.ts';
import { SafeText } from '../../ui/safe-text.tsx';
import { actorAddress, actorName, targetAddress } from './links.ts';

export type AuditEvent = Schema<'AuditEvent'>;

/** The id of what changed, with a link to it if it has a page. */
export function Target({ event }: { readonly event: AuditEvent }) {
  const address = targetAddress(event);
  const name = nameIn(event.changes);
  const text = name === undefined ? event.target : `${name}`;
  const shown = <SafeText text={text} />;
  return <span title={event.target}>{address === undefined ? shown : <Link href={address}>{shown}</Link>}</span>;
}

/** The name that an event gives its target: a creation, a change of the name, and a deletion do. */
function nameIn({ name, client_name, identifier }: AuditEvent['changes']): string | undefined {
  return [client_name, name, identifier].find((value) => typeof value === 'string');
}

export function Actor({ event }: { readonly event: AuditEvent }) {
  const address = actorAddress(event);
  const shown = <SafeText text={actorName(event.actor)} />;
  return address === undefined ? <span className="keys-nowrap">{shown}</span> : <Link href={address}>{shown}</Link>;
}
