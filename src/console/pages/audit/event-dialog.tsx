import { Link } from 'wouter';
import { isJsonObject } from '../../../lib/json.ts';
import { commandFor } from '../../api/command.ts';
import { organizationAddress, useMaybeOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Id } from '../../ui/id.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Time } from '../../ui/time.tsx';
import { describeEvent } from '../webhooks/events.ts';
import { type Difference, differencesOf, listChanges } from './differences.ts';
import { writeFilters } from './filters.ts';
import { Actor, type AuditEvent, Target } from './subjects.tsx';

/** How many earlier events about the same target are read to find what its fields had before. */
const EARLIER_MAX = 100;

/** One event: who did what, and what each field had before and after. */
export function EventDialog({ event, onClose }: { readonly event: AuditEvent; readonly onClose: () => void }) {
  const organizationId = useMaybeOrganization();
  const query = { organization_id: organizationId, target: event.target, to: event.at, limit: EARLIER_MAX };
  const found = useResource('/v1/audit-events', { query }, { enabled: event.action.endsWith('.updated') });
  const position = found.data?.data.findIndex(({ id }) => id === event.id) ?? -1;
  const earlier = position < 0 ? [] : (found.data?.data.slice(position + 1) ?? []);
  const differences = differencesOf(event, earlier).filter(({ field }) => field !== 'cascade_of');
  const base = organizationId === undefined ? '/audit' : organizationAddress(organizationId, '/audit');
  const cause = event.changes.cascade_of;
  return (
    <Dialog isOpen onClose={onClose} closeLabel="Close" title={event.action} description={describeEvent(event.action)}>
      {differences.length > 0 && <Differences differences={differences} isLoading={found.isLoading} />}
      <KeyValue
        items={[
          { label: 'When', value: <Time at={event.at} /> },
          { label: 'Actor', value: <Actor event={event} /> },
          { label: 'Target', value: <Target event={event} /> },
          ...(event.organization_id !== null && organizationId === undefined
            ? [
                {
                  label: 'Organization',
                  value: <Link href={organizationAddress(event.organization_id)}>{event.organization_id}</Link>,
                },
              ]
            : []),
          ...(!event.address ? [] : [{ label: 'Address', value: <SafeText text={event.address} /> }]),
          ...(event.request_id === null
            ? []
            : [
                {
                  label: 'Request',
                  value: (
                    <>
                      <Id value={event.request_id} />{' '}
                      <Link href={`${base}${writeFilters({ request_id: event.request_id })}`} onClick={onClose}>
                        All of its events
                      </Link>
                    </>
                  ),
                },
              ]),
          ...(typeof cause === 'string' ? [{ label: 'Caused by', value: <Id value={cause} /> }] : []),
          { label: 'Event ID', value: <Id value={event.id} /> },
        ]}
      />
      <p>
        <Link href={`${base}${writeFilters({ target: event.target })}`} onClick={onClose}>
          All events about this target
        </Link>
      </p>
      <CallHint
        call={{ method: 'get', path: `/v1/audit-events?target=${encodeURIComponent(event.target)}` }}
        command={commandFor(['audit', 'list'], { target: event.target, organization: organizationId })}
      />
    </Dialog>
  );
}

function Differences({
  differences,
  isLoading,
}: {
  readonly differences: readonly Difference[];
  readonly isLoading: boolean;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls, so the keyboard must reach it.
    <section className="table-scroll" aria-label="Changed fields" tabIndex={0}>
      <table className="table differences">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {differences.map(({ field, before, after, isBeforeKnown }) => {
            const changes = isBeforeKnown ? listChanges(before, after) : undefined;
            return (
              <tr key={field}>
                <th scope="row">
                  <code>
                    <SafeText text={field} />
                  </code>
                </th>
                <td>
                  {changes ? (
                    changes.removed.length > 0 ? (
                      <Items sign="−" items={changes.removed} />
                    ) : (
                      <span className="faint">—</span>
                    )
                  ) : isBeforeKnown ? (
                    <Value value={before} />
                  ) : (
                    <span className="faint">{isLoading ? '…' : 'not recorded'}</span>
                  )}
                </td>
                <td>
                  {changes ? (
                    <>
                      <Items sign="+" items={changes.added} />
                      {changes.kept > 0 && <div className="faint small">{changes.kept} unchanged</div>}
                    </>
                  ) : (
                    <Value value={after} />
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Items({ sign, items }: { readonly sign: string; readonly items: readonly unknown[] }) {
  return items.map((item) => (
    <div key={JSON.stringify(item)} className={sign === '+' ? 'added' : 'removed'}>
      {sign} <Value value={item} />
    </div>
  ));
}

function Value({ value }: { readonly value: unknown }) {
  if (value === undefined || value === null) return <span className="faint">none</span>;
  const isText = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (isText) return <SafeText text={String(value)} />;
  const isEmpty = Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
  if (isEmpty) return <span className="faint">none</span>;
  return (
    <code className="json">
      <SafeText text={JSON.stringify(value)} />
    </code>
  );
}
