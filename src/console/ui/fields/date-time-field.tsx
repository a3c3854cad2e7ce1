import { Field, type FieldProps, useControl } from './field.tsx';
import { toLocal, toUtc, zoneNote } from './local-time.ts';

interface DateTimeProps {
  /** An RFC 3339 time. null when it is empty. */
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

/** A time, typed in the browser's time zone. It says which one that is, and the time in UTC that is sent. */
export function DateTimeField({ value, onChange, help, ...field }: FieldProps & DateTimeProps) {
  return (
    <Field
      {...field}
      help={
        <>
          {help} {zoneNote(value)}
        </>
      }
    >
      <DateTimeControl value={value} onChange={onChange} />
    </Field>
  );
}

function DateTimeControl({ value, onChange }: DateTimeProps) {
  return (
    <input
      {...useControl()}
      className="input input-date"
      type="datetime-local"
      value={value === null ? '' : toLocal(value)}
      onChange={({ target }) => onChange(target.value === '' ? null : toUtc(target.value))}
    />
  );
}
