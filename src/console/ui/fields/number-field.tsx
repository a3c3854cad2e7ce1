import { useState } from 'react';
import { Field, type FieldProps, useControl } from './field.tsx';

interface NumberProps {
  /** null when it is empty. */
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  /** Is shown after the number. */
  readonly unit?: string;
  readonly placeholder?: string;
}

export function NumberField({ name, label, help, isRequired, ...input }: FieldProps & NumberProps) {
  return (
    <Field name={name} label={label} help={help} isRequired={isRequired ?? true}>
      <div className="number-field">
        <NumberControl {...input} />
        {input.unit && <span className="faint">{input.unit}</span>}
      </div>
    </Field>
  );
}

/** The control alone. */
export function NumberControl({ value, onChange, min, max, step, placeholder }: NumberProps) {
  // What is typed is kept, because half of a number such as `1.` is none yet.
  const [typed, setTyped] = useState(() => textOf(value));
  const shown = numberOf(typed) === value ? typed : textOf(value);
  return (
    <input
      {...useControl()}
      className="input input-number"
      type="number"
      inputMode="decimal"
      value={shown}
      min={min}
      max={max}
      step={step ?? 'any'}
      placeholder={placeholder}
      onChange={(event) => {
        setTyped(event.target.value);
        onChange(numberOf(event.target.value));
      }}
    />
  );
}

function textOf(value: number | null): string {
  return value === null ? '' : String(value);
}

function numberOf(text: string): number | null {
  return text.trim() === '' || Number.isNaN(Number(text)) ? null : Number(text);
}
