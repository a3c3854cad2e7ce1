import { Field as Base } from '@base-ui/react/field';
import { Field, type FieldProps } from './field.tsx';

interface DateTimeFieldProps extends FieldProps {
  /** An RFC 3339 time. null when it is empty. */
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
  readonly min?: string;
}

/** A time, typed in the browser's time zone. */
export function DateTimeField({ value, onChange, min, ...field }: DateTimeFieldProps) {
  return (
    <Field {...field}>
      <Base.Control
        className="input input-date"
        type="datetime-local"
        value={value === null ? '' : toLocal(value)}
        {...(min !== undefined && { min: toLocal(min) })}
        onValueChange={(text) => onChange(text === '' ? null : new Date(text).toISOString())}
      />
    </Field>
  );
}

function toLocal(value: string): string {
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
