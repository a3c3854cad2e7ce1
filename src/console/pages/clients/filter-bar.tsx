import { useEffect, useState } from 'react';
import { call } from '../../api/call.ts';
import type { Schema } from '../../api/types.ts';
import { Button } from '../../ui/button.tsx';
import { ComboboxField } from '../../ui/fields/combobox-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { TYPING_PAUSE_MS } from './constants.ts';
import { type FilterName, type Filters, isFiltered } from './filters.ts';
import { FILTER_OPTIONS, withValue } from './words.ts';

interface FilterBarProps {
  readonly organizationId: string;
  readonly filters: Filters;
  readonly onChange: (name: FilterName, value: string) => void;
  readonly onClear: () => void;
}

/** The filters of the list. The first three are always there. */
export function FilterBar({ organizationId, filters, onChange, onClear }: FilterBarProps) {
  const { name, status, unused_since, sort: _, ...more } = filters;
  const [isOpen, setOpen] = useState(Object.keys(more).length > 0);
  const select = (of: keyof typeof FILTER_OPTIONS, label: string) => (
    <SelectField
      name={of}
      label={label}
      options={withValue(FILTER_OPTIONS[of], filters[of] ?? '')}
      value={filters[of] ?? ''}
      onChange={(value) => onChange(of, value)}
    />
  );
  return (
    <search className="clients-filters">
      <div className="clients-filter-row">
        <TypedField
          label="Search by name"
          value={name ?? ''}
          placeholder="Begins with…"
          onChange={(value) => onChange('name', value)}
        />
        {select('status', 'Status')}
        {select('unused_since', 'Use')}
        {select('sort', 'Order')}
        <div className="clients-filter-buttons">
          <Button kind="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Fewer filters' : 'More filters'}
          </Button>
          {isFiltered(filters) && (
            <Button kind="quiet" onClick={onClear}>
              Clear
            </Button>
          )}
        </div>
      </div>
      {isOpen && (
        <div className="clients-filter-row">
          {select('auth_method', 'Method')}
          {select('expires_before', 'Expires')}
          <TypedField
            label="Owner"
            value={filters.owner ?? ''}
            placeholder="Exactly"
            onChange={(value) => onChange('owner', value)}
          />
          <ComboboxField
            name="role"
            label="Role"
            value={filters.role ?? ''}
            onChange={(value) => onChange('role', value)}
            options={(text) => namesOf('/v1/roles', organizationId, text, ({ name }: Schema<'Role'>) => name)}
          />
          <ComboboxField
            name="resource_server"
            label="Resource server"
            value={filters.resource_server ?? ''}
            onChange={(value) => onChange('resource_server', value)}
            options={(text) =>
              namesOf(
                '/v1/resource-servers',
                organizationId,
                text,
                ({ identifier }: Schema<'ResourceServer'>) => identifier,
              )
            }
          />
        </div>
      )}
    </search>
  );
}

/** A text field that reports what was typed once the typing pauses. */
function TypedField(props: {
  readonly label: string;
  readonly value: string;
  readonly placeholder: string;
  readonly onChange: (value: string) => void;
}) {
  const { label, value, placeholder, onChange } = props;
  const [text, setText] = useState(value);
  // The address may change by other means, such as the back button.
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  });
  return <TextField name={label} label={label} value={text} placeholder={placeholder} onChange={setText} />;
}

async function namesOf<T>(path: string, organizationId: string, text: string, nameOf: (item: T) => string) {
  const query = { organization_id: organizationId, limit: 100 };
  const { body } = await call<{ readonly data: readonly T[] }>({ method: 'get', path, params: { query } });
  const names = body.data.map(nameOf).filter((name) => name.toLowerCase().includes(text.toLowerCase()));
  return names.map((name) => ({ value: name, label: name }));
}
