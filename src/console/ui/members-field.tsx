import { useState } from 'react';
import { Button } from './button.tsx';
import { FieldGroup, type FieldProps } from './fields/field.tsx';
import { useIsRefused } from './form.tsx';
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
      {rows.map(({ key, ...row }, index) => (
        <MemberRow
          key={key}
          {...row}
          pointer={`${field.name}/${row.name.replaceAll('~', '~0').replaceAll('/', '~1')}`}
          label={`${index + 1} of ${field.label}`}
          onChange={(part) => update(key, part)}
          onRemove={() => change(rows.filter((other) => other.key !== key))}
        />
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

interface MemberRowProps {
  readonly name: string;
  readonly text: string;
  readonly pointer: string;
  /** Follows the names of its controls. */
  readonly label: string;
  readonly onChange: (part: { name?: string; text?: string }) => void;
  readonly onRemove: () => void;
}

function MemberRow({ name, text, pointer, label, onChange, onRemove }: MemberRowProps) {
  const isRefused = useIsRefused(pointer) || undefined;
  return (
    <div className="member-row">
      <input
        className="input code"
        aria-label={`Name ${label}`}
        aria-invalid={isRefused}
        placeholder="name"
        value={name}
        onChange={({ target }) => onChange({ name: target.value })}
      />
      <input
        className="input"
        aria-label={`Value ${label}`}
        aria-invalid={isRefused}
        placeholder="value"
        value={text}
        onChange={({ target }) => onChange({ text: target.value })}
      />
      <button type="button" className="icon-button" aria-label={`Remove row ${label}`} onClick={onRemove}>
        <Icon name="close" />
      </button>
    </div>
  );
}
