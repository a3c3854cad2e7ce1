import { useState } from 'react';
import { Field, type FieldProps } from './field.tsx';
import { NumberControl } from './number-field.tsx';
import { SelectControl } from './select-field.tsx';

const UNITS = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 } as const;
type Unit = keyof typeof UNITS;

interface DurationFieldProps extends FieldProps {
  /** Seconds. null when it is empty. */
  readonly value: number | null;
  readonly onChange: (seconds: number | null) => void;
}

/** A number of seconds, typed in the unit that suits it. */
export function DurationField({ value, onChange, ...field }: DurationFieldProps) {
  const [unit, setUnit] = useState<Unit>(() => unitOf(value ?? 0));
  return (
    <Field {...field}>
      <div className="duration">
        <NumberControl
          min={0}
          value={value === null ? null : value / UNITS[unit]}
          onChange={(count) => onChange(count === null ? null : Math.round(count * UNITS[unit]))}
        />
        <SelectControl
          label={`Unit of ${field.label}`}
          value={unit}
          options={(Object.keys(UNITS) as Unit[]).map((each) => ({ value: each, label: each }))}
          onChange={(chosen) => {
            if (value !== null) onChange((value / UNITS[unit]) * UNITS[chosen]);
            setUnit(chosen);
          }}
        />
      </div>
    </Field>
  );
}

/** Returns the largest unit of which the duration has a whole number. */
function unitOf(seconds: number): Unit {
  const units = (Object.keys(UNITS) as Unit[]).reverse();
  return units.find((unit) => seconds > 0 && seconds % UNITS[unit] === 0) ?? 'seconds';
}
