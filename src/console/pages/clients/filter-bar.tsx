import { useEffect, useState } from 'react';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { ComboboxField } from '../../ui/fields/combobox-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { useCompleteList } from '../grants/use-complete-list.ts';
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
  const query = { organization_id: organizationId };
  const roles = useCompleteList('/v1/roles', { query }, { enabled: useCan('roles:read') && isOpen });
  const servers = useCompleteList(
    '/v1/resource-servers',
    { query },
    { enabled: useCan('resource-servers:read') && isOpen },
  );
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
            options={roles.rows.map(({ name }) => ({ value: name, label: name }))}
          />
          <ComboboxField
            name="resource_server"
            label="Resource server"
            value={filters.resource_server ?? ''}
            onChange={(value) => onChange('resource_server', value)}
            options={servers.rows.map(({ identifier }) => ({ value: identifier, label: identifier }))}
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
