import { Field as Base } from '@base-ui/react/field';
import { Field, type FieldProps } from './field.tsx';

interface TextAreaFieldProps extends FieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly rows?: number;
  readonly isCode?: boolean;
}

export function TextAreaField({
  value,
  onChange,
  placeholder,
  rows = 4,
  isCode = false,
  ...field
}: TextAreaFieldProps) {
  return (
    <Field {...field}>
      <Base.Control
        className={isCode ? 'input code' : 'input'}
        value={value}
        placeholder={placeholder}
        spellCheck={isCode ? false : undefined}
        onValueChange={onChange}
        render={<textarea rows={rows} />}
      />
    </Field>
  );
}
