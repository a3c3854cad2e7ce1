import { useState } from 'react';
import { Button } from './button.tsx';
import { FieldGroup, type FieldProps } from './fields/field.tsx';
import { Icon } from './icon.tsx';

interface MembersFieldProps extends FieldProps {
  readonly value: Readonly<Record<string, string>>;
  readonly onChange: (value: Record<string, string>) => void;
}

/** Names with texts, such as metadata. A row without a name is left out. */
export function MembersField({ value, onChange, ...field }: MembersFieldProps) {
  // Rows, because while a name is typed it can be empty, or equal another one.
  const [rows, setRows] = useState(() => Object.entries(value).map(([name, text], key) => ({ key, name, text })));
  const change = (changed: typeof rows) => {
    setRows(changed);
    onChange(Object.fromEntries(changed.filter(({ name }) => name !== '').map(({ name, text }) => [name, text])));
  };
  const update = (key: number, part: { name?: string; text?: string }) =>
    change(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  return (
    <FieldGroup {...field}>
      {rows.map(({ key, name, text }, index) => (
        <div key={key} className="member-row">
          <input
            className="input code"
            aria-label={`Name ${index + 1} of ${field.label}`}
            placeholder="name"
            value={name}
            onChange={(event) => update(key, { name: event.target.value })}
          />
          <input
            className="input"
            aria-label={`Value ${index + 1} of ${field.label}`}
            placeholder="value"
            value={text}
            onChange={(event) => update(key, { text: event.target.value })}
          />
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove row ${index + 1} of ${field.label}`}
            onClick={() => change(rows.filter((row) => row.key !== key))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <div>
        <Button
          size="small"
          onClick={() =>
            setRows([...rows, { key: Math.max(-1, ...rows.map((row) => row.key)) + 1, name: '', text: '' }])
          }
        >
          Add a row
        </Button>
      </div>
    </FieldGroup>
  );
}
