import { NumberField as Base } from '@base-ui/react/number-field';
import { Field, type FieldProps } from './field.tsx';

interface NumberFieldProps extends FieldProps {
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

export function NumberField({ value, onChange, min, max, step = 1, unit, placeholder, ...field }: NumberFieldProps) {
  return (
    <Field {...field}>
      <Base.Root
        value={value}
        onValueChange={onChange}
        {...(min !== undefined && { min })}
        {...(max !== undefined && { max })}
        step={step}
        className="number-field"
      >
        <Base.Input className="input input-number" placeholder={placeholder} />
        {unit && <span className="faint">{unit}</span>}
      </Base.Root>
    </Field>
  );
}
