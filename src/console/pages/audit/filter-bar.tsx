import { useEffect, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { ComboboxField } from '../../ui/fields/combobox-field.tsx';
import { DateTimeField } from '../../ui/fields/date-time-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { EVENT_GROUPS } from '../webhooks/events.ts';
import { type AuditFilters, FILTER_NAMES } from './filters.ts';

const ACTIONS = EVENT_GROUPS.flatMap(({ events }) =>
  Object.entries(events).map(([type, description]) => ({ value: type, label: type, help: description })),
);

interface FilterBarProps {
  readonly filters: AuditFilters;
  readonly onChange: (filters: AuditFilters) => void;
}

/** The filters above the list. Texts apply when they are submitted, choices at once. */
export function FilterBar({ filters, onChange }: FilterBarProps) {
  const [draft, setDraft] = useState(filters);
  const address = JSON.stringify(filters);
  // The address changes without this bar too, as by the button Back.
  useEffect(() => setDraft(JSON.parse(address)), [address]);
  const set = (name: keyof AuditFilters, value: string | null) => {
    const { [name]: _, ...others } = draft;
    return value ? { ...others, [name]: value } : others;
  };
  const apply = (changed: AuditFilters) => {
    setDraft(changed);
    onChange(changed);
  };
  const isFiltered = FILTER_NAMES.some((name) => filters[name] !== undefined);
  return (
    <search>
      <form
        className="filter-bar"
        onSubmit={(event) => {
          event.preventDefault();
          onChange(draft);
        }}
      >
        <ComboboxField
          name="/action"
          label="Action"
          isRequired={false}
          value={draft.action ?? ''}
          onChange={(value) => apply(set('action', value))}
          options={ACTIONS}
        />
        <TextField
          name="/actor"
          label="Actor"
          isRequired={false}
          placeholder="root, key_… or a client"
          value={draft.actor ?? ''}
          onChange={(value) => setDraft(set('actor', value))}
        />
        <TextField
          name="/target"
          label="Target"
          isRequired={false}
          placeholder="an id"
          value={draft.target ?? ''}
          onChange={(value) => setDraft(set('target', value))}
        />
        <TextField
          name="/request_id"
          label="Request"
          isRequired={false}
          placeholder="X-Request-Id"
          value={draft.request_id ?? ''}
          onChange={(value) => setDraft(set('request_id', value))}
        />
        <DateTimeField
          name="/from"
          label="From"
          isRequired={false}
          value={draft.from ?? null}
          onChange={(value) => apply(set('from', value))}
        />
        <DateTimeField
          name="/to"
          label="To"
          isRequired={false}
          value={draft.to ?? null}
          onChange={(value) => apply(set('to', value))}
        />
        <div className="filter-actions">
          <Button type="submit">Filter</Button>
          {isFiltered && (
            <Button kind="quiet" onClick={() => apply({})}>
              Clear
            </Button>
          )}
        </div>
      </form>
    </search>
  );
}
