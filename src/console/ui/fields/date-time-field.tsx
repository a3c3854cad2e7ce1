import { Field, type FieldProps, useControl } from './field.tsx';

interface DateTimeProps {
  /** An RFC 3339 time. null when it is empty. */
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
  readonly min?: string;
}

/** A time, typed in the browser's time zone. */
export function DateTimeField({ value, onChange, min, ...field }: FieldProps & DateTimeProps) {
  return (
    <Field {...field}>
      <DateTimeControl value={value} onChange={onChange} {...(min !== undefined && { min })} />
    </Field>
  );
}

function DateTimeControl({ value, onChange, min }: DateTimeProps) {
  return (
    <input
      {...useControl()}
      className="input input-date"
      type="datetime-local"
      value={value === null ? '' : toLocal(value)}
      min={min === undefined ? undefined : toLocal(min)}
      onChange={({ target }) => onChange(target.value === '' ? null : new Date(target.value).toISOString())}
    />
  );
}

function toLocal(value: string): string {
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
