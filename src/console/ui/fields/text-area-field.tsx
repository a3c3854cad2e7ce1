import { Field, type FieldProps, useControl } from './field.tsx';

interface AreaProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly rows?: number;
  readonly isCode?: boolean;
}

export function TextAreaField({ value, onChange, placeholder, rows, isCode, ...field }: FieldProps & AreaProps) {
  return (
    <Field {...field}>
      <Area
        value={value}
        onChange={onChange}
        {...(placeholder !== undefined && { placeholder })}
        rows={rows ?? 4}
        isCode={isCode ?? false}
      />
    </Field>
  );
}

function Area({ value, onChange, placeholder, rows, isCode }: AreaProps) {
  return (
    <textarea
      {...useControl()}
      className={isCode ? 'input code' : 'input'}
      value={value}
      placeholder={placeholder}
      rows={rows}
      spellCheck={isCode ? false : undefined}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
